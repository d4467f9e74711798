"""Linear systems and inverses.

Source of the formulas: Giles, "Collected Matrix Derivative Results for Forward and Reverse Mode Algorithmic
Differentiation" (2008); of that of the pseudo-inverse: Golub and Pereyra, "The Differentiation of Pseudo-Inverses and
Nonlinear Least Squares Problems Whose Variables Separate", SIAM J. Numer. Anal. 10 (1973).
"""

from __future__ import annotations

import operator
from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.batching import on_matrices, same_axes
from functorch_lite.calculus.declare import general
from functorch_lite.calculus.matrices import (
    adjoint,
    conjugate,
    exchange,
    hermitian_part,
    matrix,
    one_by_one,
    square,
    tolerance,
)
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import implements

# --- Primitives -------------------------------------------------------------------------------------------------------


def _batched_solve(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    a, b = arrays
    if batched[0]:
        return on_matrices(2, 2)(primitive, size, arrays, batched, params)
    if a.ndim == 2:
        return solve_all(a, b)
    # One stack of matrices for the whole batch: the examples become right-hand sides of each.
    columns = np.moveaxis(b, 0, -1)
    x = solve(a, columns.reshape(*columns.shape[:-2], b.shape[-1] * size))
    return np.moveaxis(x.reshape(*x.shape[:-1], b.shape[-1], size), -1, 0)


def _solve_vjp(g: Any, ans: Any, a: Any) -> Any:
    if a.ndim == 2 < ans.ndim:
        return -solve(exchange(a), _joined(g)) @ exchange(_joined(ans))
    return -solve(exchange(a), g) @ exchange(ans)


@general(
    Rule(lambda t, ans, a: -solve_all(a, t @ ans), _solve_vjp),
    Rule(vjp=lambda g, a: solve_all(exchange(a), g)),
    batch=_batched_solve,
)
def solve(a: Any, b: Any) -> Any:
    """Solve ``a @ x = b`` for matrices ``b``; leading axes broadcast."""
    return np.linalg.solve(a, b)


def solve_all(a: Any, b: Any) -> Any:
    """Solve as `solve` does; one matrix ``a`` for many ``b`` is factorised once."""
    if not a.ndim == 2 < b.ndim:
        return solve(a, b)
    columns = np.moveaxis(b, -2, 0)
    return np.moveaxis(solve(a, _joined(b)).reshape(columns.shape), 0, -2)


def _joined(b: Any) -> Any:
    """Return the columns of all matrices side by side in one."""
    columns = np.moveaxis(b, -2, 0)
    return columns.reshape(columns.shape[0], prod(columns.shape[1:]))


#: The rule of what inverts matrices.
INVERSE = Rule(
    lambda t, ans: -ans @ t @ ans,
    lambda g, ans: -exchange(ans) @ g @ exchange(ans),
)


@general(INVERSE, batch=same_axes)
def inv(a: Any) -> Any:
    """Invert matrices."""
    return np.linalg.inv(a)


@general(INVERSE, batch=same_axes)
def inv_or_nan(a: Any) -> Any:
    """Invert matrices; the inverse of a singular one is not a number."""
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        singular = one_by_one(np.linalg.slogdet(a)[0] == 0)  # by the same decomposition
        return np.where(singular, np.nan, np.linalg.inv(np.where(singular, np.eye(a.shape[-1], dtype=a.dtype), a)))


def _pinv_jvp(t: Any, ans: Any, a: Any, hermitian: bool) -> Any:
    t = hermitian_part(t) if hermitian else t
    th, ah = adjoint(t), adjoint(ans)
    left, right = _product(ans, ah, th), _product(th, ah, ans)
    return -_product(ans, t, ans) + (left - _product(left, a, ans)) + (right - _product(ans, a, right))


def _pinv_vjp(g: Any, ans: Any, a: Any, hermitian: bool) -> Any:
    gh, ah = exchange(g), adjoint(ans)
    left, right = _product(gh, ans, ah), _product(ah, ans, gh)
    c = -_product(ah, conjugate(g), ah) + (left - _product(a, ans, left)) + (right - _product(right, ans, a))
    return conjugate(hermitian_part(c) if hermitian else c)


@general(Rule(_pinv_jvp, _pinv_vjp), batch=same_axes)
def pinv(a: Any, rcond: Any, hermitian: bool) -> Any:
    """Return pseudo-inverses. The derivative is that along matrices of the same rank."""
    return np.linalg.pinv(a, rcond, hermitian)


# --- NumPy's functions ------------------------------------------------------------------------------------------------


@implements(np.linalg.solve)
def _solve(a: Any, b: Any) -> Any:
    a, b = square(a, "solve"), as_array(b)
    n = a.shape[-1]
    length = b.shape[-1:] if b.ndim == 1 else b.shape[-2:-1]
    if length != (n,):
        raise ValueError(f"solve: matrices of shape {a.shape} do not fit right-hand sides of shape {b.shape}")
    if b.ndim == 1:
        return solve(a, b.reshape(n, 1))[..., 0]
    return solve(a, b)


@implements(np.linalg.inv)
def _inv(a: Any) -> Any:
    return inv(square(a, "inv"))


@implements(np.linalg.pinv)
def _pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    a = square(a, "pinv") if hermitian else matrix(a, "pinv")
    if rcond is None:
        rcond = 1e-15 if rtol is np._NoValue else rtol
        if rcond is None:
            rcond = float(max(a.shape[-2:]) * np.finfo(a.dtype).eps)
    elif rtol is not np._NoValue:
        raise ValueError("`rtol` and `rcond` can't be both set.")
    return pinv(a, tolerance(rcond, "pinv"), bool(hermitian))


@implements(np.linalg.tensorsolve)
def _tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    a, b = as_array(a), as_array(b)
    if axes is not None:
        last = tuple(axis % a.ndim for axis in axes)
        a = np.transpose(a, (*(i for i in range(a.ndim) if i not in last), *last))
    shape = a.shape[b.ndim :]
    if prod(shape) ** 2 != a.size:
        raise np.linalg.LinAlgError(
            f"tensorsolve: a of shape {a.shape} and b of shape {b.shape} do not satisfy "
            f"prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])"
        )
    return np.linalg.solve(a.reshape(prod(shape), prod(shape)), b.reshape(-1)).reshape(shape)


@implements(np.linalg.tensorinv)
def _tensorinv(a: Any, ind: int = 2) -> Any:
    a = as_array(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    if not a.ndim:
        raise np.linalg.LinAlgError("0-dimensional array given. Array must have axes to be inverted between.")
    return np.linalg.inv(a.reshape(prod(a.shape[:ind]), -1)).reshape(a.shape[ind:] + a.shape[:ind])


@implements(np.linalg.matrix_power)
def _matrix_power(a: Any, n: Any) -> Any:
    a, n = square(a, "matrix_power"), operator.index(n)
    if n == 0:
        return np.zeros_like(a) + np.eye(a.shape[-1], dtype=a.dtype)
    power, result = np.linalg.inv(a) if n < 0 else a, None
    n = abs(n)
    if n == 3:  # as NumPy does, to the bit
        return (power @ power) @ power
    while True:
        n, bit = divmod(n, 2)
        if bit:
            result = power if result is None else result @ power
        if not n:
            return result
        power = power @ power


# --- Parts of rules ---------------------------------------------------------------------------------------------------


def _product(x: Any, y: Any, z: Any) -> Any:
    """Return ``x @ y @ z`` in the cheaper order, which for tall or wide matrices matters much."""
    p, q = x.shape[-2:]
    r, s = z.shape[-2:]
    return (x @ y) @ z if p * r * (q + s) <= q * s * (r + p) else x @ (y @ z)
