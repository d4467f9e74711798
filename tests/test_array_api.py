"""`functorch_lite.numpy` is the namespace of the Python Array API standard 2024.12, and its functions accept tracers.

The table names every function of the standard with arguments that use every parameter that it prescribes (positional
ones by position, keywords by keyword), so a call checks the signature. Array arguments are the strings of `ARRAYS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.numpy as fnp

RANDOM = np.random.default_rng(0)
SQUARE = RANDOM.normal(size=(3, 3)) + 3.0 * np.eye(3)

ARRAYS: dict[str, Any] = {
    "vector": np.array([0.3, -0.6, 0.9]),
    "other": np.array([0.5, 0.7, -0.2]),
    "positive": np.array([1.3, 1.6, 2.9]),
    "matrix": RANDOM.normal(size=(3, 4)),
    "square": SQUARE,
    "symmetric": SQUARE @ SQUARE.T,
    "sorted": np.array([-1.0, 0.0, 1.0]),
    "complex": np.array([0.3 + 1j, -0.6, 0.9 - 0.5j]),
    "even": RANDOM.normal(size=4),
    "integers": np.array([6, 3, 5]),
    "shifts": np.array([1, 2, 0]),
    "truths": np.array([True, False, True]),
    "scalar": np.array(0.7),
}

Call = tuple[tuple[Any, ...], dict[str, Any]]


def call(*args: Any, **kwargs: Any) -> Call:
    return args, kwargs


def of_one(names: str, array: str) -> dict[str, Call]:
    return {name: call(array) for name in names.split()}


def of_two(names: str, first: str, second: str) -> dict[str, Call]:
    return {name: call(first, second) for name in names.split()}


# Differentiable, or of floating arrays at least: all modes must give the value, and the batch each example's.
FLOATING: dict[str, Call] = {
    **of_one(
        "abs acos asin asinh atan atanh ceil cos cosh exp expm1 floor isfinite isinf isnan log1p negative positive "
        "reciprocal round sign signbit sin sinh square tan tanh trunc",
        "vector",
    ),
    **of_one("acosh log log10 log2 sqrt", "positive"),
    **of_one("conj imag real", "complex"),
    **of_two(
        "add atan2 copysign divide equal floor_divide greater greater_equal hypot less less_equal logaddexp maximum "
        "minimum multiply nextafter not_equal remainder subtract",
        "vector",
        "other",
    ),
    "pow": call("positive", "other"),
    "clip": call("vector", -0.5, 0.5),
    "all": call("matrix", axis=1, keepdims=True),
    "any": call("matrix", axis=1, keepdims=True),
    "argmax": call("matrix", axis=1, keepdims=True),
    "argmin": call("matrix", axis=1, keepdims=True),
    "count_nonzero": call("matrix", axis=1, keepdims=True),
    "max": call("matrix", axis=(0, 1), keepdims=True),
    "min": call("matrix", axis=(0, 1), keepdims=True),
    "sum": call("matrix", axis=(0, 1), dtype=np.float64, keepdims=True),
    "prod": call("matrix", axis=(0, 1), dtype=np.float64, keepdims=True),
    "mean": call("matrix", axis=(0, 1), keepdims=True),
    "std": call("matrix", axis=1, correction=1.0, keepdims=True),
    "var": call("matrix", axis=1, correction=1.0, keepdims=True),
    "cumulative_sum": call("matrix", axis=1, dtype=np.float64, include_initial=True),
    "cumulative_prod": call("matrix", axis=1, dtype=np.float64, include_initial=True),
    "diff": call("vector", axis=0, n=2, prepend="other", append="other"),
    "argsort": call("matrix", axis=0, stable=True),
    "sort": call("matrix", axis=0, stable=True),
    "isin": call("vector", "other", invert=True),
    "searchsorted": call("sorted", "vector", side="right", sorter=None),
    "astype": call("vector", np.float32, copy=True, device="cpu"),
    "broadcast_arrays": call("vector", "matrix_of_ones"),
    "broadcast_to": call("vector", (2, 3)),
    "concat": call(["vector", "other"], axis=0),
    "expand_dims": call("vector", axis=1),
    "flip": call("matrix", axis=1),
    "moveaxis": call("matrix", 0, 1),
    "permute_dims": call("matrix", (1, 0)),
    "repeat": call("vector", 2, axis=0),
    "reshape": call("matrix", (2, 6), copy=True),
    "roll": call("matrix", 1, axis=0),
    "squeeze": call("row", 0),
    "stack": call(["vector", "other"], axis=1),
    "tile": call("vector", (2, 2)),
    "unstack": call("matrix", axis=1),
    "tril": call("matrix", k=1),
    "triu": call("matrix", k=1),
    "meshgrid": call("vector", "other", indexing="ij"),
    "empty_like": call("vector", dtype=np.float64, device="cpu"),
    "zeros_like": call("vector", dtype=np.float64, device="cpu"),
    "ones_like": call("vector", dtype=np.float64, device="cpu"),
    "full_like": call("vector", 2.0, dtype=np.float64, device="cpu"),
    "asarray": call("vector", dtype=np.float64, device="cpu", copy=True),
    "linspace": call("scalar", 2.0, 5, dtype=np.float64, device="cpu", endpoint=False),
    "full": call((2, 3), "scalar", dtype=np.float64, device="cpu"),
    "matmul": call("square", "matrix"),
    "matrix_transpose": call("matrix"),
    "tensordot": call("square", "matrix", axes=1),
    "vecdot": call("vector", "other", axis=-1),
    "take": call("matrix", np.array([2, 0]), axis=0),
    "take_along_axis": call("matrix", np.array([[2], [0], [1]]), axis=1),
    "where": call(np.array([True, False, True]), "vector", "other"),
    "linalg.cholesky": call("symmetric", upper=False),
    "linalg.cross": call("vector", "other", axis=-1),
    "linalg.det": call("square"),
    "linalg.diagonal": call("matrix", offset=1),
    "linalg.eigh": call("symmetric"),
    "linalg.eigvalsh": call("symmetric"),
    "linalg.inv": call("square"),
    "linalg.matmul": call("square", "matrix"),
    "linalg.matrix_norm": call("matrix", keepdims=True, ord="nuc"),
    "linalg.matrix_power": call("square", 3),
    "linalg.matrix_rank": call("square", rtol=1e-9),
    "linalg.matrix_transpose": call("matrix"),
    "linalg.outer": call("vector", "other"),
    "linalg.pinv": call("matrix", rtol=1e-9),
    "linalg.qr": call("square", mode="reduced"),
    "linalg.slogdet": call("square"),
    "linalg.solve": call("square", "matrix"),
    "linalg.svd": call("square", full_matrices=False),
    "linalg.svdvals": call("square"),
    "linalg.tensordot": call("square", "matrix", axes=1),
    "linalg.trace": call("matrix", offset=1, dtype=np.float64),
    "linalg.vecdot": call("vector", "other", axis=-1),
    "linalg.vector_norm": call("matrix", axis=1, keepdims=True, ord=3),
    "fft.fft": call("even", n=6, axis=0, norm="ortho"),
    "fft.ifft": call("even", n=6, axis=0, norm="ortho"),
    "fft.rfft": call("even", n=6, axis=0, norm="ortho"),
    "fft.irfft": call("complex", n=5, axis=0, norm="ortho"),
    "fft.hfft": call("complex", n=5, axis=0, norm="ortho"),
    "fft.ihfft": call("even", n=6, axis=0, norm="ortho"),
    "fft.fftn": call("matrix", s=(4, 4), axes=(0, 1), norm="ortho"),
    "fft.ifftn": call("matrix", s=(4, 4), axes=(0, 1), norm="ortho"),
    "fft.rfftn": call("matrix", s=(4, 4), axes=(0, 1), norm="ortho"),
    "fft.irfftn": call("matrix", s=(4, 4), axes=(0, 1), norm="ortho"),
    "fft.fftshift": call("matrix", axes=(0,)),
    "fft.ifftshift": call("matrix", axes=(0,)),
}
ARRAYS["matrix_of_ones"] = np.ones((2, 3))
ARRAYS["row"] = np.array([[0.3, -0.6, 0.9]])

# Of integers or booleans: batches only.
EXACT: dict[str, Call] = {
    **of_two("bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift", "integers", "shifts"),
    **of_two("logical_and logical_or logical_xor", "truths", "truths"),
    "bitwise_invert": call("integers"),
    "logical_not": call("truths"),
}

# The shape of the result depends on the values: differentiation can run them, a batch cannot.
VALUE_SHAPED: dict[str, Call] = {"nonzero": call("vector")}

# The same, and the values themselves are results: refused by name, with the way round it.
REFUSED: dict[str, Call] = of_one("unique_all unique_counts unique_inverse unique_values", "vector")

# Of no array to trace: presence and signature.
PLAIN: dict[str, Call] = {
    "arange": call(0, 5, 2, dtype=np.float64, device="cpu"),
    "empty": call((2, 3), dtype=np.float64, device="cpu"),
    "eye": call(3, 4, k=1, dtype=np.float64, device="cpu"),
    "ones": call((2, 3), dtype=np.float64, device="cpu"),
    "zeros": call((2, 3), dtype=np.float64, device="cpu"),
    "from_dlpack": call("vector", device="cpu", copy=True),
    "broadcast_shapes": call((2, 1), (3,)),
    "can_cast": call(np.float32, np.float64),
    "finfo": call(np.float32),
    "iinfo": call(np.int32),
    "isdtype": call(np.dtype(float), ("real floating", "complex floating")),
    "result_type": call(np.float32, np.float64),
    "fft.fftfreq": call(4, d=0.5, device="cpu"),
    "fft.rfftfreq": call(4, d=0.5, device="cpu"),
}

CONSTANTS = ("e", "inf", "nan", "newaxis", "pi")
DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128"

TABLE = {**FLOATING, **EXACT, **VALUE_SHAPED, **REFUSED, **PLAIN}


def find(name: str, namespace: Any = fnp) -> Callable[..., Any]:
    for part in name.split("."):
        namespace = getattr(namespace, part)
    return namespace  # type: ignore[no-any-return]


def taken_apart(name: str) -> tuple[list[Any], Callable[..., Any]]:
    """Return the array arguments of a row of the table, and the function of them alone."""
    args, kwargs = TABLE[name]
    is_array = lambda x: isinstance(x, str) and x in ARRAYS
    leaves, structure = ft.tree.flatten((list(args), kwargs))
    places = [i for i, x in enumerate(leaves) if is_array(x)]

    def function(*arrays: Any) -> Any:
        values = list(leaves)
        for i, array in zip(places, arrays, strict=True):
            values[i] = array
        positional, keywords = ft.tree.unflatten(structure, values)
        out = find(name)(*positional, **keywords)
        return tuple(out) if isinstance(out, tuple | list) else out

    return [ARRAYS[leaves[i]] for i in places], function


def assert_same(actual: Any, expected: Any) -> None:
    for a, b in zip(ft.tree.leaves(actual), ft.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)  # a batch may sum in another order
        assert np.shape(a) == np.shape(b)


def defined(name: str, result: Any) -> Any:
    """Return the part of a result that the function defines: nothing of an empty array, no signs of eigenvectors."""
    return np.shape(result) if name == "empty_like" else result


@pytest.mark.parametrize("name", TABLE)
def test_the_function_takes_what_the_standard_says_and_gives_what_numpy_gives(name: str) -> None:
    args, kwargs = TABLE[name]
    plain = ft.tree.map(lambda x: ARRAYS[x] if isinstance(x, str) and x in ARRAYS else x, (list(args), kwargs))
    ours = find(name)(*plain[0], **plain[1])
    if name not in ("empty", "empty_like", "finfo", "iinfo"):
        theirs = find(name, np)(*plain[0], **plain[1])
        assert all(np.array_equal(a, b) for a, b in zip(ft.tree.leaves(ours), ft.tree.leaves(theirs), strict=True))


@pytest.mark.parametrize("name", [*FLOATING, *VALUE_SHAPED])
def test_forward_and_reverse_mode_give_the_value(name: str) -> None:
    arrays, function = taken_apart(name)
    expected = function(*arrays)
    tangents = tuple(0.5 * np.ones_like(x) for x in arrays)
    value, _ = ft.jvp(function, tuple(arrays), tangents)
    assert_same(defined(name, value), defined(name, expected))
    value, _ = ft.vjp(function, *arrays)
    assert_same(defined(name, value), defined(name, expected))


@pytest.mark.parametrize("name", [*FLOATING, *EXACT])
def test_a_batch_gives_the_value_of_each_example(name: str) -> None:
    arrays, function = taken_apart(name)
    scales = (1, 2) if name in EXACT else (1.0, 1.1)
    moved = [[x if x.dtype == bool or name.endswith("shift") else x * s for x in arrays] for s in scales]
    batched = ft.vmap(function)(*map(np.stack, zip(*moved, strict=True)))
    for i, example in enumerate(moved):
        one = ft.tree.map(lambda y, i=i: y[i], batched)
        assert_same(defined(name, one), defined(name, function(*example)))


@pytest.mark.parametrize("name", VALUE_SHAPED)
def test_a_batch_of_results_of_different_shapes_is_refused(name: str) -> None:
    arrays, function = taken_apart(name)
    with pytest.raises((NotImplementedError, TypeError, ValueError)):
        ft.vmap(function)(*(np.stack([x, 2.0 * x]) for x in arrays))


@pytest.mark.parametrize("name", REFUSED)
def test_distinct_values_of_a_traced_array_are_refused_by_name(name: str) -> None:
    arrays, function = taken_apart(name)
    with pytest.raises(NotImplementedError, match=f"np.{name}.*return_index"):
        ft.jvp(function, tuple(arrays), tuple(arrays))


def test_the_namespace_has_the_constants_and_dtypes() -> None:
    assert all(hasattr(fnp, name) for name in CONSTANTS)
    for name in DTYPES.split():
        assert np.dtype(getattr(fnp, name)) == np.dtype(name)


def test_the_namespace_says_what_it_is() -> None:
    assert fnp.__array_api_version__ >= "2024.12"
    info = fnp.__array_namespace_info__()
    assert info.default_device() == "cpu"
    assert set(info.dtypes()) == set(DTYPES.split())
    assert {"boolean indexing", "data-dependent shapes", "max dimensions"} <= set(info.capabilities())


def test_tracers_name_the_namespace() -> None:
    seen = []
    ft.grad(lambda x: (seen.append(x.__array_namespace__(api_version="2024.12")), np.sum(x))[1])(np.ones(3))
    ft.vmap(lambda x: (seen.append(x.__array_namespace__()), x)[1])(np.ones(3))
    assert seen == [fnp, fnp]


def test_a_function_written_to_the_standard_differentiates() -> None:
    def softmax(x: Any) -> Any:
        xp = x.__array_namespace__()
        weights = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
        return weights / xp.sum(weights, axis=-1, keepdims=True)

    x = ARRAYS["vector"]
    ft.check_grads(softmax, (x,), 2)
    np.testing.assert_allclose(ft.vmap(softmax)(np.stack([x, 2 * x]))[1], softmax(2 * x))


def test_asarray_and_full_of_traced_values() -> None:
    assert ft.grad(lambda x: np.sum(fnp.asarray([x, [x, 1.0][0]], dtype=np.float64, copy=True)))(2.0) == 2.0
    assert ft.grad(lambda x: np.sum(fnp.full((2, 2), x)))(2.0) == 4.0
    with pytest.raises(ValueError, match="copy"):
        fnp.asarray([1.0], copy=False)
