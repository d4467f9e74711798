"""``ft.autograd.graph``: the nodes of the graph, and hooks for what they keep."""

from functorch_lite.tensor.anomaly import save_on_cpu, saved_tensors_hooks
from functorch_lite.tensor.graph import GraphNode as Node

__all__ = ["Node", "save_on_cpu", "saved_tensors_hooks"]
