"""Arrays that can be written to inside a transformation.

A `Buffer` is a tracer of a trace younger than all others, so that every operation meets it first: its present value,
which may be traced itself, goes on in its place. Writing replaces that value by one with other elements at the key.
Arrays under a transformation still never change; the buffer changes which of them it stands for. A view of a buffer, a
slice or another shape of it, is a buffer that reads it and writes it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from contextvars import ContextVar
from itertools import pairwise
from math import inf
from typing import Any, NoReturn

import numpy as np

from functorch_lite.calculus.indexing import getitem, index, scatter
from functorch_lite.calculus.joining import split
from functorch_lite.calculus.pointwise import imaginary_part, of_parts, real_part
from functorch_lite.calculus.replacing import replaced
from functorch_lite.calculus.shaping import diagonal, flip, reshape, transpose
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.tables import FUNCTIONS, out_by_name
from functorch_lite.core.trace import Trace, Tracer, is_tracer, next_birth, running
from functorch_lite.core.tracer import WRITABLE, ArrayTracer
from functorch_lite.numpy.masked_calls import called_where

__all__ = ["SEAL", "Buffer", "MaskedBuffer", "buffer_if_running", "own", "present", "run_again"]


class BufferTrace(Trace):
    """Perform each operation on the present values of the buffers."""

    transformation = "a buffer"

    def __init__(self) -> None:
        self.number = 1 << 62  # younger than any transformation

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        if primitive in _WRITE_BACK and isinstance(arrays[0], Buffer):
            return _view_or_copy(arrays[0], primitive, params)
        if primitive is split:
            before, bounds = (slice(None),) * params[0], params[1]
            return tuple(View(arrays[0], index, ((*before, slice(*ends)),)) for ends in pairwise(bounds))
        return primitive.bind(tuple(map(present, arrays)), params)

    def binary(self, primitive: Primitive, x: Any, y: Any) -> Any:
        return primitive.bind((present(x), present(y)), ())

    def settled(self, tracer: Any) -> Any:
        return tracer.value


_BUFFERS = BufferTrace()

#: Buffers that are older than this are not to be written to: a function runs on values below those that are traced.
SEAL: ContextVar[int] = ContextVar("seal", default=0)
#: When the function that runs now ran for the first time, if it runs again: buffers are to hold what they held then.
_FIRST_RUN: ContextVar[float] = ContextVar("first run", default=inf)


def run_again(first_run: int, f: Callable[..., Any], *args: Any) -> Any:
    """Call a function that ran, or was there to be run, at an earlier time."""
    token = _FIRST_RUN.set(min(first_run, _FIRST_RUN.get()))
    try:
        return f(*args)
    finally:
        _FIRST_RUN.reset(token)


class Buffer(ArrayTracer):
    """An array whose elements can be assigned, whether the values are traced or not.

    Made by ``fnp.zeros`` and its kin, and by ``x.copy()``, inside a transformation.
    """

    __slots__ = ("_born", "_changed", "_present")

    def __init__(self, value: Any) -> None:
        self._trace = _BUFFERS
        self._present = value
        self._born = self._changed = next_birth()

    @property
    def value(self) -> Any:
        """The array that the buffer stands for at present."""
        if self._born < _FIRST_RUN.get() < self._changed:
            raise RuntimeError(
                f"at {user_line()} a function with rules of its own or a checkpoint runs again, and reads an array "
                f"that has been written to since it ran first. Pass the array as an argument, or let the function "
                f"close over a copy."
            )
        return self._present

    def _become(self, value: Any) -> None:
        if self._born < SEAL.get():
            raise TypeError(
                f"at {user_line()} an array was written to that was made outside of the function, which has rules of "
                f"its own or a checkpoint; the derivative of what is written would be lost. Return the value, and "
                f"write it where the function was called."
            )
        self._present = value
        self._changed = next_birth()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.value.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """The dtype of the array, which writing does not change."""
        return self.value.dtype

    @property
    def real(self) -> Any:
        """The real part, which can be written to."""
        return np.real(self)

    @real.setter
    def real(self, value: Any) -> None:
        np.real(self)[...] = value

    @property
    def imag(self) -> Any:
        """The imaginary part, which can be written to if the array is complex."""
        return np.imag(self)

    @imag.setter
    def imag(self, value: Any) -> None:
        if self.dtype.kind != "c":
            raise TypeError("array does not have imaginary part to set")
        np.imag(self)[...] = value

    @property
    def flat(self) -> Any:
        """The elements in C order, as a view with one axis, which can be written to."""
        return View(self, reshape, ((self.size,),))

    @flat.setter
    def flat(self, value: Any) -> None:
        self.flat[...] = np.resize(value, self.size)

    def __getitem__(self, key: Any) -> Any:
        part = getitem(self.value, key)
        if np.ndim(part) == 0 or not _is_basic(key):
            return part
        return View(self, index, (key,))

    def __setitem__(self, key: Any, value: Any) -> None:  # type: ignore[override]
        key = tuple(map(present, key)) if type(key) is tuple else present(key)
        value = present(value)
        if isinstance(value, list):
            value = FUNCTIONS[np.array](value)
        if isinstance(value, Tracer) and value.dtype.kind in "fc" and self.dtype.kind not in "fcO":  # type: ignore[attr-defined]
            raise TypeError(
                f"at {user_line()} a traced {value.dtype} was assigned to elements of an array of {self.dtype}, which "  # type: ignore[attr-defined]
                f"would round it and lose its derivative; make the array floating, or convert the value (x.astype(int))"
            )
        self._become(replaced(self.value, key, value))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", (None,))[0]
        if method == "at":
            return self._at(ufunc, *inputs)
        plain = map(present, inputs)
        if not isinstance(out, Buffer):
            kwargs |= {} if out is None else {"out": out}
            return getattr(ufunc, method)(*plain, **kwargs)
        where = present(kwargs.pop("where", True)) if method == "__call__" else True
        if where is True:
            out._write(getattr(ufunc, method)(*plain, **kwargs))
        else:
            out._write(*called_where(ufunc, tuple(plain), kwargs, where, out.value))
        return out

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        args, kwargs = out_by_name(function, args, kwargs)
        out = kwargs.get("out")
        if not isinstance(out, Buffer):
            return super().__array_function__(function, types, args, kwargs)
        result = function(*args, **{name: value for name, value in kwargs.items() if name != "out"})
        if np.shape(result) != out.shape:
            raise ValueError(
                f"at {user_line()} the result of np.{function.__name__}, of shape {np.shape(result)}, was to be "
                f"written into an array of shape {out.shape}"
            )
        out._write(result)
        return out

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
        """Return the array with another shape, as a view where NumPy makes one."""
        made = super().reshape(*shape, order=order, copy=copy)
        if copy is False and not isinstance(made, View):
            raise ValueError("Unable to avoid creating a copy while creating an array as requested.")
        return made

    def _write(self, value: Any, key: Any = ...) -> None:
        """Set elements to the result of an operation, which does not change to a lower kind of number."""
        dtype, old = getattr(value, "dtype", None), self.value
        if key is ... and dtype == old.dtype and shape_of(value) == old.shape:
            self._become(own(present(value)))  # all of it, as it is
            return
        if dtype is not None and not np.can_cast(dtype, old.dtype, "same_kind"):
            raise TypeError(
                f"at {user_line()} a result of {dtype} was to be written into an array of {old.dtype}, which "
                f"would lose its fraction or its imaginary part; make the array of {dtype}"
            )
        self[key] = value

    def _at(self, ufunc: np.ufunc, target: Any, key: Any, *values: Any) -> None:
        if target is not self or ufunc not in (np.add, np.subtract, np.negative):
            raise NotImplementedError(
                f"np.{ufunc.__name__}.at at {user_line()} has no derivative rule under a transformation; np.add.at has"
            )
        if ufunc is np.negative:
            self[key] = -self.value[key]
            return
        positions = getitem(np.arange(self.size).reshape(self.shape), key)
        (given,) = (np.broadcast_to(present(v), np.shape(positions)) for v in values)
        if not np.can_cast(given.dtype, self.dtype, "same_kind"):
            raise TypeError(f"np.{ufunc.__name__}.at at {user_line()}: {given.dtype} does not fit into {self.dtype}")
        flat = scatter.bind((np.ravel(given) * 1.0, np.ravel(positions)), ((self.size,), (0,), (0,), False))
        added = np.reshape(flat, self.shape).astype(self.dtype)
        self._become(self.value + added if ufunc is np.add else self.value - added)

    def fill(self, value: Any) -> None:
        """Set all elements to a value."""
        self[...] = value

    def sort(self, axis: int = -1, **kwargs: Any) -> None:  # type: ignore[override]
        """Sort in place."""
        self._become(np.sort(self.value, axis, **kwargs))

    def copy(self, order: str = "C") -> Any:
        """Return another buffer with the present value."""
        return Buffer(own(self.value))

    def flatten(self, order: str = "C") -> Any:
        """Return another buffer with the present value, with one axis."""
        return Buffer(own(self.value).flatten(order))

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self.copy()

    def _layout(self) -> Any:
        """Return an array that lies in memory as NumPy's own would."""
        return np.empty(self.shape, bool)

    def __float__(self) -> float:  # type: ignore[override]
        return float(self.value)

    def __int__(self) -> int:  # type: ignore[override]
        return int(self.value)

    def __complex__(self) -> complex:  # type: ignore[override]
        return complex(self.value)

    def item(self, *args: Any) -> Any:
        """Return an element as a Python number; of a traced one refuse."""
        return self.value.item(*args)

    def tolist(self) -> Any:
        """Return nested lists of Python numbers; of traced values refuse."""
        return self.value.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.value, dtype)

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:
        """Export a copy to another library; of traced values refuse."""
        if isinstance(self.value, Tracer):
            return self.value.__dlpack__()  # type: ignore[attr-defined]
        if copy is False:
            raise BufferError(
                f"at {user_line()} the memory of a buffer of shape {self.shape} was to be shared with another library; "
                f"what that wrote would be lost. Leave copy=False out"
            )
        return np.array(self.value).__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device)

    def __dlpack_device__(self) -> Any:
        """Return the device as DLPack names it; of traced values refuse."""
        value = self.value
        return value.__dlpack_device__() if isinstance(value, Tracer) else np.empty(0).__dlpack_device__()  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"Buffer({self.value!r})"


class View(Buffer):
    """A part or another shape of a buffer, made by a primitive; it reads the buffer and writes it."""

    __slots__ = ("_base", "_params", "_primitive")

    def __init__(self, base: Buffer, primitive: Primitive, params: Params) -> None:
        self._trace = _BUFFERS
        self._base, self._primitive, self._params = base, primitive, params

    @property
    def value(self) -> Any:
        """The view as it is at present."""
        if self._primitive is index:
            return getitem(self._base.value, *self._params)
        return self._primitive.bind((self._base.value,), self._params)

    def _become(self, value: Any) -> None:
        _WRITE_BACK[self._primitive](self._base, value, *self._params)

    def _layout(self) -> Any:
        return self._primitive.function(self._base._layout(), *self._params)


class MaskedBuffer(Buffer):
    """A buffer as those examples of a batch see it in which a mask holds: the others' elements are never written."""

    __slots__ = ("_base", "_mask", "_valid")

    def __init__(self, base: Buffer, mask: Any, valid: Callable[[Any], Any]) -> None:
        self._trace = _BUFFERS
        self._base, self._mask, self._valid = base, mask, valid

    @property
    def value(self) -> Any:
        """The array at present, with valid values in the examples that do not take part."""
        return self._valid(self._base.value) if is_tracer(self._base.value) else self._base.value

    def _become(self, value: Any) -> None:
        self._base._become(np.where(self._mask, value, self._base.value))

    def _layout(self) -> Any:
        return self._base._layout()


WRITABLE.update((Buffer, View, MaskedBuffer))

#: What makes views, and how a new value of the view is written to what it views.
_WRITE_BACK: dict[Primitive, Callable[..., None]] = {
    index: lambda base, value, key: base.__setitem__(key, value),
    reshape: lambda base, value, shape: base._become(np.reshape(value, base.shape)),
    transpose: lambda base, value, axes: base._become(np.transpose(value, np.argsort(axes))),
    flip: lambda base, value, axes: base._become(np.flip(value, axes)),
    real_part: lambda base, value: base._become(of_parts(value, np.imag(base.value)).astype(base.dtype)),
    imaginary_part: lambda base, value: base._become(of_parts(np.real(base.value), value).astype(base.dtype)),
    diagonal: lambda base, value, offset: _refuse_diagonal(),
}


def _view_or_copy(base: Buffer, primitive: Primitive, params: Params) -> Any:
    """Return a view, or a buffer of its own where NumPy copies: not every shape of a slice is a view of it."""
    view = View(base, primitive, params)
    if primitive is not reshape or type(base) is Buffer:
        return view
    layout = base._layout()
    return view if np.may_share_memory(layout, reshape.function(layout, *params)) else view.copy()


def present(x: Any) -> Any:
    """Return what a buffer stands for, and anything else as it is."""
    return x.value if isinstance(x, Buffer) else x


def own(value: Any) -> Any:
    """Return a value that nobody else writes to: traced values never change."""
    return value.copy() if isinstance(value, np.ndarray) else value


def buffer_if_running(value: Any) -> Any:
    """Return an array that has just been made: as a buffer inside a transformation, as it is outside."""
    return Buffer(value) if running.get() else value


def _is_basic(key: Any) -> bool:
    return all(
        isinstance(k, int | np.integer | slice | type(None) | type(Ellipsis)) and not isinstance(k, bool)
        for k in (key if type(key) is tuple else (key,))
    )


def _in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        self._write(function(self.value, present(other)))
        return self

    return method


def _refuse_diagonal() -> NoReturn:
    raise ValueError(
        f"assignment destination is read-only: at {user_line()} the diagonal of an array was written to; write "
        f"np.fill_diagonal(y, v), or y[i, i] = v with i = np.arange(n)"
    )


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"):
    setattr(Buffer, f"__i{_name}__", _in_place(getattr(operator, f"__{_name}__")))
