"""The value of a tensor: the raw array, as Python and NumPy see it.

Reading the value leaves the graph. NumPy's functions that dispatch on tensors do not: they are operations on the
ambient trace, or write into a tensor, or are done to raw arrays where no rule is needed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import numpy as np

from functorch_lite.core.errors import called_by_numpy, user_line
from functorch_lite.core.primitive import PRIMITIVES
from functorch_lite.core.tables import FUNCTIONS, out_by_name
from functorch_lite.core.trace import is_tracer
from functorch_lite.core.tracer import array_of_tracers
from functorch_lite.core.ufunc_calls import uncommon_call
from functorch_lite.tensor.aliases import in_own_memory
from functorch_lite.tensor.ambient import AMBIENT, is_read_at_each_call, is_tensor, looked_at
from functorch_lite.tensor.in_place import own_memory, refuse_recorded
from functorch_lite.tensor.membership import GraphMember
from functorch_lite.tensor.numpy_writes import (
    WRITERS,
    apply_at,
    function_into,
    is_recorded,
    on_raw_arrays,
    ufunc_into,
    unwrapped,
)

__all__ = ["Size", "TensorValue"]


class Size(int):
    """The number of elements, as NumPy has it; called, the shape (or one length), as PyTorch has it."""

    shape: tuple[int, ...]

    def __new__(cls, shape: tuple[int, ...]) -> Size:
        n = 1
        for length in shape:
            n *= length
        size = super().__new__(cls, n)
        size.shape = shape
        return size

    def __call__(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]


class TensorValue(GraphMember):
    """A tensor as the array that it holds."""

    __slots__ = ()

    @property
    def data(self) -> Any:
        """The raw array, sharing memory.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x = ft.ones(2, requires_grad=True)
        >>> x.data *= 3.0
        >>> x
        tensor([3., 3.], requires_grad=True)
        """
        return looked_at(self) if is_read_at_each_call(self) else self._array

    @data.setter
    def data(self, value: Any) -> None:
        refuse_recorded(self, value, "an assignment to data")
        value = value.value if is_tensor(value) else np.array(value) if np.ndim(value) == 0 else value
        if not isinstance(value, np.ndarray):
            value = np.array(value)
        if self.node is not None and value.dtype.kind not in "fc":
            raise RuntimeError(f"data of a tensor that requires grad must be floating, not {value.dtype}")
        self._set_value(value)

    @property
    def _array(self) -> Any:
        """The raw array, whatever is being recorded."""
        own_memory(self) if type(self.value) is not np.ndarray else None
        return self.value

    def set_(self, source: Any) -> Any:
        """Replace the value by another tensor's, sharing its memory; return the tensor.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x = ft.zeros(2)
        >>> x.set_(ft.ones(3))
        tensor([1., 1., 1.])
        """
        self.data = source
        return self

    def _set_value(self, value: Any) -> None:
        self.value = value
        node = self.node or self._frozen
        if node is not None:
            node[2], node[3] = value.shape, value.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> ft.zeros(2, 3).shape
        (2, 3)
        """
        return self.value.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """The dtype of the elements, one of NumPy's.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> ft.zeros(2, 3).dtype
        dtype('float64')
        """
        return self.value.dtype

    @property
    def size(self) -> Any:
        """The number of elements, as NumPy has it; called, the shape or the length of one axis, as PyTorch has it.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x = ft.zeros(2, 3)
        >>> int(x.size), x.size(), x.size(1)
        (6, (2, 3), 3)
        """
        return Size(self.value.shape)

    def numpy(self, *, force: bool = False) -> Any:
        """Return the raw array, sharing memory.

        Raises
        ------
        RuntimeError
            If the tensor requires grad, since NumPy would lose it; ``force=True`` stands for ``detach()``.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> ft.ones(2).numpy()
        array([1., 1.])
        >>> ft.ones(2, requires_grad=True).numpy(force=True)
        array([1., 1.])
        """
        if self.node is not None and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead (or tensor.data)."
            )
        return self.data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self.node is not None:
            if self.shape == () and dtype is None:
                return array_of_tracers(self)
            self._refuse_conversion("a plain array")
        array = self.data
        return array.__array__(dtype, copy) if is_tracer(array) else np.array(array, dtype, copy=copy)

    def item(self, *index: Any) -> Any:
        """Return the only element (or the one at an index) as a Python number; of several `RuntimeError` is raised.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> ft.tensor([2.0]).item()
        2.0
        """
        if self.value.size != 1 and not index:
            raise RuntimeError(f"a Tensor with {self.value.size} elements cannot be converted to Scalar")
        return looked_at(self).item(*index)

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> ft.eye(2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
        """
        return looked_at(self).tolist()

    def __float__(self) -> float:  # type: ignore[override]
        if self.node is not None and called_by_numpy():
            self._refuse_conversion("a number")  # as in np.mean([x[0], x[1]]), of objects
        return float(self.item())

    def _refuse_conversion(self, name: str) -> NoReturn:
        raise RuntimeError(
            f"at a conversion to {name}: this tensor of shape {self.shape} requires grad, and NumPy would lose it. "
            f"Use tensor.detach() (or tensor.data), or NumPy functions that dispatch (np.stack, np.dot); make an array "
            f"of several tensors by np.stack."
        )

    def __int__(self) -> int:  # type: ignore[override]
        return int(self.item())

    def __complex__(self) -> complex:  # type: ignore[override]
        return complex(self.item())

    def __bool__(self) -> bool:
        if self.value.size != 1:
            raise RuntimeError(
                f"Boolean value of Tensor with {self.value.size} values is ambiguous; use .any() or .all()"
            )
        return bool(looked_at(self))

    def __index__(self) -> int:
        value = looked_at(self)
        return operator.index(value if value.ndim == 0 else value.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.value.ndim == 0 else format(str(self), spec)

    def __repr__(self) -> str:
        text = np.array2string(np.array(self.value), separator=", ", prefix="tensor(")
        if self.value.dtype.kind == "f" and self.value.dtype != np.float64:
            text += f", dtype={self.value.dtype}"
        if self.node is not None:
            text += ", requires_grad=True" if self.is_leaf else f", grad_fn={self.grad_fn!r}"
        return f"tensor({text})"

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if not kwargs and len(inputs) == 1 and method == "__call__":  # most calls, and each counts
            primitive = PRIMITIVES.get(ufunc)
            if primitive is not None:
                return AMBIENT.unary(primitive, self)
        if method == "at":
            return apply_at(ufunc, *inputs)
        if "out" not in kwargs:
            return super().__array_ufunc__(ufunc, method, *inputs, **kwargs)
        if any(is_tensor(out) for out in kwargs["out"]):
            return ufunc_into(ufunc, method, inputs, kwargs)
        if is_recorded(inputs):
            return uncommon_call(ufunc, method, inputs, kwargs)
        return getattr(ufunc, method)(*unwrapped(inputs), **unwrapped(kwargs))

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if len(args) > 2:  # from the third place on there may be an ``out``
            args, kwargs = out_by_name(function, args, kwargs)
        if kwargs and kwargs.get("out") is not None:
            return function_into(function, args, kwargs)
        implementation = _OF_TENSORS.get(function) or FUNCTIONS.get(function)
        if implementation is not None:
            return implementation(*args, **kwargs)
        if is_recorded((args, kwargs)):
            return super().__array_function__(function, types, args, kwargs)
        return on_raw_arrays(function, args, kwargs)

    def __dlpack__(self, **kwargs: Any) -> Any:
        """Export the array to another library, sharing memory; of a tensor that requires grad only its `detach`."""
        if self.node is not None:
            raise BufferError(
                f"at {user_line()} a tensor of shape {self.shape} that requires grad was to be exported to another "
                f"library, which would lose its derivative. Use x.detach()."
            )
        return self._array.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        """Return the device as DLPack names it."""
        return self._array.__dlpack_device__()


def _answer(question: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
    return bool(FUNCTIONS[question](*args, **kwargs))


def _copy_by(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return in_own_memory(function(*args, **kwargs), *args)


def _no_buffer(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the implementation of a function that gives tracers, which cannot be written to, a buffer in its place."""
    return FUNCTIONS[function].__wrapped__  # type: ignore[attr-defined, no-any-return]


#: Functions that are something else where tensors are among the arguments: those that write into one, those whose
#: answer is a bool, in PyTorch as in NumPy, and those that copy though what they are composed of gives views.
_OF_TENSORS: dict[Callable[..., Any], Callable[..., Any]] = {
    **WRITERS,
    **{question: partial(_answer, question) for question in (np.allclose, np.array_equal, np.array_equiv)},
    np.astype: lambda x, dtype, /, *, copy=True, device=None: x.astype(dtype, copy=copy),
    **{function: partial(_copy_by, FUNCTIONS[function]) for function in (np.block, np.repeat, np.tile)},
    **{function: _no_buffer(function) for function in (np.zeros_like, np.ones_like, np.empty_like)},
    np.full_like: partial(_copy_by, _no_buffer(np.full_like)),
}
