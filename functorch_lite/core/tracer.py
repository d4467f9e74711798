"""The array that transformations watch: NumPy's protocols, Python's operators, the methods and properties of ndarray.

All of it is written once, here, for every sort of tracer. Each entry ends in one of two places: a primitive applied at
the youngest trace among the arguments, or a function of `FUNCTIONS`, the table of NumPy functions that are composed of
primitives. What is in neither table is refused by name.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from functorch_lite.core.errors import TracerConversionError, user_line
from functorch_lite.core.primitive import PRIMITIVES, Primitive
from functorch_lite.core.tables import FUNCTIONS, refuse
from functorch_lite.core.trace import Tracer
from functorch_lite.core.ufunc_calls import composed, uncommon_call

__all__ = ["SIMPLE_POWERS", "WRITABLE", "ArrayTracer", "apply_binary", "apply_unary", "array_of_tracers"]

#: The sorts of tracer that take the result of a function as its ``out``.
WRITABLE: set[type] = set()

#: Up to this size ``np.array([x[0], x[1]])`` of tracers works; beyond it is too slow to be what the author meant.
LARGEST_OBJECT_ARRAY = 256

#: What NumPy computes in the place of a power of an array of real numbers, one with axes, by the exponent.
SIMPLE_POWERS = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal}


class ArrayTracer(Tracer):
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
                f"ndarrays (a.dot(x)) and raw[traced index] do this. Write into fnp.zeros(n) or x.copy() (import "
                f"functorch_lite.numpy as fnp), or build the array by np.stack or np.where; write np.dot(a, x) or "
                f"a @ x, fnp.take(raw, i); or use ft.stop_gradient(x) if no derivative is wanted."
            )
        if not np.issubdtype(self.dtype, np.inexact) and self.ndim:
            raise TracerConversionError(
                f"at {user_line()} a traced {self._described()} was used where NumPy needs a plain array, as an index "
                f"into a raw array perhaps: write fnp.take(table, i) instead of table[i] (import functorch_lite.numpy "
                f"as fnp)"
            )
        return array_of_tracers(self)

    # Properties

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array that the tracer stands for."""
        try:
            return self.value.shape  # type: ignore[no-any-return]
        except AttributeError:
            return ()

    @property
    def dtype(self) -> Any:
        """The dtype of the array that the tracer stands for."""
        try:
            return self.value.dtype
        except AttributeError:
            return np.dtype(type(self.value))

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        n = 1
        for length in self.shape:
            n *= length
        return n

    @property
    def T(self) -> Any:
        """The array with its axes reversed, traced."""
        return np.transpose(self)

    @property
    def mT(self) -> Any:
        """The array with its last two axes exchanged, traced; `ValueError` if it has fewer."""
        if self.ndim < 2:
            raise ValueError(f"mT needs two axes at least; the array has shape {self.shape}")
        return np.swapaxes(self, -1, -2)

    @property
    def real(self) -> Any:
        """The real part, traced."""
        return np.real(self)

    @property
    def imag(self) -> Any:
        """The imaginary part, traced; zeros for a real array."""
        return np.imag(self)

    @property
    def nbytes(self) -> int:
        """The bytes that the elements take."""
        return self.size * int(self.dtype.itemsize)

    @property
    def itemsize(self) -> int:
        """The bytes that one element takes."""
        return int(self.dtype.itemsize)

    @property
    def flat(self) -> Any:
        """The elements in C order, as an array of one axis."""
        return np.reshape(self, -1)

    @property
    def device(self) -> str:
        """The device, of which there is one: ``"cpu"``."""
        return "cpu"

    def to_device(self, device: str, /, *, stream: Any = None) -> Any:
        """Return the array: there is one device.

        Parameters
        ----------
        device
            ``"cpu"``.
        stream
            Without effect, taken for the sake of the Array API standard.

        Returns
        -------
        array
            The same.

        Raises
        ------
        ValueError
            If another device is named.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> ft.grad(lambda x: x.to_device("cpu") ** 2)(3.0)
        6.0
        """
        if device != "cpu":
            raise ValueError(f"arrays are on the device 'cpu', not {device!r}")
        return self

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
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"a traced {self._described()} was to be pickled at {user_line()}; it lives only while "
            f"{self._trace.transformation} runs. Pickle the results instead."
        )

    def __contains__(self, item: Any) -> bool:
        return bool(np.any(self == item))

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return FUNCTIONS[np.divmod](self, other)  # type: ignore[no-any-return]

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return FUNCTIONS[np.divmod](other, self)  # type: ignore[no-any-return]

    def __round__(self, ndigits: int | None = None) -> Any:
        return np.round(self, ndigits or 0)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"

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

    # The methods of ndarray that are no function of NumPy by the same name

    def astype(
        self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        """Convert to a dtype; gradients come back in the old one.

        Parameters
        ----------
        dtype
            The dtype. An integer or boolean one ends the derivative.
        casting
            Which conversions are allowed, as of ``ndarray.astype``.
        order, subok, copy
            Without meaning for a traced array.

        Returns
        -------
        array
            The numbers converted.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> ft.grad(lambda x: np.sum(x.astype(np.float32) ** 2))(np.array([1.0, 2.0])).dtype
        dtype('float64')
        """
        if casting != "unsafe" and not np.can_cast(self.dtype, dtype, casting):  # type: ignore[arg-type]
            raise TypeError(
                f"Cannot cast array data from {self.dtype!r} to {np.dtype(dtype)!r} according to the rule {casting!r}"
            )
        return FUNCTIONS[np.astype](self, dtype, copy=copy)

    def copy(self, order: str = "C") -> Any:
        """Return a copy that can be written to: a buffer.

        Parameters
        ----------
        order
            Without meaning for a traced array.

        Returns
        -------
        array
            Its elements may be assigned, also traced values.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> def f(x):
        ...     y = x.copy()
        ...     y[1:] *= y[:-1]
        ...     return np.sum(y)
        >>> ft.grad(f)(np.array([2.0, 3.0]))
        array([4., 2.])
        """
        return FUNCTIONS[np.copy](self, order)

    def flatten(self, order: str = "C") -> Any:
        """Return the array with one axis.

        Parameters
        ----------
        order
            ``"C"``, ``"F"``, ``"A"`` or ``"K"``, as of ``np.ravel``.

        Returns
        -------
        array
            Of shape (n,).

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> ft.grad(lambda x: x.flatten("F")[1] ** 2)(np.array([[1.0, 2.0], [3.0, 4.0]]))
        array([[0., 0.],
               [6., 0.]])
        """
        return FUNCTIONS[np.ravel](self, order)

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
        """Return the array with another shape.

        Parameters
        ----------
        shape
            Lengths, or one tuple of them; -1 for the one that follows from the others.
        order
            ``"C"``, ``"F"`` or ``"A"``, as of ``np.reshape``.
        copy
            Of an array that can be written to: whether the result is a copy and not a view.

        Returns
        -------
        array
            With the same elements.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> ft.grad(lambda x: np.sum(x.reshape(2, -1)[1] ** 2))(np.arange(4.0))
        array([0., 0., 4., 6.])
        """
        return FUNCTIONS[np.reshape](self, shape[0] if len(shape) == 1 else shape, order=order, copy=copy)

    def transpose(self, *axes: Any) -> Any:
        """Return the array with its axes permuted; reversed when no axes are named.

        Parameters
        ----------
        axes
            The axes in their new order, or one tuple of them.

        Returns
        -------
        array
            With the same elements.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> ft.vmap(lambda x: x.transpose(1, 0))(np.zeros((5, 2, 3))).shape
        (5, 3, 2)
        """
        if len(axes) == 1 and (axes[0] is None or not isinstance(axes[0], int)):
            return FUNCTIONS[np.transpose](self, axes[0])
        return FUNCTIONS[np.transpose](self, axes or None)

    def compress(self, condition: Any, axis: int | None = None) -> Any:
        """Select the slices along an axis at which a condition holds.

        Parameters
        ----------
        condition
            A vector of booleans.
        axis
            The axis; None: of the array with one axis.

        Returns
        -------
        array
            As long along the axis as the condition holds.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> ft.grad(lambda x: np.sum(x.compress(x > 1.0) ** 2))(np.array([1.0, 2.0, 3.0]))
        array([0., 4., 6.])
        """
        return FUNCTIONS[np.compress](condition, self, axis)

    def sort(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: the method of ndarray sorts in place.

        Raises
        ------
        TypeError
            Always; write ``np.sort(x)``.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> ft.grad(lambda x: np.sort(x)[0])(np.array([2.0, 1.0]))
        array([0., 1.])
        """
        raise TypeError(
            f"x.sort() at {user_line()} sorts in place, which a traced {self._described()} cannot; write np.sort(x)"
        )

    def conj(self) -> Any:
        """Return the complex conjugate, traced."""
        return np.conjugate(self)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """Return the namespace of array functions that accept tracers."""
        return sys.modules["functorch_lite.numpy"]

    def _described(self) -> str:
        return f"{self.dtype}{list(self.shape)}"

    def _refuse_conversion(self, name: str) -> NoReturn:
        self._trace.touch(f"{name}() was asked")
        raise TracerConversionError(
            f"{name}() of a traced {self._described()} at {user_line()} under {self._trace.transformation}: a Python "
            f"number would lose the derivative. math.sin(x), b[0] = x with a raw array b, and '%f' % x do this too. "
            f"Write np.sin(x); build arrays from traced parts by np.stack or np.array([x, y]); return values that are "
            f"only looked at through has_aux=True, or take ft.stop_gradient(x)."
        )


def apply_unary(primitive: Primitive, x: Any) -> Any:
    """Apply a primitive of one array, which may be traced; a pointwise one at the price of a ufunc's."""
    return x._trace.unary(primitive, x) if isinstance(x, Tracer) else primitive.bind((x,), ())


def apply_binary(primitive: Primitive, x: Any, y: Any) -> Any:
    """Apply a primitive of two arrays, one of which at least is traced, at the younger of their traces."""
    if isinstance(x, Tracer):
        trace = x._trace
        if isinstance(y, Tracer) and y._trace is not trace and y._trace.number > trace.number:
            trace = y._trace
        return trace.binary(primitive, x, y)
    if isinstance(y, Tracer):
        return y._trace.binary(primitive, x, y)
    return primitive.bind((x, y), ())


def array_of_tracers(x: Any) -> Any:
    """Return an object array of the scalar tracers that ``x`` consists of."""
    if x.dtype.kind == "c":
        raise TracerConversionError(
            f"at {user_line()} a traced {x._described()} was to become an array of objects, whose real part NumPy "
            f"takes to be the array and whose imaginary part to be zero. Use fnp.array (import functorch_lite.numpy as "
            f"fnp) or np.stack."
        )
    if x.size > LARGEST_OBJECT_ARRAY:
        raise TracerConversionError(
            f"at {user_line()} a traced {x._described()} was to become an array of {x.size} separate scalars, more "
            f"than {LARGEST_OBJECT_ARRAY}. Use fnp.asarray (import functorch_lite.numpy as fnp) or np.stack, which "
            f"keep it whole."
        )
    array = np.empty(x.size, dtype=object)
    flat = x.reshape(-1)
    for i in range(x.size):
        array[i] = flat[i] if x.ndim else x
    return array.reshape(x.shape)


def _operator(function: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        trace = self._trace
        if isinstance(other, Tracer) and other._trace is not trace and other._trace.number > trace.number:
            trace = other._trace
        return trace.binary(PRIMITIVES[function], self, other)

    return method


def _power(self: Any, other: Any) -> Any:
    """Return ``self ** other``: a square, root or reciprocal where NumPy's own operator computes one."""
    is_literal = type(other) is int or type(other) is float
    if is_literal and other in SIMPLE_POWERS and self.shape and self.dtype.kind == "f":
        return self._trace.unary(PRIMITIVES[SIMPLE_POWERS[other]], self)
    return _general_power(self, other)


def _reflected_operator(function: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return apply_binary(PRIMITIVES[function], other, self)

    return method


def _unary_operator(function: Callable[..., Any]) -> Callable[[Any], Any]:
    def method(self: Any) -> Any:
        return self._trace.unary(PRIMITIVES[function], self)

    return method


def _function_method(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__doc__ = f"``np.{function.__name__}`` of the array."
    return method


_general_power = _operator(operator.pow)

# fmt: off
_BINARY_OPERATORS = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift",
)
_COMPARISONS = ("lt", "le", "eq", "ne", "gt", "ge")
_UNARY_OPERATORS = ("neg", "pos", "abs", "invert")
_FUNCTION_METHODS = (
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "clip", "cumprod", "cumsum", "diagonal",
    "dot", "max", "mean", "min", "nonzero", "prod", "ptp", "ravel", "repeat", "round", "searchsorted", "squeeze",
    "std", "sum", "swapaxes", "take", "trace", "var",
)
# fmt: on


def _install_methods() -> None:
    for name in _BINARY_OPERATORS:
        function = getattr(operator, f"__{name}__")
        setattr(ArrayTracer, f"__{name}__", _power if name == "pow" else _operator(function))
        setattr(ArrayTracer, f"__r{name}__", _reflected_operator(function))
    for name in _COMPARISONS:
        setattr(ArrayTracer, f"__{name}__", _operator(getattr(operator, name)))
    for name in _UNARY_OPERATORS:
        setattr(ArrayTracer, f"__{name}__", _unary_operator(getattr(operator, name)))
    for name in _FUNCTION_METHODS:
        setattr(ArrayTracer, name, _function_method(getattr(np, name)))
    # NumPy calls the method of this name on each element of an object array; see `array_of_tracers`.
    for name, function in vars(np).items():
        if isinstance(function, np.ufunc) and not hasattr(ArrayTracer, name):
            setattr(ArrayTracer, name, _function_method(function))


_install_methods()
