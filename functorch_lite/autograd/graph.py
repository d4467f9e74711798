"""``ft.autograd.graph``: the nodes of the graph, places in it, and hooks for what nodes keep."""

from functorch_lite.tensor.anomaly import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks
from functorch_lite.tensor.edges import GradientEdge, get_gradient_edge
from functorch_lite.tensor.graph import GraphNode as Node
from functorch_lite.tensor.in_place import increment_version
from functorch_lite.tensor.multi_grad import register_multi_grad_hook

__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]
