"""``ft.autograd.function``: what operations with derivatives of their own are made of."""

from functorch_lite.tensor.function import Function, once_differentiable
from functorch_lite.tensor.function import FunctionContext as FunctionCtx

__all__ = ["Function", "FunctionCtx", "once_differentiable"]
