"""Writing into arrays inside pure functions: buffers, their views, and what is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.numpy as fnp
from functorch_lite.scipy.integrate import odeint

X = np.array([1.1, 2.0, 3.0, 0.5])


def _loop(xp: Any, x: Any) -> Any:
    y = xp.zeros(4)
    y[0] = x[0]
    for i in range(1, 4):
        y[i] = y[i - 1] * x[i] + 1.0
    return y


def _slices(xp: Any, x: Any) -> Any:
    y = xp.ones((3, 4))
    y[1] = x
    y[:, 1] += x[0] * x[1]
    y[::2, 2:] = x[2:]
    return y


def _positions(xp: Any, x: Any) -> Any:
    y = xp.zeros(4)
    y[[3, 1]] = x[:2]
    y[np.array([0, 0])] = x[1:3]
    y[np.array([True, False, False, True])] *= x[3]
    return y


def _masks(xp: Any, x: Any) -> Any:
    y = x.copy()
    y[y > 1.5] = x[0] * 7.0
    return y * x


def _views(xp: Any, x: Any) -> Any:
    y = xp.zeros((2, 4))
    row = y[1]
    row[1:3] = x[:2]
    row += x
    y[1][0] = x[3] ** 2
    part = row[2:]
    y[1] *= 3.0
    return y + part.sum()


def _functions(xp: Any, x: Any) -> Any:
    y = xp.zeros((4, 4))
    np.fill_diagonal(y, x)
    z = x.copy()
    np.add.at(z, [0, 0, 2], x[:3])
    np.copyto(z, z * 2.0, where=np.array([True, True, False, True]))
    np.putmask(z, np.array([False, True, False, False]), x * x)
    np.put(z, [3, 0, 3], x[:2] * x[2])
    np.put(z[1:], [4, -5], x[2] ** 2, mode="wrap")
    np.put(z, [9], x[0] ** 2, mode="clip")
    np.place(z, np.array([True, False, True, False]), x[1:] * z[1:])
    np.place(z, np.zeros(4, bool), 7.0)
    np.put_along_axis(y, np.array([[1], [0], [3], [2]]), x[0] * z[:1], 1)
    np.put_along_axis(z, np.array([1]), x[3] * x[:1], 0)
    np.multiply(z, x, out=z)
    z.sort()
    return y @ z


def _reshaped_views(xp: Any, x: Any) -> Any:
    y = xp.zeros((2, 4))
    square, column = y.reshape(4, 2), y.T[1]
    y[0] = x
    square[3] = x[:2] ** 2
    column *= x[2]
    y.ravel()[::3] += x[:3]
    np.flip(y, 1)[0, 0] = x[0] * x[1]
    y[1:, None].swapaxes(0, 2)[2] += 2.0
    y[:1].reshape(-1)[2] = x[3]
    return np.concatenate([square, y.reshape(4, 2)])


def _copies(xp: Any, x: Any) -> Any:
    y = xp.zeros((2, 4))
    y[0] = x
    flat, part, twin = y.flatten(), y[:, 1:3].reshape(-1), np.copy(y)
    y[1] = x * x
    flat[0] = part[3] = x[2] * 3.0
    twin.reshape(-1)[5] = x[1]
    return np.concatenate([flat, part, twin.ravel(), y.ravel()])


def _outputs(xp: Any, x: Any) -> Any:
    y = xp.ones((2, 4))
    np.multiply(x, 2.0, out=y[0])
    np.add(y[0], x, out=y[1])
    return y


def _outputs_of_functions(xp: Any, x: Any) -> Any:
    y, z = xp.zeros((4, 4)), xp.zeros(4)
    assert np.cumsum(x, out=z) is z
    np.concatenate([z, x], out=y[:2].reshape(-1))
    np.stack([x, z], 1, out=y[:, 2:])
    np.dot(np.diag(x), z, y[3])
    x.clip(1.0, 2.5, out=y[1])
    np.take(y, [0, 3], 1, y[:, :2])
    np.einsum("i->i", np.ones(2), out=y[2, :2])
    y[0] += np.sum(y, 0, None, z)
    np.max(y, axis=1, out=y.T[3])
    return y


def _flat(xp: Any, x: Any) -> Any:
    y = xp.ones((2, 4))
    y.flat[::3] = x[:3]
    part = y[:, ::2]
    part.flat[1] = y.flat[3] * x[3]
    part.T.flat[-1] *= x[0]
    z = xp.zeros((2, 2))
    z.flat = x[:3]
    return y + len(y.flat) * np.sum(z.flat) * y.view()


def _diagonals(xp: Any, x: Any) -> Any:
    tall, wrapped, cube = xp.ones((5, 2)), xp.ones((9, 2)), xp.zeros((2, 2, 2))
    np.fill_diagonal(tall, x[:1])
    np.fill_diagonal(wrapped, x, wrap=True)
    np.fill_diagonal(cube, [x[0], 3.0])
    return np.concatenate([tall, wrapped, cube.reshape(4, 2)])


def _numbers(xp: Any, x: Any) -> Any:
    y = x.copy()
    y[1] = np.nan
    copy, other = y.reshape(-1, copy=True), np.reshape(y, (2, 2), copy=True)
    assert np.nan_to_num(y, copy=False, nan=5.0) is y
    copy[1] = x[2]
    other[1] = y.reshape(2, 2, copy=False)[0]
    return y * copy * other[1, 1]


def _filled(xp: Any, x: Any) -> Any:
    y = xp.full_like(x, 2.0)
    y.fill(x[1])
    y[-1] = 5.0
    z = xp.empty(2)
    z[:] = x[2:]
    return y * z.prod()


def _parts_of_complex_numbers(xp: Any, x: Any) -> Any:
    z = xp.zeros(4, complex)
    real = z.real
    z.imag = x
    z.imag[1] += x[0]
    real[:2] = x[2:] * x[:2]
    np.real(z)[3] -= 1.0
    w = xp.ones(4)
    w.real[1:] *= x[1:]
    return np.concatenate([real, z.imag, w, np.abs(z + 1.0) ** 2])


def _split_views(xp: Any, x: Any) -> Any:
    y = xp.zeros((2, 4))
    diagonal, (left, right) = np.diagonal(y), np.split(y, 2, 1)
    y[0], left[1] = x, x[:2] ** 2
    right *= x[0]
    converted, part = y.astype(float), np.hsplit(y[0], [1])[1]
    y[:, 1] = x[3]
    return np.concatenate([diagonal, left.ravel(), right.ravel(), converted.ravel(), part, y.ravel()])


PROGRAMS = [
    _loop,
    _slices,
    _positions,
    _masks,
    _views,
    _reshaped_views,
    _copies,
    _outputs,
    _outputs_of_functions,
    _flat,
    _diagonals,
    _numbers,
    _functions,
    _filled,
    _parts_of_complex_numbers,
    _split_views,
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_writes_is_differentiated(program: Callable[[Any, Any], Any]) -> None:
    expected = program(np, X.copy())
    value, jacobian = ft.value_and_jacobian(lambda x: program(fnp, x))(X)
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    assert ft.gradcheck(lambda x: program(fnp, x), X, check_forward_ad=True)
    np.testing.assert_allclose(ft.jacfwd(lambda x: program(fnp, x))(X), jacobian, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("program", PROGRAMS)
def test_second_derivatives(program: Callable[[Any, Any], Any]) -> None:
    def f(x: Any) -> Any:
        return np.sum(np.sin(program(fnp, x)))

    expected = ft.jacfwd(ft.jacfwd(f))(X)
    np.testing.assert_allclose(ft.hessian(f)(X), expected, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(ft.jacrev(ft.jacrev(f))(X), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p is not _masks])  # under vmap a mask decides on shapes
def test_a_batch_is_a_loop(program: Callable[[Any, Any], Any]) -> None:
    batch = np.stack([X, X[::-1], X * 0.3])
    f = ft.vmap(lambda x: program(fnp, x))
    np.testing.assert_allclose(f(batch), np.stack([program(np, x.copy()) for x in batch]), rtol=1e-14)
    g = ft.vmap(ft.jacrev(lambda x: program(fnp, x)))
    expected = np.stack([ft.jacrev(lambda x: program(fnp, x))(x) for x in batch])
    np.testing.assert_allclose(g(batch), expected, rtol=1e-13, atol=1e-13)


_SCALAR_MASKS: list[Any] = [
    True,
    np.True_,
    np.array(True),
    False,
    (True, slice(1, 2)),
    (..., True),
    (slice(None), True, 1),
    (None, True),
    (True, [0, 1], 1),
]


@pytest.mark.parametrize("key", _SCALAR_MASKS, ids=str)
@pytest.mark.parametrize("value", [lambda x: 0.0, lambda x: x[0, 0] ** 2])
def test_a_boolean_of_rank_0_names_all_or_nothing(key: Any, value: Callable[[Any], Any]) -> None:
    def f(x: Any) -> Any:
        y, z = x.copy(), x.copy()
        y[key] = value(x)
        z[key] += x[1, 1]
        np.add.at(z, key, x[0, 1])
        return y * z

    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    expected = f(x)
    np.testing.assert_array_equal(ft.vjp(f, x)[0], expected)
    np.testing.assert_array_equal(ft.jit(f)(x), expected)
    np.testing.assert_array_equal(ft.vmap(f)(np.stack([x, x]))[1], expected)
    assert ft.gradcheck(f, x, check_forward_ad=True)


@pytest.mark.parametrize("x", [np.array(-1.5), np.array(2.0), np.array([[1.0, 2.0], [3.0, 4.0]])])
def test_an_array_is_cleared_by_a_question_about_it(x: Any) -> None:
    def f(x: Any) -> Any:
        y = x.copy()
        y[np.max(x) > 1.0] = 0.0
        return y * x

    np.testing.assert_array_equal(ft.vjp(f, x)[0], f(x))
    np.testing.assert_array_equal(ft.vmap(f)(np.stack([x, x - 9.0])), np.stack([f(x), (x - 9.0) ** 2]))
    assert ft.gradcheck(f, x, check_forward_ad=True)


#: How programs that know NumPy alone make an array to write into.
NUMPYS_OWN: dict[str, Callable[[Any], Any]] = {
    "zeros_like": np.zeros_like,
    "ones_like": np.ones_like,
    "empty_like": np.empty_like,
    "full_like": lambda x: np.full_like(x, 2.0),
    "full_like of a traced number": lambda x: np.full_like(x, x[0]),
    "zeros_like of a shape": lambda x: np.zeros_like(x, shape=(4,)),
    "zeros_like of a buffer": lambda x: np.zeros_like(x.copy()),
    "zeros, like": lambda x: np.zeros(4, like=x),
    "ones, like": lambda x: np.ones(4, like=x),
    "empty, like": lambda x: np.empty(4, like=x),
    "full, like": lambda x: np.full(4, 2.0, like=x),
    "eye, like": lambda x: np.eye(1, 4, like=x)[0],
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("make", NUMPYS_OWN.values(), ids=list(NUMPYS_OWN))
def test_arrays_that_numpy_makes_like_a_traced_one_can_be_written_to(make: Callable[[Any], Any]) -> None:
    def f(x: Any) -> Any:
        y = make(x)
        y[0] = 1.0
        y[1:] = x[:-1] ** 2
        y += x
        np.add.at(y, [0, 0], x[1:3])
        return y * x

    assert ft.gradcheck(f, X, check_forward_ad=True)
    assert np.allclose(ft.vmap(f)(np.stack([X, X + 1.0])), np.stack([f(X), f(X + 1.0)]))
    assert np.allclose(ft.jit(f)(X), f(X))
    assert np.allclose(ft.jacrev(ft.jit(f))(X), ft.jacfwd(f)(X))
    assert np.allclose(ft.hessian(lambda x: np.sum(f(x)))(X), ft.jacfwd(ft.grad(lambda x: np.sum(f(x))))(X))


def test_what_is_made_like_a_tensor_stays_a_tensor() -> None:
    x = ft.tensor(X, requires_grad=True)

    @ft.checkpoint
    def f(x: Any) -> Any:
        y = np.zeros_like(x)
        assert isinstance(y, ft.Tensor) is isinstance(x, ft.Tensor)
        y[1:] = x[:-1] ** 2
        return (y * x).sum()

    f(x).backward()
    assert np.allclose(x.grad, ft.grad(f)(X))


def test_the_arguments_of_the_caller_are_never_changed() -> None:
    before = X.copy()

    def f(x: Any) -> Any:
        y = x.copy()
        y[:] = 0.0
        return np.sum(x * x) + np.sum(y)

    ft.grad(f)(X)
    ft.vmap(f)(X[None])
    np.testing.assert_array_equal(X, before)


def test_outside_of_a_transformation_arrays_are_numpys() -> None:
    assert type(fnp.zeros(3)) is np.ndarray
    assert type(fnp.full_like(X, 1.0)) is np.ndarray


def test_a_buffer_that_is_returned_is_an_array() -> None:
    assert type(ft.vmap(lambda x: fnp.zeros(2))(X)) is np.ndarray
    value, pull = ft.vjp(lambda x: _loop(fnp, x), X)
    assert type(value) is np.ndarray
    assert type(pull(np.ones(4))[0]) is np.ndarray


def test_a_buffer_goes_into_an_inner_transformation() -> None:
    def f(x: Any) -> Any:
        y = fnp.zeros(2)
        y[0], y[1] = x[0], x[1] * 2.0
        return ft.grad(lambda z: np.sum(z**3) * x[0])(y).sum()

    expected = ft.grad(lambda x: 3.0 * (x[0] ** 2 + 4.0 * x[1] ** 2) * x[0])(X)
    np.testing.assert_allclose(ft.grad(f)(X), expected, rtol=1e-14)


def test_the_dtype_stays() -> None:
    def f(x: Any) -> Any:
        y = fnp.zeros(4, np.float32)
        y[:] = x
        return y.sum()

    assert ft.grad(f)(X).dtype == np.float64
    assert ft.value_and_grad(f)(X)[0].dtype == np.float32


def test_shapes_that_do_not_fit_raise() -> None:
    def f(x: Any) -> Any:
        y = fnp.zeros(4)
        y[:3] = x
        return y.sum()

    with pytest.raises(ValueError, match="broadcast"):
        ft.grad(f)(X)


def test_writes_that_would_lose_a_part_of_a_number_raise() -> None:
    def assigned(y: Any, x: Any) -> None:
        y[0] = x[0]

    def added(y: Any, x: Any) -> None:
        y += x[0]

    def added_at(y: Any, x: Any) -> None:
        np.add.at(y, [0, 0], x[:2])

    for write in (assigned, added, added_at):

        def f(x: Any, write: Callable[[Any, Any], None] = write) -> Any:
            y = fnp.zeros(3, int)
            write(y, x)
            return np.sum(y) * 1.0

        with pytest.raises(TypeError, match="int64"):
            ft.grad(f)(X)


#: At zeros the slopes of these are infinite, or the functions undefined.
WHERE: list[Callable[[Any], Any]] = [
    lambda x: np.divide(1.0, x, out=fnp.zeros_like(x), where=x != 0),
    lambda x: np.divide(x**2, x, out=fnp.ones_like(x), where=x != 0),
    lambda x: np.log(x, out=fnp.zeros(4), where=x > 0),
    lambda x: np.sqrt(x, out=x.copy(), where=x > 0),
    lambda x: np.power(x, 0.5, out=x.copy(), where=x != 0),
    lambda x: np.multiply(x[1], x, out=fnp.zeros((2, 4)), where=np.array([[True], [False]])),
    lambda x: np.reciprocal(x, out=fnp.zeros((4,)), where=False),
]


@pytest.mark.parametrize("function", WHERE)
def test_nothing_is_computed_where_a_mask_does_not_hold(function: Callable[[Any], Any]) -> None:
    x = np.array([0.0, 2.0, 3.0, 0.0])
    values, step = function(x), 1e-6 * np.diag(x != 0)
    expected = np.stack([(function(x + e) - function(x - e)) / 2e-6 for e in step], axis=-1)
    for jacobian in (ft.jacfwd, ft.jacrev):
        np.testing.assert_allclose(jacobian(function)(x)[..., 1:3], expected[..., 1:3], rtol=1e-6, atol=1e-8)
        assert np.isfinite(jacobian(function)(x)).all()
    np.testing.assert_array_equal(ft.vjp(function, x)[0], values)
    assert np.isfinite(ft.hessian(lambda x: np.sum(function(x) ** 2))(x)).all()


# Ufuncs told where to write, in NumPy and here; at the elements left out they would be infinite or NaN.
WRITTEN_WHERE: dict[str, Callable[[Any, Any], Any]] = {
    "quotient": lambda xp, x: np.divide(1.0, x, out=xp.zeros_like(x), where=x != 0.0),
    "logarithm over itself": lambda xp, x: np.log(x, out=x.copy(), where=x > 0.0),
    "fixed mask": lambda xp, x: np.sqrt(x, out=xp.ones(4), where=np.array([True, False, False, True])) * x,
    "mask that broadcasts": lambda xp, x: np.multiply(
        x, np.arange(3.0)[:, None], out=xp.ones((3, 4)), where=np.array([[True], [False], [True]])
    ),
    "view": lambda xp, x: (lambda y: (np.divide(x[1:], x[:-1], out=y[1:], where=x[:-1] > 0.0), y)[1])(xp.zeros(4)),
    "nowhere": lambda xp, x: np.log(x, out=xp.ones(4), where=x > 100.0),
}
SIGNED = np.array([2.0, -1.0, 0.0, 4.0])


@pytest.mark.parametrize("name", WRITTEN_WHERE)
def test_a_ufunc_computes_where_a_mask_holds_and_nowhere_else(name: str) -> None:
    f = lambda x: WRITTEN_WHERE[name](fnp, x)
    wanted = lambda x: WRITTEN_WHERE[name](np, x)
    batch = np.stack([SIGNED, SIGNED[::-1], -np.ones(4)])
    y, jacobian = wanted(SIGNED.copy()), ft.jacfwd(f)(SIGNED)
    np.testing.assert_array_equal(ft.vjp(f, SIGNED)[0], y)
    np.testing.assert_array_equal(ft.jit(f)(SIGNED), y)
    np.testing.assert_array_equal(ft.vmap(f)(batch), [wanted(x.copy()) for x in batch])
    for step in 1e-6 * np.eye(4)[SIGNED != 0.0]:
        difference = (wanted(SIGNED + step) - wanted(SIGNED - step)) / 2e-6
        np.testing.assert_allclose(jacobian @ (step * 1e6), difference, atol=1e-8)
    np.testing.assert_allclose(ft.jacrev(f)(SIGNED), jacobian)
    np.testing.assert_allclose(ft.jit(ft.jacrev(f))(SIGNED), jacobian)
    np.testing.assert_allclose(ft.vmap(ft.jacrev(f))(batch), [ft.jacrev(f)(x) for x in batch])


def test_what_is_written_where_a_mask_holds_is_not_rounded() -> None:
    with pytest.raises(TypeError, match="lose its fraction"):
        ft.grad(lambda x: np.sum(np.multiply(x, 0.5, out=fnp.zeros(4, int), where=X > 1.0)))(X)


def test_an_index_out_of_range_raises() -> None:
    def f(x: Any) -> Any:
        y = fnp.zeros(4)
        y[4] = x[0]
        return y.sum()

    with pytest.raises(IndexError):
        ft.grad(f)(X)


@pytest.mark.parametrize(
    ("write", "error", "words"),
    [
        (lambda x: np.sum(x, out=fnp.zeros(4)), ValueError, r"shape \(\), was to be written into .* shape \(4,\)"),
        (lambda x: np.cumsum(x * 1j, out=fnp.zeros(4)), TypeError, "imaginary part"),
        (lambda x: np.cumsum(x, out=np.zeros(4)), TypeError, "cannot hold a derivative"),
        (lambda x: np.cumsum(x, out=x), TypeError, r"y = np.cumsum"),
        (lambda x: fnp.zeros((4, 4))[:, :3].reshape(-1, copy=False), ValueError, "avoid creating a copy"),
        (lambda x: np.fill_diagonal(fnp.zeros((2, 2, 3)), x), ValueError, "equal length"),
        (lambda x: np.clip(x, 0.0, 1.0, where=x > 0), TypeError, r"np.where\(mask, np.clip"),
    ],
)
def test_writes_that_do_not_fit_are_refused(write: Callable[[Any], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ft.vjp(write, X)


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.__setitem__(0, 1.0),
        lambda x: np.copyto(np.zeros(4), x),
        lambda x: np.nan_to_num(x, copy=False),
        lambda x: np.fill_diagonal(np.zeros((4, 4)), x, wrap=True),
    ],
)
def test_what_is_no_buffer_is_refused_with_the_remedy(write: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match=r"fnp\.zeros"):
        ft.grad(lambda x: write(x) or x[0])(X)


def test_a_diagonal_is_read_only() -> None:
    def f(x: Any) -> Any:
        y = fnp.zeros((2, 2))
        np.diagonal(y)[0] = x[0]
        return y.sum()

    with pytest.raises(ValueError, match=r"read-only.*np\.fill_diagonal"):
        ft.grad(f)(X)


def test_a_real_array_has_no_imaginary_part_to_set() -> None:
    def f(x: Any) -> Any:
        y = fnp.zeros(4)
        y.imag = x
        return y.sum()

    with pytest.raises(TypeError, match="imaginary part"):
        ft.grad(f)(X)


def test_setting_one_part_leaves_the_other_as_it_was_if_it_is_infinite() -> None:
    def f(xp: Any, x: Any) -> Any:
        y = xp.full(2, complex(1.0, np.inf))
        y.real = x
        z = xp.full(2, complex(-np.inf, 0.0))
        z.imag = x
        return np.concatenate([y.real, y.imag, z.real, z.imag])

    x = np.array([2.0, 3.0])
    expected = [2.0, 3.0, np.inf, np.inf, -np.inf, -np.inf, 2.0, 3.0]
    assert f(np, x).tolist() == expected
    value, tangent = ft.jvp(lambda x: f(fnp, x), (x,), (np.ones(2),))
    assert value.tolist() == expected
    assert tangent.tolist() == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]
    assert ft.vmap(lambda x: f(fnp, x))(x[None])[0].tolist() == expected
    assert ft.jit(lambda x: f(fnp, x))(x).tolist() == expected


# --- In branches and loops --------------------------------------------------------------------------------------------


def test_a_branch_writes_for_the_examples_that_take_it() -> None:
    def f(x: Any) -> Any:
        y = fnp.ones((2, 3))
        row = y[1]

        def positive(v: Any) -> Any:
            y[0, 1] = np.sqrt(v)
            row[:2] *= v
            return y.sum()

        def other(v: Any) -> Any:
            y.reshape(-1)[::2] = v * v
            return row

        total = ft.cond(x[0] > 0, positive, lambda v: other(v).sum(), x[0])
        return y.ravel() * x[1] + total

    batch = np.array([[4.0, 1.5], [-2.0, 3.0], [0.0, 2.0], [9.0, -1.0]])
    np.testing.assert_allclose(ft.vmap(f)(batch), np.stack([f(x) for x in batch]), rtol=1e-15)
    expected = np.stack([ft.jacrev(f)(x) for x in batch])
    np.testing.assert_allclose(ft.vmap(ft.jacrev(f))(batch), expected, rtol=1e-14)
    np.testing.assert_allclose(ft.jacfwd(ft.vmap(f))(batch)[range(4), :, range(4)], expected, rtol=1e-14)


def test_a_loop_writes_for_the_examples_that_it_runs_for() -> None:
    def f(x: Any) -> Any:
        path = fnp.zeros(6)

        def body(state: Any) -> Any:
            i, value = state
            path[i] = np.log(value)
            return i + 1, value * x

        _, last = ft.while_loop(lambda state: state[1] < 5.0, body, (0, 1.0 * x))
        return np.sum(path) + last

    batch = np.array([1.5, 4.0, 7.0, 2.0])
    np.testing.assert_allclose(ft.vmap(f)(batch), [f(x) for x in batch], rtol=1e-15)
    np.testing.assert_allclose(ft.vmap(ft.grad(f))(batch), [ft.grad(f)(x) for x in batch], rtol=1e-14)


@pytest.mark.parametrize("transform", [ft.jacrev, ft.jacfwd, lambda f: lambda x: ft.vmap(f)(x[None])])
def test_what_a_loop_carries_is_written_to_through_a_copy(transform: Callable[[Any], Any]) -> None:
    def squares(x: Any, copied: bool) -> Any:
        def body(i: Any, y: Any) -> Any:
            y = y.copy() if copied else y
            y[i] = x[i] ** 2
            return y

        return ft.fori_loop(0, 4, body, fnp.zeros(4))

    with pytest.raises(TypeError, match=r"loop carries.*begin the step with y = y\.copy\(\)"):
        transform(lambda x: squares(x, False))(X)
    np.testing.assert_allclose(transform(lambda x: squares(x, True))(X), transform(lambda x: x**2)(X), rtol=1e-15)


def test_a_value_of_an_inner_transformation_does_not_outlive_it() -> None:
    def f(x: Any) -> Any:
        y = fnp.zeros(2)

        def inner(t: Any) -> Any:
            y[0] = t
            return t * t

        return ft.grad(inner)(x[0]) + np.sum(y)

    with pytest.raises(ft.EscapedTracerError):
        ft.grad(f)(X)


# --- Functions that run on the values below, or run again -------------------------------------------------------------


def with_rules(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    ruled = ft.custom_jvp(f)
    ruled.defjvp(lambda primals, tangents: (f(*primals), 2.0 * tangents[0]))
    return ruled


@pytest.mark.parametrize("around", [ft.checkpoint, with_rules], ids=["checkpoint", "custom_jvp"])
@pytest.mark.parametrize(
    "write",
    [
        lambda y, a: y.__setitem__(0, np.sum(a)),
        lambda y, a: np.add(y, np.sum(a), out=y),
        lambda y, a: np.add.at(y, [0, 0], a[:2]),
        lambda y, a: y[1:].__setitem__(0, np.sum(a)),
        lambda y, a: y.sort(),
    ],
    ids=["element", "out", "at", "view", "sort"],
)
def test_a_write_whose_derivative_would_be_lost_raises(write: Callable[..., Any], around: Any) -> None:
    def f(x: Any) -> Any:
        y = fnp.zeros(3)

        def g(a: Any) -> Any:
            write(y, a)
            return 2.0 * a

        return np.sum(around(g)(x)) + np.sum(y)

    for transform in (ft.grad, lambda f: ft.jit(ft.grad(f)), ft.hessian):
        with pytest.raises(TypeError, match=r"test_mutation\.py.*made outside of the function.*Return the value"):
            transform(f)(X)


@pytest.mark.parametrize("around", [ft.checkpoint, with_rules], ids=["checkpoint", "custom_jvp"])
def test_a_buffer_of_its_own_may_be_written_to(around: Any) -> None:
    def doubled(a: Any) -> Any:
        y = fnp.zeros(a.shape)
        y[:] = a
        y[1:] += a[1:]
        y[0] *= 2.0
        return y

    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(around(doubled)(x)))(X), 2.0 * np.ones_like(X))


SINCE = r"test_mutation\.py.*has been written to since it ran first.*argument"


def test_a_checkpoint_that_would_read_another_value_the_second_time_raises() -> None:
    def f(x: Any, around: Any) -> Any:
        y = x.copy()
        z = around(lambda a: np.sin(a) * y)(x)
        y[0] = 5.0
        return np.sum(z)

    assert np.isfinite(ft.jvp(lambda x: f(x, ft.checkpoint), (X,), (X,))[1])  # runs once
    with pytest.raises(RuntimeError, match=SINCE):
        ft.grad(lambda x: f(x, ft.checkpoint))(X)

    def unchanged(x: Any, around: Any) -> Any:
        y = x.copy()
        y[0] = 2.0
        passed, closed = around(lambda a, b: np.sin(a) * b)(x, y), around(lambda a: np.sin(a) * y)(x)
        y = x.copy()
        y[0] = 5.0
        return np.sum(passed * closed + y)

    expected = ft.grad(lambda x: unchanged(x, lambda g: g))(X)
    np.testing.assert_allclose(ft.grad(lambda x: unchanged(x, ft.checkpoint))(X), expected, rtol=1e-14)


def test_rules_that_would_read_another_value_later_raise() -> None:
    @ft.custom_vjp
    def doubled(a: Any) -> Any:
        return 2.0 * a

    def f(x: Any) -> Any:
        y = fnp.ones(4)
        doubled.defvjp(lambda a: (2.0 * a, None), lambda _, g: (g * y,))
        z = doubled(x)
        y[0] = 5.0
        return np.sum(z)

    def solution(x: Any) -> Any:
        y = fnp.ones(4)
        states = odeint(lambda s, t: -s * y, x, np.array([0.0, 0.5]), method="adjoint")
        y[0] = 5.0
        return np.sum(states[-1])

    for function in (f, solution):
        for transform in (ft.grad, ft.jacrev, lambda f: ft.grad(ft.jit(f))):
            with pytest.raises(RuntimeError, match=SINCE):
                transform(function)(X)

    @ft.jit
    def root(x: Any) -> Any:
        y = fnp.ones(4)
        found = ft.implicit_root(lambda z, a: z - a * y, lambda g, z: z - g(z))(x, x)
        y[0] = 5.0
        return np.sum(found)

    with pytest.raises(RuntimeError, match=SINCE):
        root(X)


@pytest.mark.parametrize(
    ("error", "write"),
    [
        (ValueError, lambda y: np.place(y, [True], 1.0)),
        (ValueError, lambda y: np.place(y, np.ones(3, bool), [])),
        (ValueError, lambda y: np.put(y, [0], 1.0, mode="round")),
        (IndexError, lambda y: np.put(y, [3], 1.0)),
        (ValueError, lambda y: np.put_along_axis(y, np.array([[0]]), 1.0, 0)),
    ],
)
def test_what_numpy_refuses_to_put_is_refused(error: type[Exception], write: Any) -> None:
    with pytest.raises(error):
        write(np.zeros(3))
    with pytest.raises(error):
        ft.grad(lambda x: write(x.copy()))(np.zeros(3))
