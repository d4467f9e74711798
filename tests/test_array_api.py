"""`functorch_lite.numpy` is the namespace of the Python Array API standard 2024.12, and its functions accept tracers.

The table names every function of the standard with arguments that use every parameter that it prescribes (positional
ones by position, keywords by keyword), so a call checks the signature. Array arguments are the strings of `ARRAYS`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.numpy as fnp
from functorch_lite.numpy.buffers import Buffer

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


# --- The functions that are not NumPy's own ---------------------------------------------------------------------------

# With the signatures that the standard prescribes for them. It has no `array` and no `put_along_axis`.
OURS: dict[str, Callable[..., Any]] = {
    "asarray": lambda obj, /, *, dtype=None, device=None, copy=None: None,
    "empty": lambda shape, *, dtype=None, device=None: None,
    "empty_like": lambda x, /, *, dtype=None, device=None: None,
    "full": lambda shape, fill_value, *, dtype=None, device=None: None,
    "full_like": lambda x, /, fill_value, *, dtype=None, device=None: None,
    "ones": lambda shape, *, dtype=None, device=None: None,
    "ones_like": lambda x, /, *, dtype=None, device=None: None,
    "take": lambda x, indices, /, *, axis=None: None,
    "zeros": lambda shape, *, dtype=None, device=None: None,
    "zeros_like": lambda x, /, *, dtype=None, device=None: None,
}


def test_all_other_functions_are_numpys_own() -> None:
    differing = {name for name in dir(np) if getattr(fnp, name) is not getattr(np, name) and name[0] != "_"}
    assert differing == {*OURS, "array", "put_along_axis"}
    assert dir(fnp) == dir(np)


@pytest.mark.parametrize("name", OURS)
def test_signatures_are_the_standards(name: str) -> None:
    ours = inspect.signature(getattr(fnp, name)).parameters
    prescribed = inspect.signature(OURS[name]).parameters.values()
    for parameter, own in zip(prescribed, ours.values(), strict=False):  # more parameters are allowed
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            assert (own.name, own.kind) == (parameter.name, parameter.kind)
    for parameter in prescribed:
        if parameter.kind is parameter.KEYWORD_ONLY:
            assert ours[parameter.name].kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
            assert ours[parameter.name].default is parameter.default


@pytest.mark.parametrize("dtype", [None, *DTYPES.split()])
@pytest.mark.parametrize("shape", [3, (), (0,), (2, 3), np.int64(2)])
def test_new_arrays_are_those_that_numpy_makes(shape: Any, dtype: str | None) -> None:
    x = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
        *((name, (shape,), {"dtype": dtype}) for name in ("zeros", "ones", "empty")),
        *((name, (shape, dtype, "F"), {}) for name in ("zeros", "ones", "empty")),
        *((name, (x,), {"dtype": dtype}) for name in ("zeros_like", "ones_like", "empty_like")),
        *((name, (x, dtype, "C", False, shape), {}) for name in ("zeros_like", "ones_like", "empty_like")),
        *(("full", (shape, value), {"dtype": dtype}) for value in (True, 3, 2.7, np.float32(2.5))),
        *(("full_like", (x, value), {"dtype": dtype, "shape": shape}) for value in (True, 3, 2.7, np.ones(1))),
        *(("asarray", (value,), {"dtype": dtype, "order": "C"}) for value in (x, 3, [[1, 2.5]], [], [True, 2])),
        *(
            ("array", (value,), {"dtype": dtype, "ndmin": 3, "ndmax": 5, "order": "F"})
            for value in (x, 3, [[1, 2.5]], [])
        ),
    ]
    for name, args, kwargs in calls:
        ours, theirs = getattr(fnp, name)(*args, **kwargs), getattr(np, name)(*args, **kwargs)
        assert (type(ours), ours.dtype, ours.shape) == (type(theirs), theirs.dtype, theirs.shape)
        assert ours.flags.f_contiguous == theirs.flags.f_contiguous
        assert name.startswith("empty") or np.array_equal(ours, theirs)


def test_copies_are_made_when_they_are_asked_for() -> None:
    x = np.ones(3)
    assert fnp.asarray(x) is x
    assert fnp.asarray(x, copy=False) is x
    assert not np.shares_memory(fnp.asarray(x, copy=True), x)
    assert not np.shares_memory(fnp.array(x), x)
    out = np.empty(2)
    assert fnp.take(x, [0, 2], out=out) is out

    def first_elements(t: Any) -> Any:
        y = fnp.zeros(2)
        copies = fnp.array(y), fnp.asarray(y, copy=True), fnp.asarray(y), fnp.array(y, ndmin=2)[0]
        y[0] = t
        assert all(isinstance(c, Buffer) for c in copies)
        return tuple(c[0] for c in copies)

    value, tangent = ft.jvp(first_elements, (3.0,), (1.0,))
    assert (value, tangent) == ((0.0, 0.0, 3.0, 0.0), (0.0, 0.0, 1.0, 0.0))


def test_lists_deeper_than_ndmax() -> None:
    np.testing.assert_array_equal(fnp.array([[1, 2]], object, ndmax=1)[0], [1, 2])
    assert ft.grad(lambda x: np.sum(fnp.array([x, 2.0], ndmax=1) * x))(3.0) == 8.0
    assert ft.grad(lambda x: np.sum(fnp.array(x, ndmax=1)))(np.ones((2, 2))).shape == (2, 2)
    with pytest.raises(ValueError, match="need 2 axes"):
        ft.grad(lambda x: np.sum(fnp.array([[x]], ndmax=1)))(3.0)


def test_full_like_of_traced_values() -> None:
    x = np.arange(4.0)
    assert ft.grad(lambda t: np.sum(fnp.full_like(x, t) * x))(2.0) == 6.0
    assert ft.grad(lambda t: np.sum(fnp.full_like(x, t, shape=(2,))))(2.0) == 2.0
    np.testing.assert_array_equal(ft.grad(lambda t: np.sum(fnp.full_like(t, t[1]) * x))(x), [0.0, 6.0, 0.0, 0.0])
