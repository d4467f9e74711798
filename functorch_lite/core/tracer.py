"""The array that transformations watch: the protocols of NumPy and of Python, and the conversions that are refused.

With its operators and its methods (`operators.py`, `array_methods.py`) it is written once for every sort of tracer.
Each entry ends in one of two places: a primitive applied at the youngest trace among the arguments, or a function of
`FUNCTIONS`, the table of NumPy functions that are composed of primitives. What is in neither table is refused by name.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from functorch_lite.core.array_methods import ArrayMethods
from functorch_lite.core.errors import TracerConversionError, note_conversion, user_line
from functorch_lite.core.operators import apply_binary
from functorch_lite.core.primitive import PRIMITIVES
from functorch_lite.core.tables import FUNCTIONS, refuse
from functorch_lite.core.trace import ClosedTrace
from functorch_lite.core.ufunc_calls import composed, uncommon_call

__all__ = ["WRITABLE", "ArrayTracer", "array_of_tracers"]

#: The sorts of tracer that take the result of a function as its ``out``.
WRITABLE: set[type] = set()

#: Up to this size ``np.array([x[0], x[1]])`` of tracers works; beyond it is too slow to be what the author meant.
LARGEST_OBJECT_ARRAY = 256


class ArrayTracer(ArrayMethods):
    """The common base of all sorts of tracer: behaves as the array it stands for.

    It has the properties and the methods of `numpy.ndarray`. Those that are functions of NumPy by the same name
    (``x.sum()``, ``x.clip()``) are these functions; each result is traced as its argument is.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> def f(x):
    ...     print(x.shape, x.ndim, x.size, x.dtype, x.itemsize, x.nbytes, x.device)
    ...     return np.sum(x.T[0] * x.mT[1]) + sum(x.flat)
    >>> ft.grad(f)(np.array([[1.0, 2.0], [3.0, 4.0]]))
    (2, 2) 2 4 float64 8 32 cpu
    array([[3., 2.],
           [5., 4.]])
    >>> ft.grad(lambda z: z.real**2 + z.imag**2 + (z * z.conj()).real)(3.0 + 4.0j)
    np.complex128(12-16j)
    """

    __slots__ = ()
    __array_priority__ = 1000.0

    # NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if kwargs or method != "__call__":
            out = kwargs.get("out", (None,))[0]
            if isinstance(out, ArrayTracer) and type(out).__array_ufunc__ is not type(self).__array_ufunc__:
                return NotImplemented  # NumPy asks it next: it may take what is written to it
            return uncommon_call(ufunc, method, inputs, kwargs)
        primitive = PRIMITIVES.get(ufunc)
        if primitive is None:
            return composed(ufunc, inputs)
        if len(inputs) == 1:
            return self._trace.unary(primitive, self)
        if len(inputs) == 2:
            return apply_binary(primitive, *inputs)
        return primitive.bind(inputs, ())

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        implementation = FUNCTIONS.get(function)
        if implementation is None:
            refuse(function)
        if len(types) > 1 and not WRITABLE.isdisjoint(types) and type(self) not in WRITABLE:
            return NotImplemented  # NumPy asks them next: they take what is written to them by `out=`
        return implementation(*args, **kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """Give an object array of real scalar tracers, which keeps the derivative, unless a dtype is asked."""
        if dtype is not None and np.dtype(dtype) != object:
            raise TracerConversionError(
                f"at {user_line()} a traced {self._described()} was to be converted to a plain array of "
                f"{np.dtype(dtype)}, which would lose its derivative. Writing into a raw ndarray, methods of raw "
                f"ndarrays (a.dot(x)), raw[traced index] and np.asarray with a dtype do this. Write into "
                f"np.zeros_like(x), x.copy() or fnp.zeros(n) (import functorch_lite.numpy as fnp), or build the array "
                f"by np.stack or np.where; write np.dot(a, x) or a @ x, fnp.take(raw, i), x.astype(dtype); or use "
                f"ft.stop_gradient(x) if no derivative is wanted."
            )
        if self.shape and self.dtype.kind not in "fc":
            raise TracerConversionError(
                f"at {user_line()} a traced {self._described()} was used where NumPy needs a plain array, as an index "
                f"into a raw array perhaps: write fnp.take(table, i) instead of table[i] (import functorch_lite.numpy "
                f"as fnp)"
            )
        return array_of_tracers(self)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """Return the namespace of array functions that accept tracers."""
        return sys.modules["functorch_lite.numpy"]

    # Python's protocols

    def __getitem__(self, key: Any) -> Any:
        return FUNCTIONS[operator.getitem](self, key)

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise TypeError(
            f"at {user_line()} an element of a traced {self._described()} was assigned. Arrays under a transformation "
            f"of a pure function do not change: write into a copy (y = x.copy(); y[i] = v) or into fnp.zeros(n) "
            f"(import functorch_lite.numpy as fnp), or make a new one with np.where(mask, new, x). What a loop carries "
            f"is such an array in each step, even if it began as fnp.zeros(n): begin the step with y = y.copy()."
        )

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __bool__(self) -> bool:
        self._trace.touch("Python asked for the truth")
        return bool(self.value)

    def __index__(self) -> int:
        self._trace.touch("Python asked for an index", "from")
        return operator.index(self.value)

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self.copy()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"a traced {self._described()} was to be pickled at {user_line()}; it lives only while "
            f"{self._trace.transformation} runs. Pickle the results instead."
        )

    def __round__(self, ndigits: int | None = None) -> Any:
        return np.round(self, ndigits or 0)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"

    # Conversions, which would lose the derivative

    def __float__(self) -> NoReturn:
        self._refuse_conversion("float")

    def __int__(self) -> NoReturn:
        self._refuse_conversion("int")

    def __complex__(self) -> NoReturn:
        self._refuse_conversion("complex")

    def item(self, *args: Any) -> NoReturn:
        """Refuse: a Python number would lose the derivative.

        Raises
        ------
        TracerConversionError
            Always; the message says what to write instead.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> ft.grad(lambda x: x * x.item())(3.0)
        Traceback (most recent call last):
            ...
        functorch_lite.core.errors.TracerConversionError: item() of a traced float64[] ...
        """
        self._refuse_conversion("item")

    def tolist(self) -> NoReturn:
        """Refuse: Python numbers would lose the derivative.

        Raises
        ------
        TracerConversionError
            Always; the message says what to write instead.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> ft.grad(lambda x: sum(x.tolist()))(np.ones(3))
        Traceback (most recent call last):
            ...
        functorch_lite.core.errors.TracerConversionError: tolist() of a traced float64[3] ...
        """
        self._refuse_conversion("tolist")

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
    ) -> NoReturn:
        """Refuse: another library would take the values without their derivative."""
        raise BufferError(
            f"at {user_line()} a traced {self._described()} was to be exported to another library by DLPack, which "
            f"would lose its derivative under {self._trace.transformation}. Use the functions of functorch_lite.numpy; "
            f"export results, or take ft.stop_gradient(x) if no derivative is wanted."
        )

    def __dlpack_device__(self) -> NoReturn:
        """Refuse, as `__dlpack__` does."""
        self.__dlpack__()

    def _refuse_conversion(self, name: str) -> NoReturn:
        self._trace.touch(f"{name}() was asked")
        raise TracerConversionError(
            f"{name}() of a traced {self._described()} at {user_line()} under {self._trace.transformation}: a Python "
            f"number would lose the derivative. math.sin(x), b[0] = x with a raw array b, and '%f' % x do this too. "
            f"Write np.sin(x); build arrays from traced parts by np.stack or np.array([x, y]); return values that are "
            f"only looked at through has_aux=True, or take ft.stop_gradient(x)."
        )


def array_of_tracers(x: Any) -> Any:
    """Return an object array of the scalar tracers that ``x`` consists of."""
    shape = x.shape
    if x.dtype.kind == "c":
        raise TracerConversionError(
            f"at {user_line()} a traced {x._described()} was to become an array of objects, whose real part NumPy "
            f"takes to be the array and whose imaginary part to be zero. Use fnp.array (import functorch_lite.numpy as "
            f"fnp) or np.stack."
        )
    if shape and x.size > LARGEST_OBJECT_ARRAY:
        raise TracerConversionError(
            f"at {user_line()} a traced {x._described()} was to become an array of {x.size} separate scalars, more "
            f"than {LARGEST_OBJECT_ARRAY}. Use fnp.asarray (import functorch_lite.numpy as fnp) or np.stack, which "
            f"keep it whole."
        )
    note_conversion()
    if not shape:
        if isinstance(x._trace, ClosedTrace):
            x._trace.touch("NumPy asked for an array")
        array = np.empty(1, dtype=object)
        array[0] = x  # with array[:] NumPy would ask x for an array again
        return array.reshape(())
    array = np.empty(x.size, dtype=object)
    for i, element in enumerate(FUNCTIONS[np.unstack](x.reshape(-1))):
        array[i] = element
    return array.reshape(shape)
