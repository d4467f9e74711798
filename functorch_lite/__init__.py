"""Automatic differentiation of NumPy programs in pure Python."""
from functorch_lite import calculus
from functorch_lite.core import tree
from functorch_lite.core.trace import is_tracer
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.reverse import grad, grad_and_value, linear_transpose, linearize, value_and_grad, vjp
