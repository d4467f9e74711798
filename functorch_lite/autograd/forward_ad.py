"""``ft.autograd.forward_ad``: forward mode by levels. `functorch_lite.jvp` does the same for a function."""

from functorch_lite.tensor.dual_levels import (
    UnpackedDualTensor,
    dual_level,
    enter_dual_level,
    exit_dual_level,
    make_dual,
    unpack_dual,
)

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]
