"""Initial values of parameters; bounds and deviations are those that PyTorch 2.15 uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.nn import init

SHAPE = (200, 100, 3)

#: What fills a tensor of that shape, the standard deviation, and the largest value there may be.
DRAWN: dict[str, tuple[Callable[..., Any], float, float]] = {
    "uniform": (lambda x, g: init.uniform_(x, -0.5, 0.5, g), 0.288675, 0.5),
    "normal": (lambda x, g: init.normal_(x, 0.0, 0.2, g), 0.2, np.inf),
    "trunc_normal": (lambda x, g: init.trunc_normal_(x, 0.0, 1.0, -1.0, 1.0, g), 0.539560, 1.0),
    "xavier_uniform": (lambda x, g: init.xavier_uniform_(x, 2.0, g), 0.094281, 0.163299),
    "xavier_normal": (lambda x, g: init.xavier_normal_(x, generator=g), 0.047140, np.inf),
    "kaiming_uniform": (lambda x, g: init.kaiming_uniform_(x, np.sqrt(5.0), generator=g), 0.033333, 0.057735),
    "kaiming_normal": (
        lambda x, g: init.kaiming_normal_(x, mode="fan_out", nonlinearity="relu", generator=g),
        0.057735,
        np.inf,
    ),
    "orthogonal": (lambda x, g: init.orthogonal_(x, 2.0, g), 0.115470, 2.0),
}


@pytest.mark.parametrize("name", DRAWN)
def test_values_have_the_deviation_and_the_bounds(name: str) -> None:
    fill, deviation, bound = DRAWN[name]
    x = ft.zeros(SHAPE, requires_grad=True)
    assert fill(x, np.random.default_rng(0)) is x
    assert x.is_leaf
    assert abs(x.data.mean()) < 4 * deviation / np.sqrt(x.data.size)
    np.testing.assert_allclose(x.data.std(), deviation, rtol=0.02)
    assert 0.9 * min(bound, 2 * deviation) < abs(x.data).max() <= bound
    again = fill(ft.zeros(SHAPE, dtype=ft.float32), np.random.default_rng(0))
    np.testing.assert_array_equal(again, x.data.astype(np.float32))
    first, second = (ft.manual_seed(3) and fill(ft.zeros(SHAPE), None) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 2, 3)])
def test_orthogonal_rows_or_columns(shape: tuple[int, ...]) -> None:
    x = init.orthogonal_(ft.zeros(shape), gain=2.0).data.reshape(shape[0], -1)
    product = x @ x.T if x.shape[0] <= x.shape[1] else x.T @ x
    np.testing.assert_allclose(product, 4 * np.eye(min(x.shape)), atol=1e-12)


def test_given_values() -> None:
    x = ft.zeros(2, 3, requires_grad=True)
    assert init.constant_(x, 3.0).tolist() == [[3.0] * 3] * 2
    assert init.ones_(x).tolist() == [[1.0] * 3] * 2
    assert init.eye_(x).tolist() == np.eye(2, 3).tolist()
    assert init.zeros_(x).tolist() == [[0.0] * 3] * 2
    assert x.requires_grad
    gains = [init.calculate_gain(n) for n in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu")]
    np.testing.assert_allclose(gains, [1, 1, 1, 1.6666666666666667, 1.4142135623730951, 1.4141428569978354, 0.75])


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ValueError, r"shape \(3,\) has no inputs and outputs", lambda: init.xavier_normal_(ft.zeros(3))),
        (ValueError, "mode is 'fan_in' or 'fan_out', not 'x'", lambda: init.kaiming_normal_(ft.zeros(2, 2), 0, "x")),
        (ValueError, "Unsupported nonlinearity swish", lambda: init.calculate_gain("swish")),
        (ValueError, r"fills a matrix, not a tensor of shape \(3,\)", lambda: init.eye_(ft.zeros(3))),
        (ValueError, "next to nothing", lambda: init.trunc_normal_(ft.zeros(3), 100.0)),
        (TypeError, "fills a Tensor in place, not a ndarray", lambda: init.ones_(np.zeros(3))),
    ],
)
def test_errors_teach(error: type[Exception], message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error, match=message):
        call()
