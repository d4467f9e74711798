"""``ft.autograd``: derivatives in the object style, under PyTorch's names."""

from functorch_lite.autograd import forward_ad, function, functional, graph
from functorch_lite.tensor.anomaly import detect_anomaly, set_detect_anomaly
from functorch_lite.tensor.engine import backward, grad
from functorch_lite.tensor.function import Function
from functorch_lite.tensor.functional import higher_order_grad
from functorch_lite.tensor.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from functorch_lite.tensor.once_differentiable import once_differentiable
from functorch_lite.tensor.tracked import track_grad
from functorch_lite.testing import gradcheck, gradgradcheck

__all__ = [
    "Function",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "function",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "higher_order_grad",
    "inference_mode",
    "no_grad",
    "once_differentiable",
    "set_detect_anomaly",
    "set_grad_enabled",
    "track_grad",
]
