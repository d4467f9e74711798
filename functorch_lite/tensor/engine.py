"""``backward`` and ``grad``: what users ask of the graph."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.tape import Node
from functorch_lite.core.trace import Tracer
from functorch_lite.tensor.ambient import LEAVES, constant, is_tensor
from functorch_lite.tensor.anomaly import checks_nan
from functorch_lite.tensor.edges import GradientEdge, tensor_at
from functorch_lite.tensor.grad_mode import set_grad_enabled
from functorch_lite.tensor.graph import hooks_of_lost_leaf, observed
from functorch_lite.tensor.walk import conjugated, through_hooks, walked
from functorch_lite.transforms.arguments import unshared
from functorch_lite.transforms.batching import vmap

__all__ = ["backward", "grad", "running_pass"]

F = TypeVar("F", bound=Callable[..., Any])

#: What is to be called at the end of the pass that runs, by a key of whom it concerns.
_finishing: ContextVar[dict[Any, Any]] = ContextVar("finishing")


def running_pass() -> dict[Any, Any]:
    """Return the table of what is to be called at the end of the pass that runs, which a hook may add to."""
    return _finishing.get()


def _passing(function: F) -> F:
    """Let a function be a pass, at whose end is called what its hooks have asked for."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        finishing: dict[Any, Any] = {}
        token = _finishing.set(finishing)
        try:
            result = function(*args, **kwargs)
        finally:
            _finishing.reset(token)
        for finish in finishing.values():
            finish()
        return result

    return run  # type: ignore[return-value]


@_passing
def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of the given tensors to the ``grad`` of the leaves that they were computed from.

    Parameters
    ----------
    tensors
        A tensor or a sequence of them; each requires grad. Here and in ``inputs`` an edge (`graph.get_gradient_edge`)
        may stand for a tensor.
    grad_tensors
        The cotangent of each, of its shape; None for scalars.
    retain_graph
        Whether the graph can be gone through again. By default as ``create_graph``.
    create_graph
        Whether the gradients themselves can be differentiated.
    inputs
        The tensors whose ``grad`` is added to, in the place of all leaves.

    Raises
    ------
    RuntimeError
        If a tensor does not require grad; if it is no scalar and no cotangent is given; if the graph was freed.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor(3.0, requires_grad=True)
    >>> ft.autograd.backward([x * x, 2.0 * x])
    >>> x.grad
    tensor(8.)
    """
    roots = _sequence(tensors)
    seeds = _seeds(roots, _sequence(grad_tensors, len(roots)), create_graph)
    targets = None if inputs is None else _inputs(_sequence(inputs), "backward")
    for i, x in enumerate(targets or ()):
        if x.node[1] is not None:
            raise RuntimeError(
                f"backward: input {i}, of shape {x.shape}, is not a leaf; use ft.autograd.grad for the gradients of "
                f"results, or retain_grad() on them"
            )
    held = {id(g) for _, g in seeds}
    found = walked(
        seeds,
        (),
        held=held,
        record=create_graph,
        free=not (create_graph if retain_graph is None else retain_graph),
        anomaly=checks_nan(),
        only=None if targets is None else [x.node[0] for x in targets],
    )
    if targets is None:
        for order, g in found.items():
            _hand_over(order, g, create_graph, held)
        return
    for x in {id(x): x for x in targets}.values():
        if x.node[0] in found:
            x._receive(found[x.node[0]], create_graph, held)


def _hand_over(order: int, g: Any, record: bool, held: set[int]) -> None:
    """Give a cotangent to the leaf of a node; of a leaf that nobody holds any more the hooks are called still."""
    leaf = LEAVES.get(order)
    if leaf is None:
        with set_grad_enabled(record):
            through_hooks(hooks_of_lost_leaf(order), g, record, held)
    elif leaf.node is not None:  # it may have been frozen since
        leaf._receive(g, record, held)


@_passing
def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
    *,
    only_inputs: bool = True,
) -> tuple[Any, ...]:
    """Compute the gradients of outputs with respect to inputs, and leave every ``grad`` alone.

    Parameters
    ----------
    outputs
        A tensor or a sequence of them. Here and in ``inputs`` an edge (`graph.get_gradient_edge`) may stand for a
        tensor.
    inputs
        A tensor or a sequence of them, leaves or not; each requires grad.
    grad_outputs
        The cotangent of each output; None for scalars.
    retain_graph, create_graph
        As for `backward`.
    allow_unused
        Whether an input may be one that no output depends on; its gradient is None.
    is_grads_batched
        Whether each cotangent carries a batch on axis 0. All are pulled back at once, and so do the gradients.
    materialize_grads
        Whether the gradient of an unused input is zeros in the place of None.
    only_inputs
        True. PyTorch takes it still, where False has no meaning any more.

    Returns
    -------
    tuple of Tensor
        One an input, of its shape and dtype.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor(2.0, requires_grad=True)
    >>> (g,) = ft.autograd.grad(x**3, x, create_graph=True)
    >>> ft.autograd.grad(g, x)
    (tensor(12.),)
    """
    if not only_inputs:
        raise ValueError("autograd.grad: only_inputs=False means nothing; backward() adds to the grad of all leaves")
    if materialize_grads and allow_unused is False:
        raise ValueError("autograd.grad: allow_unused=False contradicts materialize_grads=True; leave it out")
    roots = _sequence(outputs)
    targets = _inputs(_sequence(inputs), "grad")
    cotangents = _sequence(grad_outputs, len(roots))
    keep = create_graph if retain_graph is None else retain_graph
    wanted = _watched([x for x in targets if x.node[1] is not None])

    def pulled(*given: Any) -> list[Any]:
        rest = iter(given)
        full = [None if c is None else next(rest) for c in cotangents]
        found = walked(
            _seeds(roots, full, create_graph),
            wanted,
            held=held,
            record=create_graph,
            free=not keep,
            anomaly=checks_nan(),
            only=[x.node[0] for x in targets],
        )
        gradients = (found.get(x.node[0]) for x in targets)
        return [
            g if g is None or x.node[1] is not None else x._through_hooks(g, create_graph, held)
            for x, g in zip(targets, gradients, strict=True)
        ]

    given = [c for c in cotangents if c is not None]
    held = {id(c.value if is_tensor(c) else c) for c in given}
    if is_grads_batched:
        if not given:
            raise ValueError("autograd.grad with is_grads_batched=True needs grad_outputs that carry the batch")
        raw = [c.value if is_tensor(c) and not create_graph else c for c in given]
        results = vmap(pulled)(*raw)
    else:
        results = pulled(*given)
    gradients = []
    for x, g in zip(targets, results, strict=True):
        if g is None:
            if not (allow_unused or materialize_grads):
                raise RuntimeError(
                    f"one of the differentiated tensors (shape {x.shape}) appears to not have been used in the graph. "
                    f"Set allow_unused=True if this is the desired behavior, or materialize_grads=True for zeros."
                )
            gradients.append(constant(np.zeros(x.shape, x.dtype)) if materialize_grads else None)
            continue
        if not isinstance(g, Tracer):
            g = unshared(g, held)
        gradients.append(constant(conjugated(g)))
    return tuple(gradients)


#: What is one root or input, though an edge is a tuple.
_ONE = (Tracer, GradientEdge)


def _sequence(given: Any, length: int | None = None) -> list[Any]:
    if given is None:
        return [None] * (length or 0)
    single = isinstance(given, _ONE) or not isinstance(given, list | tuple)
    found = [given] if single else list(given)
    if length is not None and len(found) != length:
        raise RuntimeError(f"got {length} tensors and {len(found)} gradients; give one gradient (or None) for each")
    return found


def _inputs(inputs: list[Any], name: str) -> list[Any]:
    if not inputs:
        raise RuntimeError(f"{name}: inputs is empty; leave it out to mean all leaves")
    inputs = [tensor_at(x, is_input=True) if isinstance(x, GradientEdge) else x for x in inputs]
    for i, x in enumerate(inputs):
        if not is_tensor(x):
            raise TypeError(f"{name}: input {i} is a {type(x).__name__}, not a Tensor")
        if x.node is None:
            raise RuntimeError(
                f"One of the differentiated Tensors does not require grad: input {i}, of shape {x.shape}. Make it by "
                f"ft.tensor(…, requires_grad=True), or call requires_grad_() before it is used."
            )
    return inputs


def _watched(interior: list[Any]) -> list[int]:
    for x in interior:
        observed(x.node)
    return [x.node[0] for x in interior]


def _seeds(roots: list[Any], cotangents: list[Any], record: bool) -> list[tuple[Node, Any]]:
    """Return the nodes at which a walk begins, each with its cotangent: a tensor where the walk is recorded."""
    seeds = []
    for i, (x, g) in enumerate(zip(roots, cotangents, strict=True)):
        if isinstance(x, GradientEdge):
            x = tensor_at(x)
        if not is_tensor(x):
            raise TypeError(f"element {i} of tensors is a {type(x).__name__}, not a Tensor")
        if x.node is None:
            raise RuntimeError(
                f"element {i} of tensors does not require grad and does not have a grad_fn: it was not computed from a "
                f"tensor with requires_grad=True, or under no_grad, or detached"
            )
        if g is None:
            g = _cotangent_of_scalar(x)
        else:
            g = conjugated(_checked_cotangent(g, x, i))
            if is_tensor(g) and not record:
                g = g.value
        seeds.append((x.node, constant(g) if record else g))
    return seeds


def _cotangent_of_scalar(x: Any) -> Any:
    if x.value.size != 1:
        raise RuntimeError(
            f"grad can be implicitly created only for scalar outputs; this one has shape {x.shape}. Pass "
            f"gradient=v, of that shape, for vᵀJ; use ft.autograd.functional.jacobian for all of J."
        )
    if x.value.dtype.kind == "c":
        raise RuntimeError(
            f"grad can be implicitly created only for real scalar outputs but got {x.dtype}; take its real "
            f"part or absolute value, or pass gradient="
        )
    return x.value.dtype.type(1) if x.shape == () else np.ones(x.shape, x.dtype)


def _checked_cotangent(g: Any, x: Any, i: int) -> Any:
    """Return the cotangent given for output ``i``, as an array unless it is traced; raise if it does not fit."""
    if isinstance(g, bool):
        raise TypeError(
            f"at {user_line()} the gradient of a result of shape {x.shape} was given as {g}; flags are "
            f"keywords: backward(retain_graph={g}), backward(create_graph={g})"
        )
    if np.shape(g) != x.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of {np.shape(g)} and output[{i}] has a shape of "
            f"{x.shape}."
        )
    if not isinstance(g, Tracer):
        g = np.array(g)
    if g.dtype.kind == "c" and x.dtype.kind != "c":
        raise RuntimeError(f"grad_output[{i}] is {g.dtype}, output[{i}] {x.dtype}: the gradient must be real")
    return g
