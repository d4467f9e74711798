"""Which vocabulary a call speaks, what is refused, values at the edges, and derivatives at kinks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.nn import functional
from functorch_lite.tensor import functions
from functorch_lite.tensor.methods import METHODS

X = np.array([[3.0, -1.0, 2.0], [0.5, 4.0, -2.0]])
V = np.array([2.0, 2.0, 1.0, 2.0])


def traced(f: Callable[..., Any], *args: Any) -> Any:
    """Return what a function gives when its arguments are traced."""
    return ft.vjp(f, *args)[0]


# Positional arguments of what ndarray has are NumPy's, ``dim`` is PyTorch's.

BOTH = [
    ("max(0)", lambda x: x.max(0), X.max(0)),
    ("max axis", lambda x: x.max(axis=1, keepdims=True), X.max(axis=1, keepdims=True)),
    ("max initial", lambda x: x.max(initial=9.0), 9.0),
    ("max dim", lambda x: x.max(dim=0).values, X.max(0)),
    ("max dim, positions", lambda x: x.max(dim=0).indices, X.argmax(0)),
    ("max with keepdim in its place", lambda x: x.max(0, True).values, X.max(0, keepdims=True)),
    ("std", lambda x: x.std(), X.std()),
    ("std of an axis", lambda x: x.std(0), X.std(0)),
    ("std ddof", lambda x: x.std(axis=0, ddof=1), X.std(0, ddof=1)),
    ("std dim", lambda x: x.std(dim=0), X.std(0, ddof=1)),
    ("std unbiased", lambda x: x.std(0, unbiased=False), X.std(0)),
    ("var correction", lambda x: x.var(axis=1, correction=1), X.var(1, ddof=1)),
    ("sum dtype", lambda x: x.sum(0, np.float32), X.sum(0, np.float32)),
    ("amax of NumPy's axis", lambda x: x.amax(np.int64(0)), X.max(0)),
    ("amin of NumPy's axis", lambda x: x.amin(dim=np.int64(0), keepdim=True), X.min(0, keepdims=True)),
    ("sum of NumPy's axis", lambda x: x.sum(dim=np.int64(1)), X.sum(1)),
    ("norm of NumPy's axis", lambda x: x.norm(dim=np.int64(0)), np.linalg.norm(X, axis=0)),
    ("squeeze of NumPy's axis", lambda x: x[:, :1].squeeze(dim=np.int64(1)), X[:, 0]),
    ("sum keepdims", lambda x: x.sum(0, keepdims=True), X.sum(0, keepdims=True)),
    ("sum of no axes by name", lambda x: x.sum(axis=()), X),
    ("sum over all by PyTorch's empty dim", lambda x: x.sum(dim=()), X.sum()),
    ("sum where", lambda x: x.sum(where=X > 0), X.sum(where=X > 0)),
    ("median axis", lambda x: x.median(axis=1), np.median(X, axis=1)),
    ("argsort kind", lambda x: x.argsort(0, kind="stable"), X.argsort(0)),
    ("repeat", lambda x: x.repeat(2), X.repeat(2)),
    ("repeat along an axis", lambda x: x.repeat(2, 0), X.repeat(2, 0)),
    ("repeat axis", lambda x: x.repeat(2, axis=1), X.repeat(2, 1)),
    ("repeat counts", lambda x: x.repeat([1, 2], 0), X.repeat([1, 2], 0)),
    ("repeat to more axes", lambda x: x[0].repeat(2, 1), np.tile(X[0], (2, 1))),
    ("repeat by a tuple", lambda x: x.repeat((2, 3)), np.tile(X, (2, 3))),
    ("repeat three axes", lambda x: x[None].repeat(2, 1), X[None].repeat(2, 1)),
    ("transpose", lambda x: x.transpose(), X.T),
    ("transpose axes", lambda x: x.transpose(1, 0), X.T),
    ("transpose a tuple", lambda x: x.transpose((0, 1)), X),
    ("transpose three axes", lambda x: x[None].transpose(2, 0, 1), X[None].transpose(2, 0, 1)),
    ("transpose two of three axes", lambda x: x[None].transpose(0, 1), X[:, None]),
    ("flatten order", lambda x: x.flatten("F"), X.flatten("F")),
    ("clip", lambda x: x.clip(-1, None), X.clip(-1, None)),
    ("round", lambda x: x.round(1), X.round(1)),
    ("diagonal", lambda x: x.diagonal(1, 0, 1), X.diagonal(1)),
    ("nonzero", lambda x: x.nonzero()[0], X.nonzero()[0]),
    ("squeeze", lambda x: x[:1].squeeze(0), X[0]),
    ("squeeze of a longer axis", lambda x: x.squeeze(dim=0), X),
    ("take", lambda x: x.take([0, 2], 1), X.take([0, 2], 1)),
    ("swapaxes", lambda x: x.swapaxes(0, 1), X.T),
]


@pytest.mark.parametrize(("call", "expected"), [row[1:] for row in BOTH], ids=[row[0] for row in BOTH])
def test_two_vocabularies(call: Callable[..., Any], expected: Any) -> None:
    for result in (traced(call, X), call(ft.tensor(X)).data):
        np.testing.assert_array_equal(result, expected)


def test_where_numpy_and_pytorch_differ_tensors_follow_pytorch_and_traced_arrays_refuse() -> None:
    x = ft.tensor(X)
    assert x.transpose(0, 1).shape == x.transpose(-2, -1).shape == (3, 2)
    assert x.repeat(2, 1).shape == (4, 3)
    for call in (lambda x: x.transpose(0, 1), lambda x: x.transpose(-2, -1)):
        with pytest.raises(TypeError, match="in NumPy this matrix itself, in PyTorch its transpose"):
            ft.vmap(call)(X[None])
    for repeat in (lambda x: x.repeat(2, 1), lambda x: x[0].repeat((2,)), lambda x: x[0].repeat((1, 2, 3))):
        with pytest.raises(TypeError, match=r"repeats elements.*stacks copies.*x\.tile\("):
            traced(repeat, X)


def test_a_bare_sort_is_refused_by_the_method_only() -> None:
    with pytest.raises(TypeError, match=r"sorts in place.*np\.sort\(x\).*x\.sort\(dim=-1\)"):
        traced(lambda x: x.sort(), V)
    with pytest.raises(TypeError, match="sorts in place"):
        ft.tensor(V).sort()
    assert functions.sort(V).values.tolist() == [1.0, 2.0, 2.0, 2.0]


REFUSED: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (TypeError, "given twice", lambda: functions.sum(X, 0, dim=1)),
    (
        ValueError,
        "rounding_mode must be None, 'trunc' or 'floor', not 'up'",
        lambda: functions.div(X, 2, rounding_mode="up"),
    ),
    (ValueError, "clamp: give min, max or both", lambda: functions.clamp(X)),
    (ValueError, r"k = 4 of the 3 elements along axis -1", lambda: functions.topk(X, 4)),
    (ValueError, r"k = 0 of the 2 elements along axis 0", lambda: functions.kthvalue(X, 0, 0)),
    (ValueError, r"sizes \[1, 1\] do not add up to the 3 elements", lambda: functions.split(X, [1, 1], 1)),
    (ValueError, "the size of a part must be positive", lambda: functions.split(X, 0)),
    (ValueError, r"mm at .* takes 2-d and 2-d arrays, not shapes \(2, 3\) and \(4,\)", lambda: functions.mm(X, V)),
    (ValueError, "at most two axes", lambda: functions.t(X[None])),
    (ValueError, r"size \(3, 3\) does not repeat", lambda: METHODS["sum_to_size"](X, 3, 3)),
    (ValueError, "start_dim = 1 comes behind end_dim = 0", lambda: functions.flatten(X, 1, 0)),
    (TypeError, "would read the bits of float64 anew", lambda: METHODS["view"](X, np.int64)),
    (RuntimeError, "only device is 'cpu'", lambda: METHODS["to"](X, "cuda:0")),
    (ValueError, "reduction must be 'mean', 'sum' or 'none', not 'max'", lambda: functional.mse_loss(X, X, "max")),
    (ValueError, "approximate must be", lambda: functional.gelu(X, "fast")),
    (ValueError, "the last axes of shape", lambda: functional.layer_norm(X, 2)),
    (IndexError, "out of bounds", lambda: functions.scatter(X, 0, np.array([[5]]), 1.0)),
    (
        ValueError,
        r"of shape \(3,\) do not fit scores of shape \(2, 3\)",
        lambda: functional.cross_entropy(X, [0, 1, 2]),
    ),
    (ValueError, "do not fit .* must be integers", lambda: functional.cross_entropy(X, np.array([0.0, 1.0]))),
    (IndexError, "out of bounds", lambda: functional.cross_entropy(X, np.array([0, 7]))),
]


@pytest.mark.parametrize(("error", "message", "call"), REFUSED)
def test_errors_teach(error: type[Exception], message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error, match=message):
        call()


# Derivatives at kinks: ties share what comes without a position; what comes with one belongs to it.

KINKS: list[tuple[str, Callable[..., Any], Any, Any]] = [
    ("relu", lambda x: functions.relu(x).sum(), [0.0, 1.0], [0.0, 1.0]),
    ("max", lambda x: x.max(), V, [1 / 3, 1 / 3, 0.0, 1 / 3]),
    ("amax", lambda x: x.amax(0), V, [1 / 3, 1 / 3, 0.0, 1 / 3]),
    ("max dim", lambda x: x.max(dim=0).values, V, [1.0, 0.0, 0.0, 0.0]),
    ("median", lambda x: x.median(), V, [1 / 3, 1 / 3, 0.0, 1 / 3]),
    ("median of the smallest", lambda x: x.median(), [1.0, 3.0, 1.0, 1.0, 2.0], [1 / 3, 0.0, 1 / 3, 1 / 3, 0.0]),
    ("median dim", lambda x: x.median(dim=0).values, V, [1.0, 0.0, 0.0, 0.0]),
    ("sort", lambda x: (x.sort(dim=0).values * [1.0, 2.0, 3.0, 4.0]).sum(), V, [2.0, 3.0, 1.0, 4.0]),
    (
        "sort descending",
        lambda x: (functions.sort(x, 0, True)[0] * [1.0, 2.0, 3.0, 4.0]).sum(),
        V,
        [1.0, 2.0, 4.0, 3.0],
    ),
    ("cummax", lambda x: x.cummax(0).values.sum(), V, [1.0, 2.0, 0.0, 1.0]),
    ("norm", lambda x: x.norm(), [0.0, 0.0], [0.0, 0.0]),
    ("norm 1", lambda x: x.norm(1), [0.0, -2.0], [0.0, -1.0]),
    ("clamp", lambda x: x.clamp(1.0, 2.0).sum(), V, [1.0, 1.0, 1.0, 1.0]),
    ("clamp_min", lambda x: x.clamp_min(2.0).sum(), V, [1.0, 1.0, 0.0, 1.0]),
    ("hardtanh", lambda x: functional.hardtanh(x).sum(), [-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]),
    ("leaky_relu", lambda x: functional.leaky_relu(x, 0.1).sum(), [0.0], [0.1]),
    ("elu", lambda x: functional.elu(x, 0.5).sum(), [0.0], [0.5]),
    ("abs loss", lambda x: functional.l1_loss(x, V, "sum"), V, [0.0, 0.0, 0.0, 0.0]),
    ("xlogy", lambda x: functions.xlogy(x, 2.0).sum(), [0.0], [np.log(2)]),
    ("xlogy of nothing", lambda x: functions.xlogy(0.0, x).sum(), [0.0], [0.0]),
    ("logsumexp of ties", lambda x: x.logsumexp(0), [1.0, 1.0], [0.5, 0.5]),
    ("softmax of ties", lambda x: x.softmax(0)[0], [1.0, 1.0], [0.25, -0.25]),
    ("cdist", lambda x: functions.cdist(x[None], x[None]).sum(), [1.0, 2.0], [0.0, 0.0]),
    ("scatter to one place", lambda x: functions.scatter([0.0], 0, [0, 0], x)[0], [1.0, 2.0], [0.0, 1.0]),
    ("unique", lambda x: (functions.unique(x) * [1.0, 10.0]).sum(), V, [10.0, 0.0, 1.0, 0.0]),
]


@pytest.mark.parametrize(("f", "x", "expected"), [row[1:] for row in KINKS], ids=[row[0] for row in KINKS])
def test_kinks(f: Callable[..., Any], x: Any, expected: Any) -> None:
    tensor = ft.tensor(x, requires_grad=True)
    f(tensor).backward()
    np.testing.assert_allclose(tensor.grad.data, expected, rtol=1e-15)


@pytest.mark.parametrize(("f", "x", "expected"), [row[1:] for row in KINKS if row[0] != "unique"])
def test_kinks_of_functions(f: Callable[..., Any], x: Any, expected: Any) -> None:
    x = np.asarray(x)
    np.testing.assert_allclose(ft.grad(f)(x), expected, rtol=1e-15)
    np.testing.assert_allclose(ft.jacfwd(f)(x), expected, rtol=1e-15)


# Values at the edges of the floating-point numbers, computed by PyTorch.

EDGES: list[tuple[str, Callable[[], Any], Any]] = [
    ("sigmoid", lambda: functions.sigmoid(np.array([-np.inf, -800.0, -40.0, 800.0])), [0, 0, 4.248354255291589e-18, 1]),
    ("softmax", lambda: functions.softmax(np.array([1e4, 1e4, -np.inf]), 0), [0.5, 0.5, 0]),
    ("logsumexp", lambda: functions.logsumexp(np.array([-np.inf, -np.inf]), 0), -np.inf),
    ("logsumexp of infinity", lambda: functions.logsumexp(np.array([np.inf, 0.0]), 0), np.inf),
    ("log_softmax", lambda: functions.log_softmax(np.array([1e4, 0.0]), 0), [0, -1e4]),
    ("softplus", lambda: functional.softplus(np.array([-800.0, 800.0])), [0, 800]),
    ("logsigmoid", lambda: functional.logsigmoid(np.array([-800.0, 800.0])), [-800, 0]),
    ("bce", lambda: functional.binary_cross_entropy(np.array([0.0, 1.0]), np.array([1.0, 1.0])), 50),
    (
        "bce of logits",
        lambda: functional.binary_cross_entropy_with_logits(np.array([-800.0, 800.0]), np.array([1.0, 1.0])),
        400,
    ),
    ("xlogy", lambda: functions.xlogy(np.zeros(4), np.array([0.0, np.inf, -1.0, np.nan])), [0, 0, 0, np.nan]),
    ("max of NaN", lambda: functions.max(np.array([1.0, np.nan]), dim=0).indices, 1),
    ("median of NaN", lambda: functions.median(np.array([1.0, np.nan, 2.0])), np.nan),
    ("median of NaN along an axis", lambda: functions.median(np.array([1.0, np.nan, 2.0]), 0).indices, 1),
    ("nanmedian", lambda: functions.nanmedian(np.array([1.0, np.nan, 2.0])), 1),
    ("cummax of NaN", lambda: functions.cummax(np.array([1.0, np.nan, 2.0]), 0).indices, [0, 1, 1]),
    ("sort of NaN", lambda: functions.sort(np.array([1.0, np.nan, 2.0]), 0, True).indices, [1, 2, 0]),
    ("relu of NaN", lambda: functions.relu(np.array([np.nan, -1.0])), [np.nan, 0]),
    ("median of integers", lambda: functions.median(np.array([4, 1, 3, 2])), 2),
    ("reciprocal of integers", lambda: functions.reciprocal(np.array([2, 4])), [0.5, 0.25]),
    (
        "scatter, the last stays",
        lambda: functions.scatter(np.zeros(2), 0, np.array([0, 0]), np.array([5.0, 6.0])),
        [6, 0],
    ),
    ("hardsigmoid", lambda: functional.hardsigmoid(np.array([-4.0, 0.0, 1.5, 4.0])), [0, 0.5, 0.75, 1]),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("call", "expected"), [row[1:] for row in EDGES], ids=[row[0] for row in EDGES])
def test_edges(call: Callable[[], Any], expected: Any) -> None:
    np.testing.assert_allclose(call(), expected, rtol=1e-14)


def test_the_gradient_of_a_saturated_probability_is_finite() -> None:
    gradient = ft.grad(lambda p: functional.binary_cross_entropy(p, np.array([1.0, 0.0]), reduction="sum"))
    np.testing.assert_allclose(gradient(np.array([0.0, 0.0])), [-1e12, 0.0])


# Dtypes, numbers and lists.


def test_conversions() -> None:
    x = ft.tensor(X)
    dtypes = {"half": "f2", "float": "f4", "double": "f8", "long": "i8", "int": "i4", "bool": "?", "cdouble": "c16"}
    for name, dtype in dtypes.items():
        assert getattr(x, name)().dtype == np.dtype(dtype)
    assert x.to(np.float32).dtype == x.to(dtype="float32").dtype == x.to("cpu", np.float32).dtype == np.float32
    assert x.to("cpu") is x
    assert x.type_as(x.float()).dtype == np.float32
    assert x.type() == "float64"
    assert (x.dim(), x.numel(), x.element_size()) == (2, 6, 8)
    assert x.is_floating_point()
    assert not x.is_complex()
    assert traced(lambda x: x.float().square(), X).dtype == np.float32
    assert ft.grad(lambda x: x.float().square().sum())(X).dtype == np.float64


def test_digamma() -> None:
    """PyTorch's derivative of it has ten digits only, so that its values are no measure."""
    x = ft.tensor([1.3, 0.4, 5.0], requires_grad=True)
    assert ft.gradgradcheck(functions.digamma, (x,))
    np.testing.assert_allclose(ft.grad(lambda x: x.lgamma().sum())(x.data), x.detach().digamma(), rtol=1e-15)
    np.testing.assert_allclose(functions.digamma(1.0), -np.euler_gamma, rtol=1e-15)


def test_positions_of_what_is_not_zero() -> None:
    assert ft.tensor([[0.0, 2.0], [3.0, 0.0]]).argwhere().tolist() == [[0, 1], [1, 0]]


def test_numbers_stay_weak_and_lists_are_arrays() -> None:
    single = np.ones(2, np.float32)
    for result in (
        functions.add(single, 2.0),
        functions.pow(single, 2),
        functions.lerp(single, 0.0, 0.5),
        functions.addcmul(single, 2.0, 3.0),
    ):
        assert result.dtype == np.float32
    assert functions.sigmoid(0.0) == 0.5
    assert functions.relu(-1.0) == 0
    assert functions.cat([[1.0], [2.0]]).tolist() == [1.0, 2.0]
    assert functions.stack([ft.tensor(1.0), ft.tensor(2.0)]).tolist() == [1.0, 2.0]
    assert isinstance(functions.cat([ft.tensor([1.0]), V]), ft.Tensor)


def test_complex_numbers() -> None:
    z = np.array([1 + 2j, -0.5j])
    parts = functions.view_as_real(z)
    assert np.array_equal(functions.view_as_complex(parts), z)
    assert np.array_equal(functions.complex(parts[:, 0], parts[:, 1]), z)
    np.testing.assert_allclose(functions.polar(np.abs(z), functions.angle(z)), z, atol=1e-16)
    assert ft.gradcheck(lambda z: functions.view_as_real(functions.sgn(z)), (z,))
    assert ft.gradcheck(lambda z: functions.logdet(z), (np.array([[2 + 1j, 1], [0.5j, 3]]),))


def test_second_derivatives() -> None:
    scores, labels = X, np.array([2, 0])
    for f in (
        lambda x: functional.cross_entropy(x, labels, label_smoothing=0.1),
        lambda x: functions.softmax(x, 1),
        lambda x: functional.gelu(x) + functional.silu(x) + functional.softplus(x),
        lambda x: functions.scatter_add(x, 0, np.array([[0, 0, 1]]), x[:1] ** 2),
        lambda x: functions.scatter(x * x, 1, np.array([[1], [0]]), x**3),
    ):
        assert ft.gradgradcheck(f, (scores,))


def test_scatter_maps_over_indices() -> None:
    index = np.array([[[0, 1, 0]], [[1, 1, 0]]])
    batched = ft.vmap(lambda i, s: functions.scatter(X, 0, i, s))(index, np.stack([X, -X]))
    for k, sign in enumerate((1, -1)):
        np.testing.assert_array_equal(batched[k], functions.scatter(X, 0, index[k], sign * X))


def test_every_method_is_documented_and_every_name_exists() -> None:
    assert [name for name, function in METHODS.items() if not function.__doc__] == []
    assert len(set(functions.__all__)) == len(functions.__all__)
    assert all(callable(getattr(functions, name)) for name in functions.__all__)
    assert all(getattr(functional, name).__name__ for name in functional.__all__)
