"""The functions of the Array API standard on special values and empty arrays: tracers give what NumPy gives.

The standard prescribes for each elementwise function what it makes of NaN, infinities and signed zeros, and for each
reduction what it makes of nothing. Whatever NumPy makes of them, every mode of differentiation and the batch make the
same, to the sign of a zero.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.numpy as fnp
from tests.test_array_api import Call, call, find

# --- Special values ---------------------------------------------------------------------------------------------------

SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, -3.0, np.pi / 2, 1e-300, -1e300])
PAIRS = [np.ravel(grid) for grid in np.meshgrid(SPECIAL, SPECIAL)]
COMPLEX = PAIRS[0] + 0j
COMPLEX.imag = PAIRS[1]

UNARY = (
    "abs acos acosh asin asinh atan atanh ceil conj cos cosh exp expm1 floor imag isfinite isinf isnan log log10 log1p "
    "log2 negative positive real reciprocal round sign signbit sin sinh sqrt square tan tanh trunc"
)
BINARY = (
    "add atan2 copysign divide equal floor_divide greater greater_equal hypot less less_equal logaddexp maximum "
    "minimum multiply nextafter not_equal pow remainder subtract"
)
OPERATORS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "eq", "ne", "lt", "le", "gt", "ge")


def assert_same_bits(actual: Any, expected: Any) -> None:
    """Hold two arrays equal, NaN to NaN, and zeros to their sign, which the standard prescribes too."""
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    for part in (np.real, np.imag):
        ours, theirs = part(actual), part(expected)
        np.testing.assert_array_equal(ours, theirs)
        if theirs.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(ours[theirs == 0]), np.signbit(theirs[theirs == 0]))


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("name", [*UNARY.split(), *BINARY.split(), *OPERATORS])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_special_values_are_numpys_in_all_modes(name: str, dtype: str) -> None:
    function = getattr(operator, name) if name in OPERATORS else getattr(fnp, name)
    is_complex = dtype.startswith("complex")
    if name in UNARY.split():
        arrays = [COMPLEX if is_complex else SPECIAL]
    else:
        arrays = [COMPLEX, np.roll(COMPLEX, 5)] if is_complex else PAIRS
    arrays = [x.astype(dtype) for x in arrays]
    try:
        expected = function(*arrays)
    except TypeError:  # not for complex numbers
        with pytest.raises(TypeError):
            ft.vmap(function)(*arrays)
        return
    assert_same_bits(ft.jvp(function, tuple(arrays), tuple(map(np.ones_like, arrays)))[0], expected)
    assert_same_bits(ft.vjp(function, *arrays)[0], expected)
    assert_same_bits(ft.vmap(function)(*arrays), expected)


# --- Empty arrays, one element, NaN -----------------------------------------------------------------------------------

EDGES: dict[str, list[Call]] = {
    "sum": [call(np.ones((0, 3)), axis=0), call(np.ones(0))],
    "prod": [call(np.ones((0, 3)), axis=0), call(np.ones(0))],
    "all": [call(np.ones(0)), call(np.array([np.nan, 1.0]))],
    "any": [call(np.ones(0)), call(np.array([np.nan, 0.0]))],
    "count_nonzero": [call(np.ones(0)), call(np.array([np.nan, -0.0]))],
    "mean": [call(np.ones(0)), call(np.ones((0, 2)), axis=0), call(np.array([np.nan, 1.0]))],
    "var": [call(np.ones(0)), call(np.ones(1), correction=1.0), call(np.ones(2), correction=3.0)],
    "std": [call(np.ones(0)), call(np.ones(1), correction=1.0)],
    "max": [call(np.array([1.0, np.nan, 3.0])), call(np.array([-np.inf, -np.inf])), call(np.ones((3, 0)), axis=0)],
    "min": [call(np.array([1.0, np.nan, 3.0])), call(np.array([np.inf, np.inf])), call(np.ones((3, 0)), axis=0)],
    "argmax": [call(np.array([1.0, 3.0, 3.0])), call(np.array([1.0, np.nan, np.nan]))],
    "argmin": [call(np.array([3.0, 1.0, 1.0])), call(np.array([1.0, np.nan, np.nan]))],
    "sort": [call(np.ones(0)), call(np.array([np.nan, 1.0, -np.inf, np.inf]))],
    "argsort": [call(np.ones(0)), call(np.array([1.0, 1.0, 0.0, 0.0]), stable=True)],
    "cumulative_sum": [call(np.ones(0), include_initial=True), call(np.array([1.0, np.nan, 1.0]))],
    "cumulative_prod": [call(np.ones(0), include_initial=True), call(np.array([0.0, np.inf, 1.0]))],
    "diff": [call(np.ones(1)), call(np.ones(2), n=5)],
    "clip": [call(np.array([np.nan, 5.0, -5.0]), None, 1.0), call(np.array([5.0, -5.0]), 0.0, None)],
    "concat": [call([np.ones((2, 0)), np.ones((2, 1))], axis=None), call([np.ones(0), np.ones(0)])],
    "repeat": [call(np.ones(2), 0), call(np.ones((0, 2)), 2, axis=1)],
    "tile": [call(np.ones(2), (0,)), call(np.ones((0, 2)), (2, 1, 1))],
    "roll": [call(np.ones(0), 1), call(np.arange(6.0).reshape(2, 3), (4, -5), axis=(0, 1))],
    "flip": [call(np.array(1.0)), call(np.ones((0, 2)))],
    "reshape": [call(np.ones((0, 3)), (3, 0)), call(np.ones(1), ())],
    "squeeze": [call(np.ones((1, 0, 1)), (0, 2))],
    "matmul": [call(np.ones((2, 0)), np.ones((0, 3))), call(np.ones((2, 1, 0, 3)), np.ones((3, 3, 2)))],
    "tensordot": [call(np.ones((2, 0)), np.ones((0, 3)), axes=1), call(np.ones(2), np.ones(3), axes=0)],
    "vecdot": [call(np.ones((2, 0)), np.ones(0)), call(np.ones((3, 2)), np.ones((3, 1)), axis=0)],
    "linalg.det": [call(np.ones((0, 0))), call(np.zeros((2, 2)))],
    "linalg.inv": [call(np.ones((0, 0)))],
    "linalg.solve": [call(np.ones((0, 0)), np.ones((0, 2)))],
    "linalg.trace": [call(np.ones((0, 3))), call(np.ones((2, 3)), offset=5)],
    "linalg.vector_norm": [call(np.ones(0)), call(np.array([3.0, 0.0, -4.0]), ord=0), call(np.ones(2), ord=-np.inf)],
    "linalg.outer": [call(np.ones(0), np.ones(2))],
}


@pytest.mark.parametrize(("name", "index"), [(name, i) for name, rows in EDGES.items() for i in range(len(rows))])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_empty_arrays_and_nan_give_what_numpy_gives(name: str, index: int) -> None:
    args, kwargs = EDGES[name][index]
    leaves, structure = ft.tree.flatten(list(args))
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, np.ndarray)]

    def function(*arrays: Any) -> Any:
        given = dict(zip(places, arrays, strict=True))
        return find(name)(*ft.tree.unflatten(structure, [given.get(i, x) for i, x in enumerate(leaves)]), **kwargs)

    arrays = [leaves[i] for i in places]
    expected = np.asarray(function(*arrays))
    for value in (
        ft.jvp(function, tuple(arrays), tuple(map(np.ones_like, arrays)))[0],
        ft.vjp(function, *arrays)[0],
        ft.vmap(function)(*(np.stack([x, x]) for x in arrays))[1],
    ):
        assert (np.shape(value), np.asarray(value).dtype) == (expected.shape, expected.dtype)
        np.testing.assert_array_equal(value, expected)
