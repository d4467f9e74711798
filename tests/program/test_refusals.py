"""What cannot be recorded is refused, at the user's line, with a remedy that works."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.numpy as fnp
from functorch_lite.scipy.integrate import odeint
from functorch_lite.scipy.linalg import logm

X = np.array([1.0, -2.0, 3.0])
TABLE = np.array([10.0, 20.0, 30.0])


def _branches(x: Any) -> Any:
    return x if np.sum(x) > 0 else -x


def _converts(x: Any) -> Any:
    return x * float(np.sum(x))


def _uses_math(x: Any) -> Any:
    return math.sin(x[0])


def _writes_into_a_raw_array(x: Any) -> Any:
    out = np.zeros(3)
    out[0] = x[0]
    return out


def _counts(n: Any, x: Any) -> Any:
    return sum(x for _ in range(n))


def _looks_up(i: Any) -> Any:
    return TABLE[i]


def _looks_up_in_a_list(i: Any) -> Any:
    return [1.0, 2.0, 3.0][i]


def _searches(x: Any) -> Any:
    return 1.0 in x


#: The function, its arguments, what the message names; the function written as the message says.
REFUSED: list[tuple[Callable[..., Any], tuple[Any, ...], str, Callable[..., Any]]] = [
    (_branches, (X,), "np.where(condition, a, b)", lambda x: np.where(np.sum(x) > 0, x, -x)),
    (_searches, (X,), "np.where(condition, a, b)", lambda x: np.where(np.any(x == 1.0), True, False)),
    (_uses_math, (X,), "np.sin(x)", lambda x: np.sin(x[0])),
    (_writes_into_a_raw_array, (X,), "np.stack", lambda x: np.stack([x[0], 0.0, 0.0])),
    (_converts, (X,), "static_argnums", lambda x: x * np.sum(x)),
    (_looks_up, (np.int64(1),), "fnp.take(table, i)", lambda i: fnp.take(TABLE, i)),
    (_looks_up, (np.array([0, 2]),), "fnp.take(table, i)", lambda i: fnp.take(TABLE, i)),
    (_looks_up_in_a_list, (1,), "fnp.take(table, i)", lambda i: fnp.take(np.array([1.0, 2.0, 3.0]), i)),
    (lambda x: int(x[0]), (X,), "static_argnums", lambda x: x[0].astype(int)),
    (lambda x: np.nonzero(x), (X,), "np.where(mask, x, 0)", lambda x: np.where(x != 0, x, 0)),
    (lambda x: np.flatnonzero(x), (X,), "np.where(mask, x, 0)", lambda x: np.where(x != 0, x, 0)),
    (lambda x: np.sum(x[x > 0]), (X,), "np.where(mask, x, 0)", lambda x: np.sum(np.where(x > 0, x, 0))),
]


@pytest.mark.parametrize(("f", "args", "remedy", "remedied"), REFUSED)
def test_what_asks_for_a_value_is_refused_and_the_remedy_works(
    f: Callable[..., Any], args: tuple[Any, ...], remedy: str, remedied: Callable[..., Any]
) -> None:
    with pytest.raises(TypeError) as error:
        ft.jit(f)(*args)
    message = str(error.value)
    assert re.search(r"test_refusals\.py:\d+", message), message
    assert "jit" in message
    assert remedy in message
    # The remedies are exact: selections and moves; a product of numbers is the same product.
    np.testing.assert_allclose(ft.jit(remedied)(*args), remedied(*args), rtol=1e-15)


def test_a_number_of_steps_is_made_static() -> None:
    with pytest.raises(TypeError, match="static_argnums"):
        ft.jit(_counts)(3, X)
    np.testing.assert_array_equal(ft.jit(_counts, static_argnums=0)(3, X), X + X + X)


@pytest.mark.parametrize(
    ("f", "remedy"),
    [
        (lambda x: np.sin(x) if x > 0 else np.cos(x), r"np\.where.*static_argnums"),
        (lambda x: odeint(lambda y, t: -x * y, np.array([1.0]), np.array([0.0, 1.0])), r'method="adjoint".*by args'),
    ],
)
def test_control_flow_that_depends_on_values_is_never_recorded_for_one_value(
    f: Callable[..., Any], remedy: str
) -> None:
    for x in (np.float64(0.5), np.float64(-3.0), np.float64(40.0)):
        with pytest.raises(TypeError, match=rf"test_refusals\.py.* jit.*{remedy}"):
            ft.jit(f)(x)


def test_a_derivative_that_is_a_series_of_a_length_chosen_by_values_is_a_loop() -> None:
    key = ft.random.key(0)
    sample = lambda a: ft.random.gamma(key, a)
    compiled, slope = ft.jit(sample), ft.jit(ft.grad(sample))
    for a in (0.5, 3.0, 500.0):
        assert compiled(a) == sample(a)
        np.testing.assert_allclose(slope(a), ft.grad(sample)(a), rtol=1e-13)
        np.testing.assert_allclose(ft.grad(compiled)(a), ft.grad(sample)(a), rtol=1e-13)


def test_staged_values_that_escape() -> None:
    escaped = []

    def leaks(x: Any) -> Any:
        escaped.append(x)
        return 2.0 * x

    ft.jit(leaks)(X)
    (value,) = escaped
    for use in (
        lambda: value + 1.0,
        lambda: bool(value[0]),
        lambda: float(value),
        lambda: ft.jit(lambda x: x * value)(X),
        lambda: ft.jit(lambda x: value)(X),
        lambda: ft.grad(lambda x: np.sum(x * value))(X),
    ):
        with pytest.raises(ft.EscapedTracerError, match=r"test_refusals\.py.*jit"):
            use()


def test_an_error_in_the_function_ends_the_recording() -> None:
    kept = []

    def fails(x: Any) -> Any:
        kept.append(x)
        raise ZeroDivisionError("of the user's")

    with pytest.raises(ZeroDivisionError, match="of the user's"):
        ft.jit(fails)(X)
    with pytest.raises(ft.EscapedTracerError):
        kept[0] + 1.0


def test_iteration_unrolls() -> None:
    compiled = ft.jit(lambda x: sum(v * v for v in x))
    assert compiled(X) == 14.0
    assert ft.make_program(lambda x: sum(v * v for v in x))(X)(X) == (14.0,)


def test_printing_shows_shape_and_dtype_and_is_done_once(capsys: pytest.CaptureFixture[str]) -> None:
    def talks(x: Any) -> Any:
        print(x, f"{x}", f"{x:.3f}", str(x.shape))
        return x * 2.0

    compiled = ft.jit(talks)
    compiled(X)
    compiled(X)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.count("float64[3]") == 3
    assert line.endswith("(3,)")


@pytest.mark.parametrize("value", [[1], {"a": 1}, ([1], 2), np.ones(2)])
def test_static_arguments_that_are_not_hashable(value: Any) -> None:
    compiled = ft.jit(lambda x, options: x, static_argnums=1)
    with pytest.raises(TypeError, match=r"static argument 1 of .* is not hashable; pass a tuple"):
        compiled(X, value)
    np.testing.assert_array_equal(compiled(X, ("a", 1)), X)


def _returns_text(x: Any) -> Any:
    return {"value": x, "unit": "m"}


@pytest.mark.parametrize("f", [_returns_text, lambda x: object(), lambda x: (x, np.sin)])
def test_results_that_are_no_arrays(f: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"returned a \w+, which is no array of numbers"):
        ft.jit(f)(X)


@pytest.mark.parametrize("value", ["text", object(), np.array(["a"]), np.datetime64("2020-01-01")])
def test_arguments_that_are_no_arrays(value: Any) -> None:
    with pytest.raises(TypeError, match="static_argnums"):
        ft.jit(lambda x, option: x)(X, value)


def test_text_as_a_static_argument() -> None:
    compiled = ft.jit(lambda x, kind: np.sin(x) if kind == "sin" else np.cos(x), static_argnames="kind")
    np.testing.assert_array_equal(compiled(X, "sin"), np.sin(X))
    np.testing.assert_array_equal(compiled(X, kind="cos"), np.cos(X))


def test_none_is_part_of_the_structure() -> None:
    compiled = ft.jit(lambda x, mask: x if mask is None else x * mask)
    np.testing.assert_array_equal(compiled(X, None), X)
    np.testing.assert_array_equal(compiled(X, np.zeros(3)), 0.0 * X)


def test_the_global_random_state_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"global random state.*ft\.random\.key"):
        ft.jit(lambda x: x + np.random.rand(3))(X)  # noqa: NPY002 - what users write
    compiled = ft.jit(lambda x, key: x + ft.random.uniform(key, (3,)))
    one, two = compiled(X, ft.random.key(0)), compiled(X, ft.random.key(1))
    assert (one != two).all()
    np.testing.assert_array_equal(one, X + ft.random.uniform(ft.random.key(0), (3,)))


def test_another_thread_may_draw_from_the_global_random_state() -> None:
    turns: list[None] = []

    def f(x: Any) -> Any:
        turns.append(None)
        if len(turns) == 1:
            draws.set()
            drawn.wait(60)
        return np.sin(x)

    def draw() -> None:
        draws.wait(60)
        np.random.rand(3)  # noqa: NPY002
        drawn.set()
        recorded.wait(60)

    draws, drawn, recorded = Event(), Event(), Event()
    thread = Thread(target=draw)
    thread.start()
    try:
        np.testing.assert_array_equal(ft.jit(f)(X), np.sin(X))
        with pytest.raises(RuntimeError, match="global random state"):
            ft.jit(lambda x: x + np.random.rand(3))(X)  # noqa: NPY002
    finally:
        recorded.set()
        thread.join()
    assert len(turns) == 2


def test_a_mask_of_values_selects_what_is_assigned() -> None:
    def f(x: Any) -> Any:
        y = x.copy()
        y[x > 0] = 7.0
        y[y < 0] = x[:1]
        return y * x

    def rows(x: Any) -> Any:
        y = x.copy()
        y[x[:, 0] > 0] = np.arange(2.0)
        return y

    table = np.array([[1.0, 2.0], [-1.0, 5.0]])
    for g, args in ((f, X), (rows, table), (ft.grad(lambda x: np.sum(f(x) ** 2)), X)):
        np.testing.assert_array_equal(ft.jit(g)(args), g(args))
    np.testing.assert_array_equal(ft.vmap(f)(np.stack([X, -X])), [f(X), f(-X)])

    def counted(x: Any) -> Any:
        y = x.copy()
        y[x > 0] = np.arange(2.0)  # a value for each: how many there are is not known
        return y

    with pytest.raises(TypeError, match=r"depends on values.*np\.where"):
        ft.jit(counted)(X)


def test_roots_of_a_polynomial_of_lower_degree() -> None:
    compiled = ft.jit(np.roots)
    np.testing.assert_array_equal(compiled(np.array([1.0, -3.0, 2.0])), [2.0, 1.0])
    with pytest.raises(np.linalg.LinAlgError, match="first coefficient is 0"):
        compiled(np.array([0.0, 1.0, -3.0]))


def test_operations_that_draw_inside_are_no_fault_of_the_function() -> None:
    a = np.array([[2.0, 1.0], [0.0, 3.0]])
    # SciPy's logm estimates norms by random vectors; the result does not depend on them.
    np.testing.assert_array_equal(ft.jit(logm)(a), logm(a))


def test_masked_arrays_are_refused_as_arguments_and_in_closures() -> None:
    masked = np.ma.array(X, mask=[False, True, False])
    total = ft.jit(lambda x: np.sum(2.0 * x))
    assert total(X) == 4.0
    with pytest.raises(TypeError, match=r"test_refusals\.py.*lose its mask.*np\.where\(mask"):
        total(masked)
    with pytest.raises(TypeError, match="lose its mask"):
        ft.jit(lambda x: np.sum(x * masked))(X)
    with pytest.raises(TypeError, match="lose its mask"):
        ft.make_program(np.sin)(masked)

    class Row(np.ndarray):
        pass

    assert total(X.view(Row)) == 4.0
    by_where = ft.jit(lambda x, mask: np.sum(np.where(mask, 0.0, 2.0 * x)))
    assert by_where(masked.data, np.ma.getmaskarray(masked)) == np.sum(2.0 * masked)
