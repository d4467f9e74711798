"""Automatic differentiation of NumPy programs in pure Python."""

from functorch_lite import calculus as _calculus
from functorch_lite.core import tree
from functorch_lite.core.trace import is_tracer
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.checkpointing import checkpoint
from functorch_lite.transforms.custom import custom_jvp, custom_vjp, stop_gradient
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.jacobians import (
    derivative,
    hessian,
    hessian_diag,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    value_and_jacobian,
    vhp,
)
from functorch_lite.transforms.reverse import grad, grad_and_value, linear_transpose, linearize, value_and_grad, vjp

__version__ = "0.1.0"
