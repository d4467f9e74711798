"""The properties and the methods of `numpy.ndarray` on traced arrays.

Those that are functions of NumPy by the same name are these functions; the others are what they mean in `FUNCTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.operators import ArrayOperators
from functorch_lite.core.tables import FUNCTIONS

__all__ = ["ArrayMethods"]


class ArrayMethods(ArrayOperators):
    """A tracer with the properties and the methods of `numpy.ndarray`, those that would lose derivatives apart."""

    __slots__ = ()

    #: By these NumPy takes a tracer for an array, the functions that are called here too.
    __array_ufunc__: Callable[..., Any]
    __array__: Callable[..., Any]

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

    def _described(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


def _function_method(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__doc__ = f"``np.{function.__name__}`` of the array."
    return method


# fmt: off
_FUNCTION_METHODS = (
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "clip", "cumprod", "cumsum", "diagonal",
    "dot", "max", "mean", "min", "nonzero", "prod", "ptp", "ravel", "repeat", "round", "searchsorted", "squeeze",
    "std", "sum", "swapaxes", "take", "trace", "var",
)
# fmt: on


def _install_methods() -> None:
    for name in _FUNCTION_METHODS:
        setattr(ArrayMethods, name, _function_method(getattr(np, name)))
    # NumPy calls the method of this name on each element of an object array; see `array_of_tracers`.
    for name, function in vars(np).items():
        if isinstance(function, np.ufunc) and not hasattr(ArrayMethods, name):
            setattr(ArrayMethods, name, _function_method(function))


_install_methods()
