"""Gradient edges: places in the graph that are named without a tensor, which need not be kept alive."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.tape import DTYPE, ORDER, PRIMITIVE, SHAPE, Node, selection
from functorch_lite.tensor.ambient import LEAVES, is_tensor, tensor_of
from functorch_lite.tensor.graph import GraphNode, output_number

__all__ = ["GradientEdge", "get_gradient_edge", "tensor_at"]


class GradientEdge(NamedTuple):
    """A place in the graph: where the gradient of one result of an operation, or of a leaf, arrives.

    Attributes
    ----------
    node
        The operation, as ``grad_fn`` shows it.
    output_nr
        Which of its results.
    ownership_token
        What else keeps the place alive; None for edges that are not made by `get_gradient_edge`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor(3.0, requires_grad=True)
    >>> y = x * x
    >>> edge = ft.autograd.graph.GradientEdge(y.grad_fn, 0)
    >>> ft.autograd.grad(2.0 * y, edge)
    (tensor(2.),)
    """

    node: GraphNode
    output_nr: int
    ownership_token: Any = None

    def __repr__(self) -> str:
        return f"GradientEdge(node={self.node!r}, output_nr={self.output_nr})"


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """Return the place in the graph where the gradient of a tensor arrives.

    `backward` and `autograd.grad` take it in the place of the tensor, whose values it does not keep in memory.

    Parameters
    ----------
    tensor
        A tensor that requires grad.

    Returns
    -------
    GradientEdge
        Its ``node`` is ``tensor.grad_fn``; of a leaf the ``AccumulateGrad`` of that leaf.

    Raises
    ------
    RuntimeError
        If the tensor does not require grad.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite.autograd.graph import get_gradient_edge
    >>> x = ft.tensor([1.0, 2.0], requires_grad=True)
    >>> y = x * 10.0
    >>> edge = get_gradient_edge(y)
    >>> edge
    GradientEdge(node=<MulBackward>, output_nr=0)
    >>> z = (y * y).sum()
    >>> del y
    >>> ft.autograd.grad(z, edge)
    (tensor([20., 40.]),)
    """
    if not is_tensor(tensor):
        raise TypeError(f"get_gradient_edge at {user_line()} takes a Tensor, not a {type(tensor).__name__}")
    if tensor.node is None:
        raise RuntimeError(
            f"at {user_line()}: it is not possible to get the gradient edge for a Tensor that does not require "
            f"gradients; this one has shape {tensor.shape}"
        )
    return GradientEdge(GraphNode(tensor.node), output_number(tensor.node), tensor if tensor.is_leaf else tensor.node)


def tensor_at(edge: GradientEdge, *, is_input: bool = False) -> Any:
    """Return the leaf at an edge; at the result of an operation a tensor with its node, and without its values."""
    token = edge.ownership_token
    if is_tensor(token):
        return token
    node = _node_at(edge, is_input) if token is None else token
    leaf = LEAVES.get(node[ORDER]) if node[PRIMITIVE] is None else None
    return tensor_of(np.broadcast_to(np.empty((), node[DTYPE]), node[SHAPE]), node) if leaf is None else leaf


def _node_at(edge: GradientEdge, is_input: bool) -> Node:
    node = edge.node._node
    several = isinstance(node[DTYPE], tuple)
    count = len(node[DTYPE]) if several else 1
    if not 0 <= edge.output_nr < count:
        raise IndexError(f"at {user_line()}: {edge!r} is no edge, as the operation has {count} results")
    if several and is_input:
        raise TypeError(
            f"at {user_line()}: {edge!r} is one of {count} results of an operation; to name it as an input, take "
            f"get_gradient_edge(tensor) of that result"
        )
    return selection(node, edge.output_nr) if several else node
