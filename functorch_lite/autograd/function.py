"""``ft.autograd.function``: what operations with derivatives of their own are made of."""

from functorch_lite.tensor.function import Function
from functorch_lite.tensor.function import FunctionContext as FunctionCtx
from functorch_lite.tensor.once_differentiable import once_differentiable

__all__ = ["Function", "FunctionCtx", "once_differentiable"]
