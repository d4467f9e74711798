"""The tape keeps what the backward pass needs, and no longer than it needs it."""

from __future__ import annotations

import contextlib
import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from tests.measuring import peak

X = np.array([0.3, -0.7, 1.1])


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Leave it to reference counts alone to free memory."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def array_of(tracer: Any) -> Any:
    """Return the plain array below all tracers."""
    while ft.is_tracer(tracer):
        tracer = tracer.value
    return tracer


# --- What is kept -----------------------------------------------------------------------------------------------------

# Operations on x, and which of their argument and their result the backward pass needs.
KEPT: dict[str, tuple[Callable[[Any], Any], bool, bool]] = {
    "add a constant": (lambda x: x + 1.0, False, False),
    "negative": (lambda x: -x, False, False),
    "multiply by a constant": (lambda x: x * 2.0, False, False),
    "divide by a constant": (lambda x: x / 2.0, False, False),
    "sum": (lambda x: np.sum(x, axis=0, keepdims=True), False, False),
    "reshape": (lambda x: x.reshape(3, 1), False, False),
    "transpose": (lambda x: x[None].T, False, False),
    "index": (lambda x: x[1:], False, False),
    "concatenate": (lambda x: np.concatenate([x, x]), False, False),
    "broadcast": (lambda x: np.broadcast_to(x, (2, 3)) + 0.0, False, False),
    "where": (lambda x: np.where(X > 0, x, 0.0), False, False),
    "mean": (lambda x: np.mean(x, keepdims=True), False, False),
    "cumsum": (lambda x: np.cumsum(x), False, False),
    "real": (lambda x: np.real(x) * 1.0, False, False),
    "sin": (np.sin, True, False),
    "square": (np.square, True, False),
    "exp": (np.exp, False, True),
    "tanh": (np.tanh, False, True),
    "sqrt": (lambda x: np.sqrt(x + 3.0), False, True),
    "multiply by a tracer": (lambda x: x * (x + 1.0), True, False),
}


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("name", KEPT)
def test_an_operation_keeps_what_its_derivative_reads(name: str) -> None:
    operation, keeps_argument, keeps_result = KEPT[name]
    alive: list[bool] = []

    def f(x: Any) -> Any:
        argument = x + 0.5
        result = operation(argument)
        references = [weakref.ref(array_of(argument)), weakref.ref(array_of(result))]
        total = np.sum(result + 1.0)
        del argument, result
        alive.extend(reference() is not None for reference in references)
        return total

    ft.grad(f)(X)
    # a view keeps its base alive, which is memory of the argument; it dies with the view
    assert alive == [keeps_argument, keeps_result]


@pytest.mark.usefixtures("without_collector")
def test_a_branch_that_led_nowhere_dies_at_once() -> None:
    def f(x: Any) -> Any:
        unused = np.exp(np.sin(x))
        reference = weakref.ref(unused.value)
        del unused
        assert reference() is None
        return np.sum(x * x)

    np.testing.assert_array_equal(ft.grad(f)(X), 2 * X)


def test_fifty_additions_keep_less_than_four_arrays() -> None:
    large = np.ones(1_000_000)

    def f(x: Any) -> Any:
        y = x
        for i in range(50):
            y = y + (i if i % 2 else large)
        return np.sum(y)

    assert peak(lambda: ft.grad(f)(large)) < 4 * large.nbytes


def test_a_chain_of_sines_keeps_one_array_an_operation_and_releases_it_in_the_walk() -> None:
    large = np.ones(200_000)

    def f(x: Any) -> Any:
        for _ in range(20):
            x = np.sin(x)
        return np.sum(x)

    assert peak(lambda: ft.grad(f)(large)) < 25 * large.nbytes


def test_forward_mode_keeps_nothing() -> None:
    large = np.ones(200_000)

    def f(x: Any) -> Any:
        for _ in range(50):
            x = np.sin(x)
        return x

    assert peak(lambda: ft.jvp(f, (large,), (large,))) < 8 * large.nbytes


def test_accumulation_of_indexing_adds_in_place() -> None:
    large = np.ones(100_000)

    def f(x: Any) -> Any:
        return sum(x[i] * x[i + 1] for i in range(200))

    assert peak(lambda: ft.grad(f)(large)) < 5 * large.nbytes


# --- When it is freed -------------------------------------------------------------------------------------------------


def note(references: list[Any]) -> Callable[[Any], Any]:
    """Return a function of an array whose intermediate values are noted by weak references."""

    def f(x: Any) -> Any:
        y = np.sin(x * 2.0)
        z = np.exp(y) * y
        references.extend(weakref.ref(array_of(v)) for v in (y, z))
        return np.sum(z[:2] * z[1:])

    return f


FREED: dict[str, Callable[[Callable[[Any], Any]], Any]] = {
    "grad": lambda f: ft.grad(f)(X),
    "value_and_grad": lambda f: ft.value_and_grad(f)(X),
    "vjp": lambda f: ft.vjp(f, X)[0],
    "vjp and its function": lambda f: ft.vjp(f, X)[1](1.0),
    "jvp": lambda f: ft.jvp(f, (X,), (X,)),
    "linearize": lambda f: ft.linearize(f, X)[1](X),
    "jacfwd": lambda f: ft.jacfwd(f)(X),
    "jacrev": lambda f: ft.jacrev(f)(X),
    "jacobian": lambda f: ft.jacobian(f)(X),
    "hessian": lambda f: ft.hessian(f)(X),
    "reverse over reverse": lambda f: ft.jacrev(ft.jacrev(f))(X),
    "vmap": lambda f: ft.vmap(f)(np.stack([X, X])),
    "vmap of grad": lambda f: ft.vmap(ft.grad(f))(np.stack([X, X])),
    "grad of vmap": lambda f: ft.grad(lambda x: np.sum(ft.vmap(f)(x)))(np.stack([X, X])),
    "checkpoint": lambda f: ft.grad(ft.checkpoint(f))(X),
    "hvp": lambda f: ft.hvp(f, (X,), (X,)),
}


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("name", FREED)
def test_memory_is_freed_without_the_collector(name: str) -> None:
    references: list[Any] = []
    FREED[name](note(references))
    assert references
    assert all(reference() is None for reference in references)


@pytest.mark.usefixtures("without_collector")
def test_a_pullback_holds_the_tape_and_its_end_frees_it() -> None:
    references: list[Any] = []
    _, pull = ft.vjp(note(references), X)
    pull(1.0)
    assert all(reference() is not None for reference in references)
    pull(1.0)
    del pull
    assert all(reference() is None for reference in references)


@pytest.mark.usefixtures("without_collector")
def test_an_exception_frees_the_tape_with_its_traceback() -> None:
    references: list[Any] = []

    def f(x: Any) -> Any:
        note(references)(x)
        raise LookupError

    for transform in (
        ft.grad(f),
        ft.jacfwd(f),
        ft.hessian(f),
        ft.grad(ft.checkpoint(f)),
        ft.vmap(f, None, axis_size=2),
    ):
        with contextlib.suppress(LookupError):
            transform(X)
        assert all(reference() is None for reference in references)


@pytest.mark.usefixtures("without_collector")
def test_a_deep_tape_is_freed_without_recursion() -> None:
    def f(x: Any) -> Any:
        for _ in range(100_000):
            x = x + 1.0
        return x

    _, pull = ft.vjp(f, 1.0)
    assert pull(1.0) == (1.0,)
    del pull
