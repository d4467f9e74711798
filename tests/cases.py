"""The samples as test cases, and the arithmetic of tangents and cotangents that the generic checks share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from functorch_lite import tree
from tests.samples import Sample, all_samples

#: The same products and sums in another order: rounding only, a few hundred units at the most.
SAME_SUM = 1e-12
#: One Richardson step on central differences of step 1e-4: truncation 1e-16 times a fifth derivative, rounding 1e-12.
DIFFERENCE = 1e-8
#: A complex step has no truncation and no cancellation: the rounding of the function itself.
COMPLEX_STEP = 1e-12


@dataclass(frozen=True)
class Case:
    """A sample at real or at complex arguments."""

    id: str
    sample: Sample
    args: tuple[Any, ...]
    is_complex: bool

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        """Return the differentiable outputs of the function; an object array of tracers is one."""
        return tuple(y for y in tree.leaves(self.sample.function(*args)) if dtype_of(y).kind in "fcO")


def all_cases() -> list[Case]:
    """Return a case for every sample, and a second one for those that take complex arguments."""
    cases = []
    for family, sample in all_samples():
        name = f"{family}-{sample.name}"
        cases.append(Case(name, sample, sample.args, any(dtype_of(x).kind == "c" for x in sample.args)))
        if sample.complex:
            cases.append(Case(f"{name} [complex]", sample, with_imaginary_parts(sample.args), True))
    return cases


def dtype_of(x: Any) -> Any:
    """Return the dtype of an array or Python scalar."""
    return getattr(x, "dtype", None) or np.dtype(type(x))


def with_imaginary_parts(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return complex arguments with these real parts."""
    return tuple(_like(x + 1j * noise(x, seed, 0.1, 0.6), x) for seed, x in enumerate(args))


def noise(x: Any, seed: int, low: float = -1.0, high: float = 1.0) -> Any:
    """Return random real numbers of the shape of an array, the same ones for each seed."""
    return np.random.default_rng((seed, 7)).uniform(low, high, np.shape(x))


def directions(values: Sequence[Any], seed: int) -> tuple[Any, ...]:
    """Return random tangents or cotangents: of the shape and dtype of each value, entries up to one in size."""
    return tuple(direction(x, 31 * seed + i) for i, x in enumerate(values))


def direction(x: Any, seed: int) -> Any:
    """Return a random tangent or cotangent of one array or Python scalar."""
    t = noise(x, seed)
    if dtype_of(x).kind == "c":
        t = t + 1j * noise(x, seed + 13)
    return _like(np.asarray(t, dtype_of(x)), x)


def moved(args: Sequence[Any], step: complex, along: Sequence[Any]) -> tuple[Any, ...]:
    """Return the arguments moved by a step along tangents."""
    return tuple(x + step * t for x, t in zip(args, along, strict=True))


def pairing(cotangents: Sequence[Any], tangents: Sequence[Any]) -> tuple[float, float]:
    """Return ``Re Σ g·t``, without conjugation, and the sum of the sizes of its terms."""
    value = scale = 0.0
    for g, t in zip(cotangents, tangents, strict=True):
        products = np.asarray(g, complex) * np.asarray(t, complex)
        value += float(np.sum(products).real)
        scale += float(np.sum(np.abs(products)))
    return value, scale


def size_of(values: Sequence[Any]) -> float:
    """Return the largest absolute value among arrays."""
    return max((float(np.max(np.abs(v), initial=0.0)) for v in values), default=0.0)


def assert_close(actual: Sequence[Any], expected: Sequence[Any], tolerance: float, what: str = "") -> None:
    """Assert that arrays agree in shape, and in value relative to the largest of them all or to one."""
    assert len(actual) == len(expected), what
    allowed = tolerance * max(1.0, size_of(expected))
    for i, (a, b) in enumerate(zip(actual, expected, strict=True)):
        assert np.shape(a) == np.shape(b), f"{what} [{i}]: shapes {np.shape(a)} and {np.shape(b)}"
        np.testing.assert_allclose(a, b, rtol=0, atol=allowed, err_msg=f"{what} [{i}]")


def assert_same_pairing(one: tuple[float, float], other: tuple[float, float], tolerance: float, what: str = "") -> None:
    """Assert that two pairings are one number, up to the rounding of their terms."""
    error, scale = abs(one[0] - other[0]), one[1] + other[1]
    assert error <= tolerance * scale, f"{what}: {one[0]!r} and {other[0]!r}, terms of size {scale:.3g} in all"


def alone(f: Callable[..., Any], args: tuple[Any, ...], i: int) -> Callable[[Any], Any]:
    """Return the function of argument ``i`` alone, the others held fixed."""
    return lambda x: f(*args[:i], x, *args[i + 1 :])


def _like(t: Any, x: Any) -> Any:
    return t if hasattr(x, "dtype") else t.item()
