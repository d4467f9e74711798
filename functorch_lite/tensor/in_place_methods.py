"""The methods and operators that write into a tensor: ``add_``, ``x *= y``, ``zero_``, ``copy_`` and so on.

Each computes what the method without the underscore does, and writes it where the tensor is.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.tensor.grad_mode import recording
from functorch_lite.tensor.in_place import overwrite, replace_part, write, write_by
from functorch_lite.tensor.random_tensors import rand, randn
from functorch_lite.tensor.tensor import Tensor

__all__ = ["IN_PLACE", "install_in_place"]

# fmt: off
#: The methods that have a form in place, of the same name with an underscore.
IN_PLACE = (
    "abs", "absolute", "acos", "acosh", "add", "addbmm", "addcdiv", "addcmul", "addmm", "addmv", "addr", "arccos",
    "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "asin", "asinh", "atan", "atan2", "atanh",
    "baddbmm", "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "ceil", "clamp", "clamp_max", "clamp_min", "clip", "conj_physical", "copysign", "cos", "cosh", "cumprod", "cumsum",
    "deg2rad", "digamma", "div", "divide", "eq", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "fix", "float_power",
    "floor", "floor_divide", "fmod", "frac", "gcd", "ge", "greater", "greater_equal", "gt", "heaviside", "hypot", "i0",
    "igamma", "igammac", "index_add", "index_copy", "index_fill", "index_put", "index_reduce", "lcm", "ldexp", "le",
    "lerp", "less", "less_equal", "lgamma", "log", "log10", "log1p", "log2", "logical_and", "logical_not",
    "logical_or", "logical_xor", "logit", "lt", "masked_fill", "masked_scatter", "mul", "multiply", "mvlgamma",
    "nan_to_num", "ne", "neg", "negative", "nextafter", "not_equal", "polygamma", "pow", "rad2deg", "reciprocal",
    "relu", "remainder", "renorm", "round", "rsqrt", "scatter", "scatter_add", "scatter_reduce", "sgn", "sigmoid",
    "sign", "sin", "sinc", "sinh", "sqrt", "square", "sub", "subtract", "tan", "tanh", "tril", "triu", "true_divide",
    "trunc", "xlogy",
)
_UFUNCS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}
_OPERATORS = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift",
)
# fmt: on


def _method(name: str) -> Callable[..., Any]:
    ufunc = _UFUNCS.get(name)
    full_name = f"{name}_"

    def in_place(self: Any, *args: Any, **kwargs: Any) -> Any:
        if ufunc is not None and not kwargs and not recording():
            (other,) = args
            other = other.value if isinstance(other, Tensor) else other
            if type(other) is float or (getattr(other, "shape", None) == self.shape and other.dtype == self.dtype):
                return write_by(self, full_name, ufunc, other)
        return write(self, full_name, getattr(type(self), name), *args, **kwargs)

    in_place.__name__ = full_name
    in_place.__doc__ = f"Write the result of `{name}`, whose arguments it takes, into the tensor; return the tensor."
    return in_place


def _operator(name: str) -> Callable[[Any, Any], Any]:
    function = getattr(operator, f"__{name}__")

    def in_place(self: Any, other: Any) -> Any:
        return write(self, f"i{name}", function, other)

    in_place.__name__ = f"__i{name}__"
    return in_place


def zero_(self: Any) -> Any:
    """Set all elements to zero; return the tensor.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.ones(2).zero_()
    tensor([0., 0.])
    """
    return overwrite(self, 0, "zero_")


def fill_(self: Any, value: Any) -> Any:
    """Set all elements to a scalar; return the tensor.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.zeros(2).fill_(3.0)
    tensor([3., 3.])
    """
    return overwrite(self, value, "fill_")


def copy_(self: Any, source: Any, non_blocking: bool = False) -> Any:
    """Copy the elements of another array, broadcast and converted, into the tensor; return the tensor.

    ``non_blocking`` is taken for PyTorch's sake: it returns when all is copied.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor(3.0, requires_grad=True)
    >>> ft.zeros(2).copy_(x).sum().backward()
    >>> x.grad
    tensor(2.)
    """
    return overwrite(self, source, "copy_")


def normal_(self: Any, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Any:
    """Fill the tensor with random numbers of a normal distribution; return the tensor.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.zeros(2).normal_(mean=5.0, std=0.0)
    tensor([5., 5.])
    """
    return overwrite(self, randn(*self.shape, generator=generator) * std + mean, "normal_")


def uniform_(self: Any, low: float = 0.0, high: float = 1.0, *, generator: Any = None) -> Any:
    """Fill the tensor with random numbers, uniform between two bounds; return the tensor.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.zeros(2).uniform_(3.0, 3.0)
    tensor([3., 3.])
    """
    return overwrite(self, rand(*self.shape, generator=generator) * (high - low) + low, "uniform_")


def fill_diagonal_(self: Any, value: Any) -> Any:
    """Set the elements of the main diagonal; return the tensor.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.zeros(2, 2).fill_diagonal_(1.0)
    tensor([[1., 0.],
            [0., 1.]])
    """
    replace_part(np.diagonal(self), value, "fill_diagonal_")
    return self


def install_in_place() -> None:
    """Give tensors the methods and operators that write in place."""
    for name in IN_PLACE:
        setattr(Tensor, f"{name}_", _method(name))
    for name in _OPERATORS:
        setattr(Tensor, f"__i{name}__", _operator(name))
    for function in (zero_, fill_, copy_, normal_, uniform_, fill_diagonal_):
        setattr(Tensor, function.__name__, function)
