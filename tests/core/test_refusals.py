"""What would lose a derivative is refused, with words that say what to write instead, which works."""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.numpy as fnp
from functorch_lite.core.errors import TracerConversionError

X = np.array([0.3, -0.7, 1.1])
MATRIX = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])

# --- Writing into raw arrays ------------------------------------------------------------------------------------------


def test_an_in_place_operator_binds_the_name_anew() -> None:
    def f(x: Any) -> Any:
        b = np.ones(3)
        alias = b
        b += x
        b *= x
        b -= x / 2.0
        b /= 2.0
        b **= 2
        assert (alias == 1.0).all()
        return np.sum(b)

    def plain(x: Any) -> Any:
        return np.sum((((1.0 + x) * x - x / 2.0) / 2.0) ** 2)

    np.testing.assert_allclose(ft.grad(f)(X), ft.grad(plain)(X), rtol=1e-14)
    np.testing.assert_allclose(ft.hessian(f)(X), ft.hessian(plain)(X), rtol=1e-14)
    np.testing.assert_allclose(ft.vmap(f)(np.stack([X, X])), [plain(X), plain(X)], rtol=1e-14)


def test_an_in_place_operator_works_on_attributes_and_items() -> None:
    def f(x: Any) -> Any:
        table = {"b": np.zeros(3)}
        table["b"] += x * x
        return np.sum(table["b"])

    np.testing.assert_array_equal(ft.grad(f)(X), 2 * X)


def write_whole(b: Any, x: Any) -> None:
    b[:] = x


def write_slice(b: Any, x: Any) -> None:
    b[0:1] = x[0]


def write_element(b: Any, x: Any) -> None:
    b[0] = x[0]


def write_masked(b: Any, x: Any) -> None:
    b[X > 0] = x[X > 0]


# Statements that would lose the derivative: each with words of its error, and what to write instead of it.
LOSING: dict[str, tuple[Callable[[Any], Any], str, Callable[[Any], Any]]] = {
    "b[0] = x[0]": (
        lambda x: write_element(np.zeros(3), x),
        r"float\(\).*b\[0\] = x.*np\.stack",
        lambda x: np.stack([x[0], 0.0]),
    ),
    "b[0:1] = x[0]": (
        lambda x: write_slice(np.zeros(3), x),
        r"float|plain array",
        lambda x: np.array([x[0], 0.0]) * 1.0,
    ),
    "b[:] = x": (
        lambda x: write_whole(np.zeros(3), x),
        r"plain array of float64.*Writing into a raw ndarray.*np\.stack",
        lambda x: np.concatenate([x, x]),
    ),
    "b[mask] = x[mask]": (
        lambda x: write_masked(np.zeros(3), x),
        r"Writing into a raw ndarray.*np\.where",
        lambda x: np.where(X > 0, x, 0.0),
    ),
    "math.sin": (lambda x: math.sin(x[0]), r"float\(\).*math\.sin\(x\).*Write np\.sin\(x\)", lambda x: np.sin(x[0])),
    "float": (lambda x: float(x[0]), r"float\(\) of a traced float64\[\]", lambda x: ft.stop_gradient(x[0]) * x[0]),
    "int": (lambda x: int(x[0]), r"int\(\) of a traced", lambda x: int(ft.stop_gradient(x[2])) * x[0]),
    "complex": (
        lambda x: complex(x[0]),
        r"complex\(\) of a traced",
        lambda x: complex(ft.stop_gradient(x[0])).real * x[0],
    ),
    "'%f' % x": (
        lambda x: "%f" % x[0],  # noqa: UP031 - what is tested
        r"float\(\).*'%f' % x",
        lambda x: np.sum(x) * len(f"{x[0]:.3f}"),
    ),
    "item": (lambda x: x[0].item(), r"item\(\) of a traced", lambda x: ft.stop_gradient(x[0]).item() * x[0]),
    "tolist": (
        lambda x: x.tolist(),
        r"tolist\(\) of a traced float64\[3\]",
        lambda x: np.sum(ft.stop_gradient(x).tolist()) * x[0],
    ),
    "np.float64": (lambda x: np.float64(x[0]), "traced float64", lambda x: x[0].astype(np.float64)),
    "np.array of a dtype": (
        lambda x: np.array([x[0]], dtype=float),
        "plain array of float64",
        lambda x: np.stack([x[0]]),
    ),
    "np.asarray of a dtype": (lambda x: np.asarray(x, float), "plain array of float64", lambda x: x.astype(float)),
    "np.fromiter": (lambda x: np.fromiter(x, float), r"float\(\)", lambda x: np.stack(list(x))),
    "fill": (lambda x: np.zeros(3).fill(x[0]), r"float\(\)|object", lambda x: np.zeros(3) + x[0]),
}


@pytest.mark.parametrize("name", LOSING)
def test_what_would_lose_the_derivative_raises_in_every_mode(name: str) -> None:
    losing, words, _ = LOSING[name]
    for transform in (
        lambda f: ft.grad(lambda x: np.sum(f(x)))(X),
        lambda f: ft.vjp(f, X),
        lambda f: ft.jvp(f, (X,), (X,)),
        lambda f: ft.jacfwd(f)(X),
        lambda f: ft.hessian(f)(X),
        lambda f: ft.linearize(f, X),
        lambda f: ft.vmap(f)(np.stack([X, X])),
    ):
        with pytest.raises(TracerConversionError, match=f"(?s){words}") as caught:
            transform(losing)
        assert re.search(r"at test_refusals\.py:\d+, in \S+ ", str(caught.value))


@pytest.mark.parametrize("name", LOSING)
def test_the_remedy_for_what_loses_the_derivative_works(name: str) -> None:
    remedy = LOSING[name][2]
    assert np.any(ft.jacrev(remedy)(X) != 0)
    np.testing.assert_allclose(ft.jacfwd(remedy)(X), ft.jacrev(remedy)(X), rtol=1e-14)


def test_the_error_names_the_users_line() -> None:
    with pytest.raises(TracerConversionError, match=r"at test_refusals\.py:\d+, in write_whole"):
        ft.grad(lambda x: write_whole(np.zeros(3), x))(X)


def test_a_tracer_is_not_written_down() -> None:
    for transform in (lambda f: ft.grad(f)(X), lambda f: ft.jvp(f, (X,), (X,)), lambda f: ft.vmap(f)(np.stack([X, X]))):
        with pytest.raises(TypeError, match=r"pickle|traced"):
            transform(lambda x: np.sum(pickle.loads(pickle.dumps(x)) * x))


def test_a_tracer_is_not_exported() -> None:
    for transform in (lambda f: ft.grad(f)(X), lambda f: ft.jvp(f, (X,), (X,)), lambda f: ft.vmap(f)(np.stack([X, X]))):
        for export in (np.from_dlpack, lambda x: x.__dlpack__(), lambda x: x.copy().__dlpack_device__()):
            with pytest.raises(BufferError, match=r"at test_refusals\.py:\d+.*DLPack.*ft\.stop_gradient\(x\)"):
                transform(export)
    assert ft.grad(lambda x: np.sum(np.from_dlpack(ft.stop_gradient(x)) * x))(X) == pytest.approx(X)


def test_a_buffer_is_exported_as_a_copy_unless_what_it_holds_is_traced() -> None:
    def f(x: Any) -> Any:
        y = fnp.zeros(3)
        exported = np.from_dlpack(y)
        assert type(exported) is np.ndarray
        y[1] = 2.0
        assert np.from_dlpack(y)[1] == 2.0
        assert not exported.any()
        with pytest.raises(BufferError, match="copy=False"):
            np.from_dlpack(y, copy=False)
        y[0] = x[0]
        with pytest.raises(BufferError, match="would lose its derivative"):
            np.from_dlpack(y)
        return np.sum(y)

    np.testing.assert_array_equal(ft.grad(f)(X), np.eye(len(X))[0])


def test_a_tracer_is_not_sorted_in_place() -> None:
    for transform in (lambda f: ft.grad(f)(X), lambda f: ft.jvp(f, (X,), (X,)), lambda f: ft.vmap(f)(np.stack([X, X]))):
        with pytest.raises(TypeError, match=r"x\.sort\(\) at test_refusals\.py:\d+.*in place.*write np\.sort\(x\)"):
            transform(lambda x: x.sort())
    np.testing.assert_array_equal(ft.grad(lambda x: np.sort(x)[0])(X), [0.0, 1.0, 0.0])


def test_an_element_of_a_tracer_is_not_assigned() -> None:
    def f(x: Any) -> Any:
        x[0] = 1.0
        return np.sum(x)

    for transform in (lambda: ft.grad(f)(X), lambda: ft.jvp(f, (X,), (X,)), lambda: ft.vmap(f)(np.stack([X, X]))):
        with pytest.raises(
            TypeError, match=r"element of a traced float64\[3\] was assigned.*np\.where\(mask, new, x\)"
        ):
            transform()
    mask = np.array([True, False, False])
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(np.where(mask, 1.0, x)))(X), [0.0, 1.0, 1.0])


def test_out_is_refused_and_the_value_can_be_assigned() -> None:
    def dropped(x: Any) -> Any:
        b = np.zeros(3)
        np.add(b, x, out=b)
        return np.sum(b)

    def positional(x: Any) -> Any:
        b = np.zeros(3)
        np.add(b, x, b)
        return np.sum(b)

    def other(x: Any) -> Any:
        b = np.zeros(3)
        np.multiply(x, 2.0, out=b)
        return np.sum(b)

    def kept(x: Any) -> Any:
        b = np.zeros(3)
        return np.sum(np.add(b, x, out=b))

    for f in (dropped, positional, other, kept):
        for transform in (lambda: ft.grad(f)(X), lambda: ft.jvp(f, (X,), (X,)), lambda: ft.vmap(f)(np.stack([X, X]))):  # noqa: B023
            with pytest.raises(
                TypeError, match=r"np\.(add|multiply) at test_refusals\.py:\d+.*`out`.*y = np\.(add|multiply)\("
            ):
                transform()

    def remedied(x: Any) -> Any:
        b = np.zeros(3)
        y = np.add(b, x)
        return np.sum(y)

    np.testing.assert_array_equal(ft.grad(remedied)(X), [1.0, 1.0, 1.0])


def test_a_traced_out_is_refused() -> None:
    with pytest.raises(TypeError, match="`out`"):
        ft.grad(lambda x: np.sum(np.add(X, 1.0, out=x)))(X)


def test_a_mask_of_a_ufunc_is_refused_and_where_does_it() -> None:
    with pytest.raises(TypeError, match=r"np\.log\(…, where=mask\).*np\.where\(mask, np\.log\(…\), otherwise\)"):
        ft.grad(lambda x: np.sum(np.log(x, where=X > 0)))(X)
    np.testing.assert_allclose(
        ft.grad(lambda x: np.sum(np.where(X > 0, np.log(np.where(X > 0, x, 1.0)), 0.0)))(X), np.where(X > 0, 1 / X, 0.0)
    )


def test_a_ufunc_casts_to_the_dtype_asked_for() -> None:
    value, pull = ft.vjp(lambda x: np.exp(x, dtype=np.float32), X)
    assert value.dtype == np.float32
    (g,) = pull(np.ones(3, np.float32))
    assert g.dtype == np.float64
    np.testing.assert_allclose(g, np.exp(X), rtol=1e-6)


def test_an_unknown_keyword_of_a_ufunc_is_refused_by_name() -> None:
    with pytest.raises(NotImplementedError, match=r"np\.\w+ with .*signature.*at test_refusals\.py"):
        ft.grad(lambda x: np.sum(np.add(x, x, signature="dd->d")))(X)


# --- Functions without a rule -----------------------------------------------------------------------------------------

# Functions without a derivative rule, with words of the error, and what computes the like.
WITHOUT_RULE: dict[str, tuple[Callable[[Any], Any], str, Callable[[Any], Any]]] = {
    "np.union1d": (lambda x: np.union1d(x, X), r"np\.union1d has no derivative rule.*np\.isin", np.tanh),
    "np.unique": (lambda x: np.unique(x), r"np\.unique has no derivative rule.*Remedy: ", np.tanh),
}


@pytest.mark.parametrize("name", WITHOUT_RULE)
def test_a_function_without_a_rule_is_refused_by_name(name: str) -> None:
    f, words, _ = WITHOUT_RULE[name]
    for transform in (lambda: ft.grad(f)(X), lambda: ft.jvp(f, (X,), (X,)), lambda: ft.vmap(f)(np.stack([X, X]))):
        with pytest.raises(NotImplementedError, match=rf"(?s){words}") as caught:
            transform()
        assert re.search(r"at test_refusals\.py:\d+", str(caught.value))


def test_the_remedy_of_a_derivative_of_ones_own_works() -> None:
    @ft.custom_jvp
    def number_of_distinct(x: Any) -> Any:
        return np.unique(x).size * 1.0

    number_of_distinct.defjvp(lambda primals, tangents: (number_of_distinct(*primals), 0.0 * np.sum(tangents[0])))
    np.testing.assert_array_equal(ft.grad(lambda x: number_of_distinct(x) * np.sum(x))(X), [3.0, 3.0, 3.0])


def test_a_foreign_ufunc_without_a_rule_is_refused_by_name() -> None:
    cube = np.frompyfunc(lambda t: t**3, 1, 1)
    with pytest.raises(NotImplementedError, match=r"no derivative rule.*ft\.custom_jvp"):
        ft.grad(lambda x: np.sum(cube(x)))(X)


@pytest.mark.parametrize("method", ["reduceat", "at"])
def test_a_ufunc_method_without_a_rule_is_refused_by_name(method: str) -> None:
    def f(x: Any) -> Any:
        if method == "at":
            np.hypot.at(np.zeros(3), [0, 1, 2], x)
            return x
        return np.hypot.reduceat(x, [0, 1])

    with pytest.raises((NotImplementedError, TypeError), match=rf"np\.hypot\.{method}.*at test_refusals\.py:\d+"):
        ft.grad(lambda x: np.sum(f(x)))(X)


# --- Batched values decide nothing ------------------------------------------------------------------------------------

BATCH = np.stack([X, -X])

# What asks a batched value for a decision: with words of the error, and the remedy.
DECIDING: dict[str, tuple[Callable[[Any], Any], str, Callable[[Any], Any]]] = {
    "if": (
        lambda x: x[0] if x[0] > 0 else -x[0],
        r"the truth of a bool\[\].*differs between the 2 examples.*np\.where\(condition, a, b\)",
        lambda x: np.where(x[0] > 0, x[0], -x[0]),
    ),
    "if of an array": (
        lambda x: x[0] if (x > 0).any() else -x[0],
        r"the truth of",
        lambda x: np.where((x > 0).any(), x[0], -x[0]),
    ),
    "max": (lambda x: max(x[0], x[1]), r"the truth of", lambda x: np.where(x[0] > x[1], x[0], x[1])),
    "while": (
        lambda x: [0 for _ in iter(lambda: bool(x[0] > 0), False)],
        "the truth of",
        lambda x: np.where(x > 0, x, 0.0),
    ),
    "index of a list": (
        lambda x: [1.0, 2.0, 3.0][np.argmax(x)],
        r"an index from a int64\[\].*take\(table, i\)",
        lambda x: fnp.take(np.array([1.0, 2.0, 3.0]), np.argmax(x)),
    ),
    "range": (lambda x: list(range(np.argmax(x))), "an index from", lambda x: np.argmax(x) * 1.0),
    "index of a raw array": (
        lambda x: MATRIX[np.argmax(x[:2])],
        r"an index or a mask.*take\(table, i\)",
        lambda x: fnp.take(MATRIX, np.argmax(x[:2]), axis=0),
    ),
    "mask of a raw array": (
        lambda x: X[x > 0],
        r"an index or a mask.*np\.where\(mask, a, b\)",
        lambda x: np.where(x > 0, X, 0.0),
    ),
    "membership": (lambda x: 0.3 in x, "the truth of", lambda x: 1.0 * (x == 0.3).any()),
}


@pytest.mark.parametrize("name", DECIDING)
def test_a_batched_value_decides_nothing(name: str) -> None:
    f, words, remedy = DECIDING[name]
    for transform in (
        lambda: ft.vmap(f)(BATCH),
        lambda: ft.grad(lambda x: np.sum(ft.vmap(f)(x)))(BATCH),
        lambda: ft.vmap(lambda x: ft.vjp(f, x)[0])(BATCH),
    ):
        with pytest.raises(TypeError, match=rf"test_refusals\.py:\d+.*{words}"):
            transform()
    np.testing.assert_array_equal(ft.vmap(remedy)(BATCH), np.stack([remedy(BATCH[0]), remedy(BATCH[1])]))


def test_what_is_the_same_for_all_examples_may_decide() -> None:
    def f(x: Any) -> Any:
        if x.shape[0] == 3 and x.ndim == 1 and x.size:
            return x * X[x.shape[0] - 1]
        return x

    np.testing.assert_array_equal(ft.vmap(f)(BATCH), BATCH * 1.1)


def test_an_empty_batched_value_is_neither_true_nor_false() -> None:
    with pytest.raises((TypeError, ValueError), match=r"truth"):
        ft.vmap(lambda x: x if x[:0] > 0 else -x)(BATCH)
