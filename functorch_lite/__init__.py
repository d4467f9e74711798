"""Automatic differentiation of NumPy programs in pure Python.

``import functorch_lite as ft``: the transformations `grad`, `vjp`, `jvp`, `vmap`, `jacobian`, `hessian` and their kin,
of pure functions written in plain NumPy. They compose freely.
"""

import functorch_lite.calculus
import functorch_lite.numpy  # noqa: F401 - tracers name it as their namespace
from functorch_lite.core import tree
from functorch_lite.core.errors import EscapedTracerError, TracerConversionError
from functorch_lite.core.trace import is_tracer
from functorch_lite.testing import GradcheckError, check_grads, gradcheck, gradgradcheck
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.checkpointing import checkpoint
from functorch_lite.transforms.custom import custom_jvp, custom_vjp, stop_gradient
from functorch_lite.transforms.forward import derivative, jvp
from functorch_lite.transforms.hessian_products import hessian_diag, hvp, vhp
from functorch_lite.transforms.jacobians import hessian, jacfwd, jacobian, jacrev, value_and_jacobian
from functorch_lite.transforms.reverse import grad, grad_and_value, linear_transpose, linearize, value_and_grad, vjp

__version__ = "0.1.0"

__all__ = [
    "EscapedTracerError",
    "GradcheckError",
    "TracerConversionError",
    "check_grads",
    "checkpoint",
    "custom_jvp",
    "custom_vjp",
    "derivative",
    "grad",
    "grad_and_value",
    "gradcheck",
    "gradgradcheck",
    "hessian",
    "hessian_diag",
    "hvp",
    "is_tracer",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linear_transpose",
    "linearize",
    "stop_gradient",
    "tree",
    "value_and_grad",
    "value_and_jacobian",
    "vhp",
    "vjp",
    "vmap",
]
