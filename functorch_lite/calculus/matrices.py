"""What the rules of linear algebra share: adjoints, Hermitian parts, honest division by gaps between eigenvalues.

Formulas for a matrix function of complex matrices are stated with the real inner product ``Re tr(Gᴴ T)``, in which the
literature gives them. The engine pairs a cotangent ``g`` with a tangent by ``Re Σ g t``; so ``G`` is the conjugate of
``g``, and a rule that needs it conjugates on the way in and out.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.batching import on_matrices
from functorch_lite.calculus.declare import linear
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import known, shape_of
from functorch_lite.core.rules import Rule
from functorch_lite.core.trace import Tracer

__all__ = [
    "adjoint",
    "conjugate",
    "diagonal_matrix",
    "exchange",
    "hermitian_part",
    "matrix",
    "one_by_one",
    "over_gaps",
    "over_values",
    "real_dtype",
    "skew_part",
    "square",
    "tolerance",
]

#: Two eigenvalues are not told apart by floating-point arithmetic when they differ by less than this many units in the
#: last place of the largest: LAPACK gives multiple eigenvalues of random matrices (orders 2 to 300) up to 12 apart.
UNRESOLVED = 16


def square(a: Any, name: str) -> Any:
    """Return an array whose examples are square matrices; raise NumPy's own error if they are not."""
    a = matrix(a, name)
    if a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError(f"{name}: last 2 dimensions of the array must be square, not {a.shape[-2:]}")
    return a


def matrix(a: Any, name: str) -> Any:
    """Return an array whose examples are matrices; raise NumPy's own error if they are not.

    NumPy would check this too, but under `vmap` it sees the batch axis and takes vectors for matrices.
    """
    a = as_array(a)
    if a.ndim < 2:
        raise np.linalg.LinAlgError(f"{name}: {a.ndim}-dimensional array given. Array must be at least two-dimensional")
    return a


def tolerance(given: Any, name: str) -> Any:
    """Return the value of a tolerance, which decides on a rank and has no derivative."""
    value = known(given)
    if value is None and isinstance(given, Tracer):
        raise TypeError(
            f"np.linalg.{name} at {user_line()}: the tolerance decides on the rank, so its value must be known, and be "
            f"the same for all examples; under vmap and jit pass a number that is not traced"
        )
    return value


def exchange(x: Any) -> Any:
    """Return the transposed matrices."""
    return np.swapaxes(x, -1, -2)


def conjugate(x: Any) -> Any:
    """Return the complex conjugate; a real array, or None, as it is."""
    if x is None:
        return None
    return np.conjugate(x) if (x.dtype.kind == "c" if hasattr(x, "dtype") else isinstance(x, complex)) else x


def adjoint(x: Any) -> Any:
    """Return the conjugated and transposed matrices."""
    return exchange(conjugate(x))


def hermitian_part(x: Any) -> Any:
    """Return (x + xᴴ) / 2."""
    return 0.5 * (x + adjoint(x))


def skew_part(x: Any) -> Any:
    """Return (x - xᴴ) / 2."""
    return 0.5 * (x - adjoint(x))


def diagonal_matrix(x: Any) -> Any:
    """Return the matrices that have the vectors ``x`` on their diagonal."""
    n = x.shape[-1]
    return x[..., None] * np.eye(n, dtype=real_dtype(x))


def one_by_one(x: Any) -> Any:
    """Return numbers, one a matrix, as matrices of order 1, which broadcast."""
    return np.reshape(x, (*shape_of(x), 1, 1))


def real_dtype(x: Any) -> np.dtype[Any]:
    """Return the dtype of the real and imaginary parts of an array."""
    dtype: np.dtype[Any] = np.finfo(x.dtype).dtype
    return dtype


# --- Division by gaps -------------------------------------------------------------------------------------------------


def _over_gaps(g: Any, values: Any, cause: str) -> Any:
    return over_gaps(g, values, cause)


def _over_gaps_values_jvp(t: Any, ans: Any, values: Any, cause: str) -> Any:
    return -over_gaps(ans * _gaps(t), values, cause)


def _over_gaps_values_vjp(g: Any, ans: Any, values: Any, cause: str) -> Any:
    products = g * ans if values.dtype.kind == "c" else np.real(g * ans)
    weights = over_gaps(products, values, cause)
    return weights.sum(-1) - weights.sum(-2)


@linear(
    _over_gaps,
    Rule(_over_gaps_values_jvp, _over_gaps_values_vjp),
    batch=on_matrices(2, 1),
)
def over_gaps(x: Any, values: Any, cause: str) -> Any:
    """Divide element (i, j) of matrices by ``values[j] - values[i]``; the diagonal of the result is zero.

    Where rounding cannot tell the two values apart the quotient has no meaning: it is NaN, with a warning that tells
    ``cause``, except for a numerator of exactly zero over a gap that is not.
    """
    gaps = np.where(np.eye(values.shape[-1], dtype=bool), np.inf, _gaps(values))
    return _quotient(x, gaps, np.max(np.abs(values), -1, initial=0), cause)


def _over_values(g: Any, divisors: Any, cause: str) -> Any:
    return over_values(g, divisors, cause)


def _over_values_divisors_jvp(t: Any, ans: Any, divisors: Any, cause: str) -> Any:
    return -over_values(ans * t, divisors, cause)


def _over_values_divisors_vjp(g: Any, ans: Any, divisors: Any, cause: str) -> Any:
    return -over_values(np.real(g * ans), divisors, cause)


@linear(_over_values, Rule(_over_values_divisors_jvp, _over_values_divisors_vjp), batch=on_matrices(2, 2))
def over_values(x: Any, divisors: Any, cause: str) -> Any:
    """Divide matrices by matrices (or rows) of singular values or sums of two, as `over_gaps` does."""
    finite = np.where(np.isinf(divisors), 0, divisors)
    return _quotient(x, divisors, np.max(np.abs(finite), (-2, -1), initial=0), cause)


def _gaps(values: Any) -> Any:
    return values[..., None, :] - values[..., :, None]


def _quotient(x: Any, divisors: Any, largest: Any, cause: str) -> Any:
    """Divide plain arrays; ``largest`` sets the scale of rounding. An infinite divisor means: no division here."""
    unresolved = np.abs(divisors) <= UNRESOLVED * np.finfo(largest.dtype).eps * largest[..., None, None]
    if unresolved.any():
        unresolved = unresolved & ((x != 0) | (divisors == 0))
        if unresolved.any():
            warnings.warn(f"{cause}; at {user_line()}", RuntimeWarning, stacklevel=2)
        divisors = np.where(unresolved, np.nan, divisors)
    return x / divisors
