"""Methods that change a tensor's shape in place: ``unsqueeze_``, ``squeeze_``, ``t_``, ``transpose_``.

No element moves. The tensor becomes a view of what it was, which stands in its place as the base of its views, so that
writes reach all of them as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.tensor.ambient import tensor_of
from functorch_lite.tensor.grad_mode import recording
from functorch_lite.tensor.graph import move_retained
from functorch_lite.tensor.in_place import own_memory, refuse_leaf
from functorch_lite.tensor.tensor import Tensor

__all__ = ["RESHAPING", "install_reshaping"]

#: The methods that have a form in place, of the same name with an underscore.
RESHAPING = ("squeeze", "swapaxes", "swapdims", "t", "transpose", "unsqueeze")


def install_reshaping() -> None:
    """Give tensors the methods that change their shape in place."""
    for name in RESHAPING:
        setattr(Tensor, f"{name}_", _method(name))


def _method(name: str) -> Callable[..., Any]:
    def in_place(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _reshaped(self, f"{name}_", lambda x: getattr(type(x), name)(x, *args, **kwargs))

    in_place.__name__ = f"{name}_"
    in_place.__doc__ = f"Give the tensor the shape of the view `{name}`, whose arguments it takes; return the tensor."
    return in_place


def _reshaped(x: Any, name: str, view_of: Callable[[Any], Any]) -> Any:
    """Let a tensor become a view of itself; return it."""
    refuse_leaf(x, name)
    if type(x.value) is not np.ndarray:
        own_memory(x, name)
    if not recording() and not x.is_leaf:
        raise RuntimeError(
            f"{name} of a tensor of shape {x.shape} that is the result of {x.grad_fn}, where nothing is recorded: its "
            f"history could not follow its shape. Use the method without the underscore, or detach it first."
        )
    if x._view is None and x.is_leaf and not x._live_views():
        x._set_value(view_of(tensor_of(x.value, None)).value)
        return x
    before = x.node
    source = x if x._view is not None else _stand_in(x, name)
    view = view_of(source)
    x.value, x.node, x._view = view.value, view.node, view._view if view is not source else (source, ())
    x._view[0]._add_view(x)
    if before is not None and x.node is not None and x.node is not before:
        move_retained(x, before)
    return x


def _stand_in(x: Any, name: str) -> Any:
    """Return what a tensor was, as the base of its views."""
    if x.value.flags.writeable:
        own_memory(x, name)
    base = tensor_of(x.value, x.node)
    base._inference = x._inference
    for view in x._live_views():
        view._view = base, view._view[1]
        base._add_view(view)
    x._views, x._stale, x._derived = (), 0, ()
    return base
