"""Windows and short-time Fourier transforms; their usual values and gradients are in the table of `pytorch_rows`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.nn.functional as F  # noqa: N812 - PyTorch's name

X = np.random.default_rng(0).normal(size=(2, 11))

#: Computed by PyTorch 2.15 in double precision.
WINDOWS: list[tuple[Callable[[], Any], list[float]]] = [
    (lambda: ft.hann_window(5), [0.0, 0.3454915028125263, 0.9045084971874737, 0.9045084971874737, 0.3454915028125263]),
    (lambda: ft.hann_window(5, False), [0.0, 0.5, 1.0, 0.5, 0.0]),
    (lambda: ft.hann_window(1), [1.0]),
    (lambda: ft.hamming_window(4), [0.08, 0.54, 1.0, 0.54]),
    (lambda: ft.hamming_window(4, True, 0.5, beta=0.4), [0.1, 0.5, 0.9, 0.5]),
    (lambda: ft.blackman_window(4), [0.0, 0.34, 1.0, 0.34]),
    (lambda: ft.bartlett_window(5), [0.0, 0.4, 0.8, 0.8, 0.4]),
    (lambda: ft.kaiser_window(4, beta=0.0), [1.0, 1.0, 1.0, 1.0]),
    (lambda: ft.kaiser_window(3, False), [5.2773441320097665e-05, 1.0, 5.2773441320097665e-05]),
]


@pytest.mark.parametrize(("make", "expected"), WINDOWS)
def test_windows(make: Callable[[], Any], expected: list[float]) -> None:
    np.testing.assert_allclose(make(), expected, rtol=1e-12, atol=1e-15)


def test_windows_have_the_dtype_that_is_asked_for() -> None:
    assert ft.hann_window(3, dtype=ft.float32).dtype == np.float32
    assert ft.hann_window(3, requires_grad=True).requires_grad
    with pytest.raises(TypeError, match="unexpected keyword argument gamma"):
        ft.hann_window(3, gamma=1.0)


@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("normalized", [False, True])
def test_the_inverse_gives_the_signal_back(is_complex: bool, normalized: bool) -> None:
    x, how = (X + 1j * X[:, ::-1] if is_complex else X), {"window": ft.hann_window(6).data, "normalized": normalized}
    found = ft.stft(x, 6, 2, **how)
    again = ft.istft(found, 6, 2, return_complex=is_complex, length=x.shape[-1], **how)
    np.testing.assert_allclose(again, x, atol=1e-14)
    assert ft.gradcheck(lambda x: ft.istft(ft.stft(x, 6, 2, **how), 6, 2, return_complex=is_complex, **how), (x,))


def test_pairs_in_the_place_of_complex_numbers() -> None:
    pairs, found = ft.stft(X, 4, return_complex=False), ft.stft(X, 4)
    np.testing.assert_array_equal(pairs[..., 0] + 1j * pairs[..., 1], found)
    assert ft.stft(X.astype(np.float32), 4).dtype == np.complex64
    np.testing.assert_allclose(ft.vmap(lambda x: ft.stft(x, 4))(X), found, atol=1e-15)
    np.testing.assert_allclose(ft.jit(lambda x: ft.stft(x, 4))(X), found, atol=1e-15)


def test_instance_norm_mixes_what_it_finds_into_running_values() -> None:
    x = np.random.default_rng(0).normal(size=(3, 2, 5))
    mean, var = ft.tensor([0.0, 1.0]), ft.tensor([1.0, 2.0])
    F.instance_norm(ft.tensor(x), mean, var, momentum=0.25)
    np.testing.assert_allclose(mean, [-0.03901148, 0.72826823], rtol=1e-6)
    np.testing.assert_allclose(var, [0.89385021, 1.66545089], rtol=1e-6)


REFUSED: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (ValueError, "takes signals of shape", lambda: ft.stft(X[None], 4)),
    (ValueError, "do not fit into 11", lambda: ft.stft(X, 12, center=False)),
    (ValueError, "leave onesided out", lambda: ft.stft(X + 0j, 4, onesided=True)),
    (ValueError, "hop_length 0 is 1 at least", lambda: ft.stft(X, 4, 0)),
    (ValueError, "a window of that length", lambda: ft.stft(X, 4, window=np.ones(3))),
    (ValueError, "takes complex numbers of shape .N, 3 frequencies", lambda: ft.istft(X + 0j, 4)),
    (ValueError, "windows leave elements out", lambda: ft.istft(ft.stft(X, 4), 4, 4, window=ft.hann_window(4))),
    (ValueError, "instance_norm at .* needs running_mean", lambda: F.instance_norm(X[None], use_input_stats=False)),
    (TypeError, "instance_norm at .* to be Tensors", lambda: F.instance_norm(X[None], np.zeros(2))),
]


@pytest.mark.parametrize(("error", "message", "call"), REFUSED)
def test_errors_teach(error: type[Exception], message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error, match=message):
        call()
