"""Automatic differentiation of NumPy programs in pure Python.

``import functorch_lite as ft``: the transformations `grad`, `vjp`, `jvp`, `vmap`, `jacobian`, `hessian` and their kin,
of pure functions written in plain NumPy. They compose freely.
"""

import functorch_lite.calculus
import functorch_lite.numpy  # noqa: F401 - tracers name it as their namespace
from functorch_lite import linalg, random
from functorch_lite.core import tree
from functorch_lite.core.errors import EscapedTracerError, TracerConversionError
from functorch_lite.core.trace import is_tracer
from functorch_lite.testing import GradcheckError, check_grads, gradcheck, gradgradcheck
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.checkpointing import checkpoint
from functorch_lite.transforms.collectives import all_gather, axis_index, axis_size, pmax, pmean, pmin, psum
from functorch_lite.transforms.control_flow import cond, fori_loop, switch, while_loop
from functorch_lite.transforms.custom import custom_jvp, custom_vjp, stop_gradient
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.hessian_products import hessian_diag, hvp, vhp
from functorch_lite.transforms.implicit import fixed_point, implicit_root
from functorch_lite.transforms.jacobians import hessian, jacfwd, jacobian, jacrev, value_and_jacobian
from functorch_lite.transforms.linear_systems import custom_linear_solve
from functorch_lite.transforms.reverse import grad, grad_and_value, linear_transpose, linearize, value_and_grad, vjp
from functorch_lite.transforms.scans import associative_scan, map, scan
from functorch_lite.transforms.sparsity import sparse_hessian, sparse_jacobian
from functorch_lite.transforms.taylor import derivative, jet
from functorch_lite.transforms.vector_calculus import curl, divergence, laplacian

__version__ = "0.1.0"

__all__ = [
    "EscapedTracerError",
    "GradcheckError",
    "TracerConversionError",
    "all_gather",
    "associative_scan",
    "axis_index",
    "axis_size",
    "check_grads",
    "checkpoint",
    "cond",
    "curl",
    "custom_jvp",
    "custom_linear_solve",
    "custom_vjp",
    "derivative",
    "divergence",
    "fixed_point",
    "fori_loop",
    "grad",
    "grad_and_value",
    "gradcheck",
    "gradgradcheck",
    "hessian",
    "hessian_diag",
    "hvp",
    "implicit_root",
    "is_tracer",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jet",
    "jvp",
    "laplacian",
    "linalg",
    "linear_transpose",
    "linearize",
    "map",
    "pmax",
    "pmean",
    "pmin",
    "psum",
    "random",
    "scan",
    "sparse_hessian",
    "sparse_jacobian",
    "stop_gradient",
    "switch",
    "tree",
    "value_and_grad",
    "value_and_jacobian",
    "vhp",
    "vjp",
    "vmap",
    "while_loop",
]
