"""Automatic differentiation of NumPy programs in pure Python.

``import functorch_lite as ft``: the transformations `grad`, `vjp`, `jvp`, `vmap`, `jacobian`, `hessian` and their kin,
of pure functions written in plain NumPy, which compose freely; and tensors that remember how they were computed, with
``backward``. Both styles are one engine.
"""

from importlib import import_module
from math import e, inf, nan, pi
from typing import TYPE_CHECKING, Any

import functorch_lite.calculus
import functorch_lite.numpy.writing
import functorch_lite.tensor.installation  # noqa: F401 - tracers name the namespace, and get the methods
from functorch_lite.core import tree
from functorch_lite.core.errors import EscapedTracerError, TracerConversionError
from functorch_lite.core.trace import is_tracer
from functorch_lite.tensor.anomaly import is_anomaly_enabled
from functorch_lite.tensor.creation import (
    arange,
    as_tensor,
    empty,
    eye,
    from_numpy,
    full,
    get_default_dtype,
    is_tensor,
    linspace,
    logspace,
    ones,
    set_default_dtype,
    tensor,
    zeros,
)
from functorch_lite.tensor.creation_alike import empty_like, full_like, ones_like, zeros_like
from functorch_lite.tensor.dtypes import *  # noqa: F403 - its __all__ is public as a whole
from functorch_lite.tensor.functions import *  # noqa: F403 - likewise
from functorch_lite.tensor.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from functorch_lite.tensor.random_tensors import (
    get_rng_state,
    manual_seed,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    set_rng_state,
)
from functorch_lite.tensor.tensor import Tensor, fwbw_all_zero
from functorch_lite.tensor.tracked import track_grad
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.checkpointing import checkpoint
from functorch_lite.transforms.collectives import all_gather, axis_index, axis_size, pmax, pmean, pmin, psum
from functorch_lite.transforms.control_flow import cond, fori_loop, switch, while_loop
from functorch_lite.transforms.custom import custom_jvp, custom_vjp, stop_gradient
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.hessian_products import hessian_diag, hvp, vhp
from functorch_lite.transforms.hessians import hessian
from functorch_lite.transforms.implicit import fixed_point, implicit_root
from functorch_lite.transforms.jacobians import jacfwd, jacobian, jacrev, value_and_jacobian
from functorch_lite.transforms.linear_systems import custom_linear_solve
from functorch_lite.transforms.reverse import grad, grad_and_value, linear_transpose, linearize, value_and_grad, vjp
from functorch_lite.transforms.scans import associative_scan, map, scan

if TYPE_CHECKING:
    from functorch_lite import autograd, cuda, debug, fft, func, linalg, nn, optim, random
    from functorch_lite.nn.functional import (
        adaptive_avg_pool1d,
        adaptive_max_pool1d,
        avg_pool1d,
        bilinear,
        channel_shuffle,
        conv1d,
        conv2d,
        conv3d,
        conv_transpose1d,
        conv_transpose2d,
        conv_transpose3d,
        group_norm,
        hardshrink,
        max_pool1d,
        max_pool1d_with_indices,
        max_pool2d,
        max_pool3d,
        pairwise_distance,
        pdist,
        pixel_shuffle,
        pixel_unshuffle,
        rms_norm,
        rrelu,
        threshold,
    )
    from functorch_lite.program.jit import jit, make_program
    from functorch_lite.program.program import Program
    from functorch_lite.tensor.devices import Generator, device
    from functorch_lite.tensor.spectra import (
        bartlett_window,
        blackman_window,
        hamming_window,
        hann_window,
        istft,
        kaiser_window,
        stft,
    )
    from functorch_lite.testing import GradcheckError, check_grads, gradcheck, gradgradcheck
    from functorch_lite.transforms.sparsity import sparse_hessian, sparse_jacobian
    from functorch_lite.transforms.taylor import derivative, jet
    from functorch_lite.transforms.vector_calculus import curl, divergence, laplacian

__version__ = "0.1.0"

#: What a shape is.
Size: type[tuple[Any, ...]] = tuple

#: A new axis in an index: ``x[:, newaxis]``.
newaxis = None

__all__ = [
    "EscapedTracerError",
    "Generator",
    "GradcheckError",
    "Program",
    "Size",
    "Tensor",
    "TracerConversionError",
    "adaptive_avg_pool1d",
    "adaptive_max_pool1d",
    "all_gather",
    "arange",
    "as_tensor",
    "associative_scan",
    "autograd",
    "avg_pool1d",
    "axis_index",
    "axis_size",
    "bartlett_window",
    "bilinear",
    "blackman_window",
    "channel_shuffle",
    "check_grads",
    "checkpoint",
    "cond",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cuda",
    "curl",
    "custom_jvp",
    "custom_linear_solve",
    "custom_vjp",
    "debug",
    "derivative",
    "device",
    "divergence",
    "e",
    "empty",
    "empty_like",
    "enable_grad",
    "eye",
    "fft",
    "fixed_point",
    "fori_loop",
    "from_numpy",
    "full",
    "full_like",
    "func",
    "fwbw_all_zero",
    "get_default_dtype",
    "get_rng_state",
    "grad",
    "grad_and_value",
    "gradcheck",
    "gradgradcheck",
    "group_norm",
    "hamming_window",
    "hann_window",
    "hardshrink",
    "hessian",
    "hessian_diag",
    "hvp",
    "implicit_root",
    "inf",
    "inference_mode",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "is_tensor",
    "is_tracer",
    "istft",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jet",
    "jit",
    "jvp",
    "kaiser_window",
    "laplacian",
    "linalg",
    "linear_transpose",
    "linearize",
    "linspace",
    "logspace",
    "make_program",
    "manual_seed",
    "map",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool3d",
    "nan",
    "newaxis",
    "nn",
    "no_grad",
    "ones",
    "ones_like",
    "optim",
    "pairwise_distance",
    "pdist",
    "pi",
    "pixel_shuffle",
    "pixel_unshuffle",
    "pmax",
    "pmean",
    "pmin",
    "psum",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "random",
    "randperm",
    "rms_norm",
    "rrelu",
    "scan",
    "set_default_dtype",
    "set_grad_enabled",
    "set_rng_state",
    "sparse_hessian",
    "sparse_jacobian",
    "stft",
    "stop_gradient",
    "switch",
    "tensor",
    "threshold",
    "track_grad",
    "tree",
    "value_and_grad",
    "value_and_jacobian",
    "vhp",
    "vjp",
    "vmap",
    "while_loop",
    "zeros",
    "zeros_like",
]

# fmt: off
#: The functions of ``nn.functional`` that PyTorch has at the top level as well, and those of signals.
_OF_LAYERS = (
    "adaptive_avg_pool1d", "adaptive_max_pool1d", "avg_pool1d", "bilinear", "channel_shuffle", "conv1d", "conv2d",
    "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "group_norm", "hardshrink",
    "max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool3d", "pairwise_distance", "pdist",
    "pixel_shuffle", "pixel_unshuffle", "rms_norm", "rrelu", "threshold",
)
_OF_SPECTRA = (
    "bartlett_window", "blackman_window", "hamming_window", "hann_window", "istft", "kaiser_window", "stft",
)
# fmt: on

#: What is loaded when it is first asked for, so that what a program does not use costs it no time: by name the module
#: that has it, or is it.
_LATE = {
    **{name: name for name in ("autograd", "cuda", "debug", "fft", "func", "linalg", "nn", "optim", "program")},
    **{name: name for name in ("random", "scipy", "special", "testing")},
    **dict.fromkeys(("jit", "make_program"), "program.jit"),
    "Program": "program.program",
    **dict.fromkeys(_OF_LAYERS, "nn.functional"),
    **dict.fromkeys(("Generator", "device"), "tensor.devices"),
    **dict.fromkeys(_OF_SPECTRA, "tensor.spectra"),
    **dict.fromkeys(("GradcheckError", "check_grads", "gradcheck", "gradgradcheck"), "testing"),
    **dict.fromkeys(("sparse_hessian", "sparse_jacobian"), "transforms.sparsity"),
    **dict.fromkeys(("derivative", "jet"), "transforms.taylor"),
    **dict.fromkeys(("curl", "divergence", "laplacian"), "transforms.vector_calculus"),
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_LATE[name]}")
    value = globals()[name] = module if _LATE[name] == name else getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE})
