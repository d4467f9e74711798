"""``ft.autograd.graph``: the nodes of the graph, and hooks for what they keep."""

from functorch_lite.tensor.anomaly import save_on_cpu, saved_tensors_hooks
from functorch_lite.tensor.graph import GraphNode as Node
from functorch_lite.tensor.multi_grad import register_multi_grad_hook

__all__ = ["Node", "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks"]
