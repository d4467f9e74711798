"""Windows, pooling and resampling: kinks, positions, transposes, what is refused.

Their values and gradients are in the table of `pytorch_rows`; numbers here are PyTorch's (2.15).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.nn.functional as F  # noqa: N812 - PyTorch's name
from functorch_lite.calculus import filters
from functorch_lite.tensor import convolutions

X = np.arange(12.0).reshape(2, 2, 3) ** 2 / 10
IMAGE = np.random.default_rng(0).normal(size=(2, 4, 5, 6))


def test_the_first_of_equal_elements_is_the_largest() -> None:
    where = F.max_pool2d(np.zeros((1, 3, 3)), 2, 1, return_indices=True)[1]
    assert where.tolist() == [[[0, 1], [3, 4]]]
    assert ft.grad(lambda x: F.max_pool2d(x, 2, 1).sum())(np.zeros((1, 3, 3))).tolist() == [
        [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    ]
    ties = np.array([[1.0, 5.0, 5.0, 2.0]])
    assert F.adaptive_max_pool1d(ties, 1, return_indices=True)[1].tolist() == [[1]]
    assert ft.grad(lambda x: F.adaptive_max_pool1d(x, 1).sum())(ties).tolist() == [[0.0, 1.0, 0.0, 0.0]]
    assert ft.jacfwd(lambda x: F.adaptive_max_pool1d(x, 1).sum())(ties).tolist() == [[0.0, 1.0, 0.0, 0.0]]


def test_padding_is_never_the_largest() -> None:
    values, where = F.max_pool1d(np.full((1, 4), -np.inf), 3, 1, 1, return_indices=True)
    assert values.tolist() == [[-np.inf] * 4]
    assert where.tolist() == [[0, 0, 1, 2]]


def test_integers_have_maxima_and_no_means() -> None:
    values, where = F.max_pool1d(np.array([[1, -3, 2]]), 2, 1, 1, return_indices=True)
    assert (values.tolist(), where.tolist()) == ([[1, 1, 2, 2]], [[0, 0, 2, 2]])
    assert values.dtype == np.int64
    assert F.interpolate(np.array([[[1, 2]]]), 3).tolist() == [[[1, 1, 2]]]
    with pytest.raises(TypeError, match="elements are weighed, and int64 cannot hold the result"):
        F.interpolate(np.array([[[1, 2]]]), 3, mode="linear")


def test_means_of_halves_and_of_short_integers_are_in_range() -> None:
    halves, short = np.full((1, 7, 7), 6e4, np.float16), np.full((1, 2, 2), 100, np.int8)
    mean, gradient = ft.value_and_grad(lambda x: F.avg_pool2d(x, 7).sum())(halves)
    assert mean == 6e4
    assert gradient.dtype == mean.dtype == np.float16
    assert F.avg_pool2d(short, 2).tolist() == [[[100.0]]]


def test_norms_of_nothing_have_derivative_zero() -> None:
    x = np.array([[0.0, 0.0, 3.0, 4.0]])
    gradient = ft.grad(lambda x: F.lp_pool1d(x, 2, 2).sum())
    np.testing.assert_allclose(gradient(x), [[0.0, 0.0, 0.6, 0.8]], rtol=1e-15)


def test_a_point_at_the_border_rests() -> None:
    """As in PyTorch, derivatives by points that were brought inside are zero, and so at the border itself."""
    grid = np.array([[[[1.0, 0.0], [-1.0, 0.5], [2.0, 0.1]]]])
    gradient = ft.grad(lambda grid: F.grid_sample(IMAGE[:1], grid, padding_mode="border", align_corners=True).sum())
    assert gradient(grid)[..., 0].tolist() == [[[0.0, 0.0, 0.0]]]
    assert (gradient(grid)[..., 1] != 0).all()


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_transposed_convolution_is_the_transpose_of_a_convolution(stride: int, dilation: int) -> None:
    weight = np.random.default_rng(1).normal(size=(3, 4, 2, 2))
    how: dict[str, Any] = {"stride": stride, "dilation": dilation, "padding": 1}
    y, pull = ft.vjp(lambda x: F.conv2d(x, weight, **how), IMAGE)
    g = np.random.default_rng(2).normal(size=y.shape)
    spans = [(n - 1) * stride - 2 + dilation + 1 for n in y.shape[2:]]
    rest = tuple(n - m for n, m in zip(IMAGE.shape[2:], spans, strict=True))
    if all(n < max(stride, dilation) for n in rest):
        np.testing.assert_allclose(F.conv_transpose2d(g, weight, output_padding=rest, **how), pull(g)[0], atol=1e-14)
    np.testing.assert_allclose(ft.linear_transpose(lambda x: F.conv2d(x, weight, **how), IMAGE)(g)[0], pull(g)[0])


LINEAR: dict[str, Callable[[Any], Any]] = {
    "unfold": lambda x: F.unfold(x, (2, 3), 1, 1, 2),
    "fold": lambda x: F.fold(F.unfold(x, 2, stride=3), (5, 6), 2, stride=3),
    "conv_transpose": lambda x: F.conv_transpose2d(x, np.ones((4, 1, 2, 2)), stride=2),
    "avg_pool": lambda x: F.avg_pool2d(x, 3, 2, 1, True, False),
    "interpolate": lambda x: F.interpolate(x, (3, 7), mode="bicubic"),
    "max_pool": lambda x: F.max_pool2d(x, 3, 2),
}


@pytest.mark.parametrize("name", LINEAR)
def test_jacobians_in_both_modes_under_jit_and_in_batches(name: str) -> None:
    f, x = LINEAR[name], IMAGE[:1]
    jacobian = ft.jacrev(f)(x)
    np.testing.assert_allclose(ft.jacfwd(f)(x), jacobian, atol=1e-14)
    np.testing.assert_allclose(ft.jit(ft.jacfwd(f))(x), jacobian, atol=1e-14)
    np.testing.assert_allclose(np.tensordot(jacobian, x, 4), f(x), atol=1e-13)
    np.testing.assert_allclose(ft.vmap(f)(IMAGE[:, None])[1], f(IMAGE[1:]), atol=1e-14)
    np.testing.assert_allclose(ft.jet(f, (x,), ([x, x],))[1][1], f(x), atol=1e-13)


FILTERED: dict[str, tuple[Callable[[Any, Any], Any], tuple[int, ...]]] = {
    "conv2d": (lambda x, w: F.conv2d(x, w, padding=1), (6, 4, 3, 2)),
    "conv2d in groups": (lambda x, w: F.conv2d(x, w, groups=4, padding=(2, 1), dilation=(2, 1)), (8, 1, 3, 3)),
    "conv2d with a stride": (lambda x, w: F.conv2d(x, w, stride=(2, 1), padding=2), (2, 4, 4, 3)),
    "conv_transpose2d": (lambda x, w: F.conv_transpose2d(x, w, stride=(1, 2), groups=2), (4, 3, 2, 3)),
}


@pytest.mark.parametrize("name", FILTERED)
def test_how_many_columns_are_made_at_once_is_nothing_to_the_result(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    f, shape = FILTERED[name]
    random = np.random.default_rng(3)
    x, w = random.normal(size=(3, 4, 9, 10)), random.normal(size=shape)
    xs, ws = random.normal(size=(2, *x.shape)), random.normal(size=(2, *w.shape))

    def results() -> list[Any]:
        gradient = ft.grad(lambda x, w: (f(x, w) ** 2).sum(), (0, 1))
        batches = [
            ft.vmap(gradient, (0, 0))(xs, ws),
            ft.vmap(gradient, (0, None))(xs, w),
            ft.vmap(gradient, (None, 0))(x, ws),
        ]
        return ft.tree.leaves([f(x, w), gradient(x, w), batches])

    whole = results()
    monkeypatch.setattr(convolutions, "FEWEST_WINDOWS", 1000)  # all examples in one matrix
    beside = results()
    monkeypatch.setattr(convolutions, "FEWEST_WINDOWS", 0)
    for most in (1, 20_000, 60_000):  # one group of one example; a few examples; a few groups
        monkeypatch.setattr(filters, "LARGEST_COLUMNS", most)
        for one, other, third in zip(whole, results(), beside, strict=True):
            np.testing.assert_allclose(other, one, rtol=1e-10, atol=1e-10)
            np.testing.assert_allclose(third, one, rtol=1e-10, atol=1e-10)


SPARSE: dict[str, Callable[[Any], Any]] = {
    "conv2d": lambda x: F.conv2d(x, KERNEL, stride=(1, 2), padding=1),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x, KERNEL[:1], stride=2),
    "gradient by the filters": lambda x: ft.grad(lambda w: F.conv2d(x, w).sum())(np.ones((1, 1, 25, 25))),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 3, 2, 1),
    "its transpose": lambda x: ft.vjp(lambda y: F.avg_pool2d(y, 3, 2), np.ones((1, 1, 53, 53)))[1](x)[0],
    "max_pool2d": lambda x: F.max_pool2d(x, 3, 2, 1) ** 2,
}
KERNEL = np.array([[[[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]]], [[[0.0, 1.0, 0.0], [0.0, 0.0, 5.0]]]])


@pytest.mark.parametrize("name", SPARSE)
def test_patterns_are_of_what_meets(name: str) -> None:
    f, x = SPARSE[name], np.random.default_rng(4).normal(size=(1, 1, 26, 26))
    found, dense = ft.sparse_jacobian(f)(x), ft.jacobian(f)(x)
    np.testing.assert_allclose(found.toarray(), dense.reshape(found.shape), atol=1e-14)
    assert found.nnz == np.count_nonzero(dense)


def test_what_is_not_a_number_is_the_largest_and_has_the_derivative() -> None:
    x = np.array([[1.0, np.nan, np.nan, 2.0, 3.0, 4.0]])
    values, where = F.max_pool1d(x, 4, 1, return_indices=True)
    np.testing.assert_array_equal(values, [[np.nan, np.nan, np.nan]])
    assert where.tolist() == [[1, 1, 2]]
    assert ft.grad(lambda x: F.max_pool1d(x, 4, 1).sum())(x).tolist() == [[0.0, 2.0, 1.0, 0.0, 0.0, 0.0]]


def test_an_infinite_cotangent_goes_to_the_largest_alone() -> None:
    _, pull = ft.vjp(lambda x: F.max_pool1d(x, 2), np.array([[1.0, 2.0, 4.0, 3.0]]))
    assert pull(np.array([[np.inf, 1.0]]))[0].tolist() == [[0.0, np.inf, 1.0, 0.0]]


def test_columns_of_single_elements_are_a_copy() -> None:
    x = ft.ones(1, 2, 2)
    columns = F.unfold(x, 1)
    x.zero_()
    assert columns.tolist() == [[1.0, 1.0, 1.0, 1.0]]


def test_what_was_pooled_is_put_back() -> None:
    x = ft.tensor(IMAGE, requires_grad=True)
    y = F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2, output_size=x.size())
    assert y.shape == x.shape
    (y**2).sum().backward()
    np.testing.assert_array_equal(x.grad, 2 * y.detach())


REFUSED: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (ValueError, r"conv_transpose1d at .* 2 or 3 axes and a weight with 3", lambda: F.conv_transpose1d(X[0, 0], X)),
    (ValueError, "does not fit 2 channels .* in 1 groups", lambda: F.conv_transpose1d(X, np.ones((3, 2, 1)))),
    (ValueError, "output_padding .* smaller than stride", lambda: F.conv_transpose1d(X, X, output_padding=1)),
    (ValueError, "leaves nothing of the lengths", lambda: F.conv_transpose1d(X, X, padding=3)),
    (ValueError, "strides and dilations are 1 at least; .1, 0.", lambda: F.conv2d(IMAGE, IMAGE, stride=(1, 0))),
    (ValueError, "lengths of windows.* are 1 at least; .0,.", lambda: F.conv_transpose1d(X, np.ones((2, 1, 0)))),
    (ValueError, "lengths of windows.* are 1 at least; .0,.", lambda: F.avg_pool1d(X, 0)),
    (ValueError, r"elements are .2,. apart has none within", lambda: F.max_pool1d(X[..., :1], 2, 1, 1, 2)),
    (ValueError, "padding .* at most half of the windows", lambda: F.max_pool1d(X, 2, padding=2)),
    (ValueError, "unfold at .* shape .N, C, H, W.", lambda: F.unfold(X[0], 1)),
    (ValueError, "are 1 x 2 columns of a multiple of 4", lambda: F.fold(np.ones((4, 3)), (2, 3), 2)),
    (ValueError, "output_size .* is not within a stride of", lambda: F.max_unpool1d(X, X > 9, 2, output_size=9)),
    (IndexError, "position 12 is not in the result", lambda: F.max_unpool1d(X, np.full(X.shape, 12), 2)),
    (ValueError, "indices has shape", lambda: F.max_unpool1d(X, np.zeros(3, int), 2)),
    (ValueError, "2 lengths .or one.", lambda: F.adaptive_avg_pool2d(X, (1, 2, 3))),
    (ValueError, "takes the modes .* given shape .* 'bilinear'", lambda: F.interpolate(X, 3, mode="bilinear")),
    (ValueError, "give size or scale_factor", lambda: F.interpolate(X)),
    (ValueError, "align_corners is an option", lambda: F.interpolate(X, 3, align_corners=True)),
    (ValueError, "antialias is an option", lambda: F.interpolate(X, 3, antialias=True)),
    (ValueError, "one for each of 1 axes", lambda: F.interpolate(X, (3, 4))),
    (ValueError, "lengths are 1 at least", lambda: F.interpolate(X, scale_factor=0.1)),
    (ValueError, "8 channels do not|2 channels do not", lambda: F.pixel_shuffle(X[None], 3)),
    (ValueError, "2 x 3 pixels do not make squares", lambda: F.pixel_unshuffle(X, 2)),
    (ValueError, "divides C", lambda: F.channel_shuffle(X, 3)),
    (ValueError, "size of 1 at least", lambda: F.local_response_norm(X, 0)),
    (ValueError, "theta of shape", lambda: F.affine_grid(X, (1, 1, 3, 4))),
    (ValueError, "grid_sample at .* takes an input", lambda: F.grid_sample(X, X)),
    (ValueError, "mode is one of", lambda: F.grid_sample(IMAGE, np.zeros((2, 1, 1, 2)), "bicube")),
]


@pytest.mark.parametrize(("error", "message", "call"), REFUSED)
def test_errors_teach(error: type[Exception], message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error, match=message):
        call()
