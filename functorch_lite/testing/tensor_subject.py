"""The function under check in the object style: tensors in, tensors out, derivatives by the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.operands import placed
from functorch_lite.core.trace import Tracer
from functorch_lite.tensor.ambient import is_tensor, tensor_of
from functorch_lite.tensor.engine import grad
from functorch_lite.tensor.grad_mode import enable_grad
from functorch_lite.tensor.walk import conjugated
from functorch_lite.testing.subject import Pull, Subject
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.reverse import vjp

__all__ = ["TensorSubject", "backward_pass", "holds_tensors"]


class TensorSubject(Subject):
    """A function of tensors at one point; the tensors that require grad are varied.

    Parameters
    ----------
    func, inputs, names
        As for `Subject`.
    """

    def __init__(self, func: Callable[..., Any], inputs: tuple[Any, ...], names: Sequence[str] | None = None) -> None:
        self.of_tensors = func
        leaves, structure = tree.flatten(inputs)
        if not any(is_tensor(x) and x.node is not None for x in leaves):
            raise ValueError(
                "gradcheck expects at least one input tensor to require gradient, but none of them does: make it by "
                "ft.tensor(…, requires_grad=True)"
            )
        raw = [np.array(x.value) if is_tensor(x) and x.node is not None else _Fixed(x) for x in leaves]
        super().__init__(self._on_arrays, tuple(tree.unflatten(structure, raw)), names)

    def _on_arrays(self, *args: Any) -> Any:
        return tree.map(lambda y: np.array(y.value) if is_tensor(y) else y, self._on_tensors(*args))

    def _on_tensors(self, *args: Any) -> Any:
        """Call the function with leaves in the place of arrays, and with tracers as they are."""

        def shown(x: Any) -> Any:
            if type(x) is _Fixed:
                return x.value
            return x if isinstance(x, Tracer) else tensor_of(x, None).requires_grad_()

        with enable_grad():
            return self.of_tensors(*tree.map(shown, args))

    def linearize_backward(self) -> tuple[list[Any], Pull]:
        leaves = [tensor_of(np.array(x), None).requires_grad_() for x in self.point]
        outputs = self._outputs(leaves)
        used = [i for i, y in enumerate(outputs) if is_tensor(y) and y.node is not None]

        def pull(cotangents: Sequence[Any]) -> list[Any]:
            if not used:
                return [np.zeros(x.shape, x.dtype) for x in leaves]
            given = [conjugated(cotangents[i]) for i in used]
            found = grad([outputs[i] for i in used], leaves, given, retain_graph=True, materialize_grads=True)
            return [conjugated(g.value if is_tensor(g) else g) for g in found]

        return [y.value if is_tensor(y) else y for y in outputs], pull

    def push(self, tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        values, pushed = jvp(self._outputs, (list(self.point),), (list(tangents),))
        return [y.value if is_tensor(y) else y for y in values], [t.value if is_tensor(t) else t for t in pushed]

    def _outputs(self, point: list[Any]) -> list[Any]:
        leaves = placed(self._leaves, self._varied, point)
        out = tree.leaves(self._on_tensors(*tree.unflatten(self._structure, leaves)))
        return [out[i] for i in self._compared]


class _Fixed:
    """An input that is not varied."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def holds_tensors(inputs: tuple[Any, ...]) -> bool:
    """Say whether an argument is, or contains, a tensor."""
    return any(map(is_tensor, tree.leaves(inputs)))


def backward_pass(subject: TensorSubject, inputs: tuple[Any, ...]) -> Callable[..., Any]:
    """Return the backward pass as a function of the inputs followed by the cotangents, itself differentiable."""

    def backward(*args: Any) -> Any:
        given, cotangents = args[: len(inputs)], list(args[len(inputs) :])
        before = tree.leaves(inputs)
        leaves = [
            x for x, old in zip(tree.leaves(given), before, strict=True) if is_tensor(old) and old.node is not None
        ]
        if all(map(is_tensor, leaves)):
            out = tree.leaves(subject.of_tensors(*given))
            outputs = [out[i] for i in subject._compared]
            return grad(outputs, leaves, cotangents, create_graph=True, materialize_grads=True)
        _, pull = vjp(subject._outputs, leaves)
        return tuple(pull(cotangents)[0])

    return backward
