"""The tensor: a taped value of the ambient trace, with PyTorch's attributes and methods.

Every semantic of the object style is a statement about the tape. A tensor *requires grad* if it has a node; it is a
*leaf* if its node has no primitive. Its operations are those of every tracer; `functorch_lite.tensor.ambient` records
them.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from functorch_lite.calculus.creation import copied
from functorch_lite.core.errors import user_line
from functorch_lite.core.tables import FUNCTIONS
from functorch_lite.tensor.ambient import AMBIENT, is_read_at_each_call, sharing, tensor_of
from functorch_lite.tensor.copying import deep_copy
from functorch_lite.tensor.declared import Declared
from functorch_lite.tensor.engine import backward, grad
from functorch_lite.tensor.in_place import assign, derive_history, replace
from functorch_lite.tensor.value import TensorValue

__all__ = ["Tensor", "fwbw_all_zero"]


class Tensor(TensorValue, Declared):
    """An array that can remember how it was computed, and be differentiated by `backward`.

    Make tensors by `functorch_lite.tensor` and its kin. All of NumPy's functions accept them and give tensors; so do
    all transformations.

    Attributes
    ----------
    data
        The raw array. Reading it leaves the graph; writing into it is not tracked; assigning replaces the value.
    grad
        The accumulated gradient, a tensor, or None.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x = ft.tensor([1.0, 2.0], requires_grad=True)
    >>> y = np.sin(x) * x
    >>> y
    tensor([0.84147098, 1.81859485], grad_fn=<MulBackward>)
    >>> y.sum().backward()
    >>> np.allclose(x.grad, np.cos([1, 2]) * [1, 2] + np.sin([1, 2]))
    True
    """

    __slots__ = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError(
            f"Tensor(…) at {user_line()}: tensors are made by ft.tensor(data), which copies, ft.as_tensor(array), "
            f"which shares memory, ft.zeros(shape), ft.empty(shape) and their kin"
        )

    __hash__ = object.__hash__  # by identity, though == compares elements

    def __getattr__(self, name: str) -> Any:
        if name == "node" and self._view is not None:  # a view, whose base was written to
            derive_history(self)
            return self.node
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    # --- Indexing and iteration ---------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        kind = type(key)
        if kind is Tensor or kind is tuple:
            key = _with_ints(key)
        return FUNCTIONS[operator.getitem](self, key)

    def __setitem__(self, key: Any, value: Any) -> None:  # type: ignore[override]
        assign(self, _with_ints(key), value)

    def __iter__(self) -> Iterator[Any]:
        if not self.value.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return (self[i] for i in range(len(self)))

    # --- Leaving the graph --------------------------------------------------------------------------------------------

    def detach(self) -> Any:
        """Return a tensor that shares memory and does not require grad.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x = ft.ones(2, requires_grad=True)
        >>> (x * 2.0).detach()
        tensor([2., 2.])
        """
        return sharing(self)

    def detach_(self) -> Any:
        """Forget the history of this tensor, which becomes a leaf that does not require grad; return it.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> y = ft.ones(2, requires_grad=True) * 2.0
        >>> y.detach_().is_leaf
        True
        """
        if self._view is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self.node = None
        return self

    def clone(self) -> Any:
        """Return a copy with its own memory and this tensor's history.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x = ft.tensor(3.0, requires_grad=True)
        >>> (x.clone() ** 2).backward()
        >>> x.grad
        tensor(6.)
        """
        return copied(self)

    def astype(
        self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        """Convert to a dtype, as NumPy does: into memory of its own unless ``copy`` is False.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x = ft.ones(2)
        >>> x.astype(float).zero_(), x
        (tensor([0., 0.]), tensor([1., 1.]))
        """
        result = super().astype(dtype, order, casting, subok, copy)
        return copied(self) if copy and result is self else result

    def copy(self, order: str = "C") -> Any:
        """Return a copy with its own memory that does not require grad.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> ft.ones(2, requires_grad=True).copy()
        tensor([1., 1.])
        """
        return copied(sharing(self)) if is_read_at_each_call(self) else tensor_of(np.array(self.value), None)

    def is_inference(self) -> bool:
        """Say whether the tensor was made in inference mode.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> with ft.inference_mode():
        ...     x = ft.ones(2)
        >>> x.is_inference()
        True
        """
        return self._inference

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return deep_copy(self, memo)

    def __copy__(self) -> Any:
        if not self.is_leaf or is_read_at_each_call(self):
            return self.clone()
        return sharing(self).requires_grad_(self.node is not None)

    def __reduce__(self) -> Any:
        if not self.is_leaf:
            raise RuntimeError("only leaf tensors can be pickled; pickle x.detach()")
        return _rebuilt, (np.array(self.value), self.node is not None, self._grad)

    # --- Riemann's extras ---------------------------------------------------------------------------------------------

    def d(self, *variables: Any) -> Any:
        """Return the mixed partial derivative of this scalar with respect to scalars, in turn.

        Raises
        ------
        ValueError
            If one of the tensors is no scalar.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x, y = ft.tensor(2.0, requires_grad=True), ft.tensor(3.0, requires_grad=True)
        >>> (x**3 * y**2).d(x, x, y)
        tensor(72.)
        """
        if not variables:
            raise TypeError("d needs the tensors to differentiate with respect to: f.d(x), f.d(x, y)")
        for x in (self, *variables):
            if not isinstance(x, Tensor):
                raise TypeError(f"d at {user_line()} differentiates with respect to tensors, and was given {x!r}")
            if x.shape != ():
                raise ValueError(f"d is for scalars; a tensor has shape {x.shape}. Use ft.autograd.grad, ft.hessian")
        value = self
        for i, x in enumerate(variables):
            last = i == len(variables) - 1
            if value.node is None:
                return tensor_of(np.zeros((), self.dtype), None)
            (found,) = grad(value, x, retain_graph=True, create_graph=not last, materialize_grads=True)
            value = found
        return value

    def attach_zero_grad_sources(self, *sources: Any) -> Any:
        """Attach other tensors as sources, which receive zero gradients when this one receives its own; return it.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x, y = ft.tensor(2.0, requires_grad=True), ft.ones(2, requires_grad=True)
        >>> (x * x).attach_zero_grad_sources(y).backward()
        >>> x.grad, y.grad
        (tensor(4.), tensor([0., 0.]))
        """
        flat: Sequence[Any] = sources[0] if len(sources) == 1 and isinstance(sources[0], list | tuple) else sources
        zeros = [fwbw_all_zero(source) for source in flat]
        if self.node is not None and self.is_leaf:
            self.register_hook(lambda _: backward(zeros, retain_graph=True))
        else:
            total: Any = self
            for zero in zeros:
                total = total + zero
            self.node = total.node
        return self

    def replace_(self, value: Any) -> Any:
        """Write values into the tensor in place; what `copy_` does without broadcasting.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> ft.zeros(2).replace_(ft.ones(2))
        tensor([1., 1.])
        """
        return replace(self, value, "replace_")


def fwbw_all_zero(x: Any) -> Any:
    """Return a scalar tensor 0 whose derivative with respect to ``x`` is zeros: it joins ``x`` to a graph.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor([1.0, 2.0], requires_grad=True)
    >>> ft.fwbw_all_zero(x).backward()
    >>> x.grad
    tensor([0., 0.])
    """
    if not hasattr(x, "dtype"):
        raise TypeError(f"at {user_line()} {x!r} was to receive zero gradients; it is no tensor, and receives none")
    return np.where(np.zeros(x.shape, bool), x, 0).sum()


def _with_ints(key: Any) -> Any:
    """Return a key with ints, by which indexing gives a view, for the tensors in it that are one whole number."""
    if type(key) is tuple:
        for k in key:
            if type(k) is Tensor:
                return tuple(map(_with_ints, key))
        return key
    return int(key.value) if type(key) is Tensor and key.value.ndim == 0 and key.value.dtype.kind in "iu" else key


def _rebuilt(value: Any, requires_grad: bool, gradient: Any) -> Any:
    x = tensor_of(value, None).requires_grad_(requires_grad)
    x._grad = gradient
    return x


AMBIENT.tracer = Tensor
