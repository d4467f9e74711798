"""Signal processing: SciPy's values, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.signal

import functorch_lite as ft
from functorch_lite.scipy import signal
from tests.samples.sample import random

X, Y, Z = random(9), random(4, seed=1), random(5, 6)
PATCH = random(2, 3, seed=2)
B, A = np.array([0.5, 0.2, 0.1]), np.array([1.5, -0.4, 0.2, 0.1])


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve", "oaconvolve"])
@pytest.mark.parametrize(
    ("x", "y"), [(X, Y), (Y, X), (X, X), (Z, PATCH), (PATCH, Z), (X + 1j, Y - 2j), (Y - 2j, X + 1j)]
)
def test_convolution_is_scipys(name: str, mode: str, x: Any, y: Any) -> None:
    expected = getattr(scipy.signal, name)(x, y, mode)
    # One may sum by Fourier transforms what the other sums directly.
    np.testing.assert_allclose(getattr(signal, name)(x, y, mode), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm"])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
@pytest.mark.parametrize(
    ("x", "y"),  # not complex ones that change places, of which SciPy conjugates the first
    [(Z, PATCH), (Z, PATCH[:, :2]), (PATCH, Z), (Z, Z), (Z + 1j, PATCH - 2j)],
)
def test_convolution_of_images_is_scipys(name: str, mode: str, boundary: str, x: Any, y: Any) -> None:
    expected = getattr(scipy.signal, name)(x, y, mode, boundary, 0.7)
    np.testing.assert_allclose(getattr(signal, name)(x, y, mode, boundary, 0.7), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("axes", [0, 1, -1, (0, 1), (1,), None])
def test_convolution_along_axes_is_scipys(axes: Any) -> None:
    y = PATCH if axes in ((0, 1), None) else PATCH[:1] if axes != 0 else PATCH[:, :1]
    expected = scipy.signal.fftconvolve(Z, y, "same", axes)
    np.testing.assert_allclose(signal.fftconvolve(Z, y, "same", axes), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.lfilter(B, A, X),
        lambda m: m.lfilter(A, B, Z, axis=0),
        lambda m: m.lfilter([0.5], 2.0, X),
        lambda m: m.lfilter(B, A, X, zi=np.ones(3)),
        lambda m: m.lfilter(A, B, X[:2], zi=np.arange(3.0)),
        lambda m: m.lfilter(B, A, Z, axis=0, zi=np.ones((3, 6))),
        lambda m: m.sosfilt(np.array([[1.0, 2, 3, 1, 0.2, 0.1], [1.0, 0, 1, 1, 0.1, 0.3]]), Z),
        lambda m: m.detrend(X),
        lambda m: m.detrend(Z, 0, bp=[2]),
        lambda m: m.detrend(Z, type="constant"),
        lambda m: m.savgol_filter(X, 5, 2),
        lambda m: m.savgol_filter(X, 4, 2),
        lambda m: m.savgol_filter(Z, 3, 1, 1, 0.5, 0),
        lambda m: m.savgol_filter(X, 5, 2, mode="mirror"),
        lambda m: m.savgol_filter(X, 5, 2, mode="constant", cval=2.0),
        lambda m: m.savgol_filter(X, 5, 2, mode="nearest"),
        lambda m: m.savgol_filter(X, 5, 2, mode="wrap"),
        lambda m: m.detrend(np.array([1, 5, 2, 9, 3])),
        lambda m: m.savgol_filter(np.arange(9) ** 2 % 7, 5, 2),
        lambda m: m.savgol_filter(np.arange(9) ** 2 % 7, 5, 2, mode="mirror"),
        lambda m: m.hilbert(X),
        lambda m: m.lfilter_zi(B, A),
        lambda m: m.lfilter_zi(A, B),
        lambda m: m.sosfilt_zi(np.array([[1.0, 2, 3, 1, 0.2, 0.1], [1.0, 0, 1, 1, 0.1, 0.3]])),
        lambda m: m.filtfilt(B[:2], A[:2], X),
        lambda m: m.filtfilt(B, A, Z, 0, padlen=3),
        lambda m: m.filtfilt(B, A, Z, padtype="even", padlen=2),
        lambda m: m.filtfilt(B, A, Z, padtype="constant", padlen=5),
        lambda m: m.filtfilt(B, A, X, padtype=None),
        lambda m: m.sosfiltfilt(np.array([[1.0, 2, 0, 1, 0.2, 0], [1.0, 0, 1, 1, 0.1, 0.3]]), np.tile(X, 3)),
        lambda m: m.sosfiltfilt(np.array([[1.0, 2, 3, 1, 0.2, 0.1]]), Z, 0, "even", 2),
        lambda m: m.periodogram(X),
        lambda m: m.periodogram(X, 2.0, "hann", 16, False, True, "spectrum"),
        lambda m: m.periodogram(Z, nfft=4, axis=0),
        lambda m: m.periodogram(X + 1j * X**2),
        lambda m: m.welch(np.tile(X, 60)),
        lambda m: m.welch(X, nperseg=4, noverlap=1, nfft=7, detrend="linear"),
        lambda m: m.welch(np.tile(X, 3), window=np.arange(1.0, 5.0), return_onesided=False),
        lambda m: m.welch(np.tile(X, 3), nperseg=4, average="median", detrend=lambda s: s - 1.0),
        lambda m: m.csd(X, X[::-1], nperseg=4),
        lambda m: m.csd(Z, Z**2, 3.0, ("tukey", 0.5), 4, axis=0, average="median"),
        lambda m: m.hilbert(Z, 7, 0),
        lambda m: m.hilbert(Z, 4),
    ],
)
def test_filter_is_scipys(call: Any) -> None:
    ours, theirs = call(signal), call(scipy.signal)
    for a, b in zip(*((y if isinstance(y, tuple) else (y,)) for y in (ours, theirs)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


FIR = np.ones(5) / 5
SECTIONS = np.array([[1.0, 0.5, 0.2, 1.0, -0.3, 0.1]])
CAUSAL = {
    "lfilter": lambda m, x: m.lfilter(FIR, [1.0, -0.5], x),
    "lfilter zi": lambda m, x: m.lfilter(FIR, [1.0, -0.5], x, zi=np.ones((*x.shape[:-1], 4)))[0],
    "lfilter with many taps": lambda m, x: m.lfilter(np.ones(500), [1.0], x),
    "sosfilt": lambda m, x: m.sosfilt(SECTIONS, x),
}


@pytest.mark.parametrize("f", CAUSAL.values(), ids=CAUSAL)
@pytest.mark.parametrize("shape", [(4000,), (2, 400), (2, 3, 40)])
def test_a_causal_filter_does_not_see_the_future(f: Any, shape: tuple[int, ...]) -> None:
    """Sums by Fourier transforms would spread a NaN, or the rounding errors of a large number, over the signal."""
    x = np.ones(shape)
    x[..., -1] = np.nan
    expected = f(scipy.signal, x)
    np.testing.assert_allclose(f(signal, x), expected, rtol=1e-14)
    if len(shape) == 2:
        np.testing.assert_allclose(ft.vmap(lambda x: f(signal, x))(x), expected, rtol=1e-14)
    slopes = ft.jvp(lambda x: f(signal, x), (np.ones(shape),), (x,))[1]
    np.testing.assert_array_equal(np.isnan(slopes), np.isnan(x))
    cotangent = np.ones(shape)
    cotangent[..., 0] = np.nan
    back = ft.vjp(lambda x: f(signal, x), np.ones(shape))[1](cotangent)[0]
    assert np.isnan(back[..., 0]).all()
    assert np.isfinite(back[..., 1:]).all()


def test_the_cotangents_of_coefficients_are_those_of_the_rows() -> None:
    x, g = random(2, 40), random(2, 40, seed=3)
    together = ft.vjp(lambda b, a: signal.lfilter(b, a, x), FIR, A)[1](g)
    alone = [ft.vjp(lambda b, a, row=row: signal.lfilter(b, a, row), FIR, A)[1](c) for row, c in zip(x, g, strict=True)]
    for whole, parts in zip(together, zip(*alone, strict=True), strict=True):
        np.testing.assert_allclose(whole, sum(parts), rtol=1e-13)


def test_a_large_number_costs_no_digits_where_the_window_does_not_reach_it() -> None:
    x = np.ones((2, 400))
    x[:, 0] = 1e18
    for name, f in CAUSAL.items():
        np.testing.assert_allclose(f(signal, x), f(scipy.signal, x), rtol=1e-12, err_msg=name)
    smooth = signal.savgol_filter(x, 11, 2)
    np.testing.assert_allclose(smooth[:, 11:], 1.0, rtol=1e-13)


METHOD_CASES = [
    (X, Y),
    (Y, X),
    (Z, PATCH),
    (X + 1j, Y),
    (np.arange(9), np.arange(4)),
    (random(60), random(30, seed=1)),
    (random(60), random(60, seed=1)),
]


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("method", ["direct", "fft", "auto"])
@pytest.mark.parametrize(("x", "y"), METHOD_CASES)
def test_the_method_is_kept_under_vmap(x: Any, y: Any, mode: str, method: str) -> None:
    many, others = np.stack([x, 2 * x, -x]), np.stack([y, 3 * y, y])
    expected = [scipy.signal.convolve(a, b, mode, method) for a, b in zip(many, others, strict=True)]
    actual = ft.vmap(lambda a, b: signal.convolve(a, b, mode, method))(many, others)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-13)
    assert actual.dtype == expected[0].dtype
    actual = ft.vmap(lambda a: signal.convolve(a, y, mode, method))(many)
    expected = [scipy.signal.convolve(a, y, mode, method) for a in many]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-13)


def test_direct_sums_under_vmap_multiply_no_padding() -> None:
    x = np.array([[1.0, np.inf, 2.0], [3.0, 4.0, 5.0]])
    expected = [scipy.signal.convolve(row, [0.5, np.inf], method="direct") for row in x]
    np.testing.assert_array_equal(ft.vmap(lambda x: signal.convolve(x, [0.5, np.inf], method="direct"))(x), expected)


def test_integers_are_filtered_as_numbers() -> None:
    b, a, x = np.array([1]), np.array([[2, 1], [4, 1]]), np.arange(5)
    expected = [scipy.signal.lfilter(b.astype(float), row.astype(float), x.astype(float)) for row in a]
    np.testing.assert_allclose(ft.vmap(lambda row: signal.lfilter(b, row, x))(a), expected, rtol=1e-15)


def test_the_impulse_response_differentiates_to_itself_delayed() -> None:
    """Of y[n] = c y[n-1] + x[n], an impulse gives cⁿ, and the derivative in c is n cⁿ⁻¹."""
    impulse = np.zeros(6)
    impulse[0] = 1.0
    slopes = ft.jacobian(lambda c: signal.lfilter([1.0], np.stack([1.0, -c]), impulse))(0.8)
    np.testing.assert_allclose(slopes, np.arange(6) * 0.8 ** (np.arange(6) - 1.0), rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: signal.convolve(x, Z), "same dimensionality"),
        (lambda x: signal.convolve(x, Y, mode="other"), "mode"),
        (lambda x: signal.fftconvolve(x[:, None] * np.ones(2), np.ones((20, 1)), "valid"), "every dimension"),
        (lambda x: signal.lfilter(Z, A, x), "vectors of coefficients"),
        (lambda x: signal.lfilter(B, A, x, zi=np.ones(2)), "zi must have length 3"),
        (lambda x: signal.sosfilt(PATCH, x), "n_sections"),
        (lambda x: signal.detrend(x, type="cubic"), "Trend type"),
        (lambda x: signal.detrend(x, bp=[30]), "Breakpoints"),
        (lambda x: signal.savgol_filter(x, 11, 2), "window_length"),
        (lambda x: signal.savgol_filter(x, 5, 2, mode="other"), "mode must be"),
        (lambda x: signal.hilbert(x + 1j), "real"),
        (lambda x: signal.hilbert(x, 0), "positive"),
    ],
)
def test_wrong_input_raises(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call(X)
    with pytest.raises(ValueError, match=words):
        ft.vjp(call, X)


@pytest.mark.parametrize("length", [3, 40])  # more filters than times, and fewer
def test_each_of_a_batch_has_a_filter_of_its_own(length: int) -> None:
    rng = np.random.default_rng(0)
    b, a, x = rng.normal(size=(5, 2)), 0.2 * rng.normal(size=(5, 3)) + [1.5, 0.0, 0.0], rng.normal(size=(5, 2, length))
    expected = np.stack([scipy.signal.lfilter(*each) for each in zip(b, a, x, strict=True)])
    np.testing.assert_allclose(ft.vmap(signal.lfilter)(b, a, x), expected, atol=1e-14)
    of_all = ft.vmap(ft.vmap(signal.lfilter, (None, 0, None)), (0, None, 0))(b, a, x)
    np.testing.assert_allclose(of_all[[*range(5)], [*range(5)]], expected, atol=1e-14)
    slopes = ft.vmap(ft.jacrev(signal.lfilter, 1))(b, a, x)
    each = [ft.jacrev(signal.lfilter, 1)(*each) for each in zip(b, a, x, strict=True)]
    np.testing.assert_allclose(slopes, each, atol=1e-13)


def test_a_filter_without_delays_has_no_state() -> None:
    assert signal.lfilter_zi([2.0], [4.0]).shape == (0,)
    np.testing.assert_allclose(signal.filtfilt([2.0], [4.0], X), X / 4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: signal.convolve2d(X, X), r"2-D arrays, not one of shape \(9,\)"),
        (lambda: signal.convolve2d(Z, PATCH, boundary="edge"), "not 'edge'"),
        (lambda: signal.correlate2d(Z, PATCH, "all"), "acceptable mode flags"),
        (lambda: signal.convolve2d(Z, np.ones((2, 9)), "valid"), "at least as large"),
        (lambda: signal.filtfilt(B, A, X), "must be longer than padlen, 12"),
        (lambda: signal.filtfilt(B, A, X, padtype="zero"), "not 'zero'"),
        (lambda: ft.vmap(signal.sosfiltfilt, (0, None))(np.ones((2, 1, 6)), X), "give the number: padlen="),
        (lambda: signal.lfilter_zi(Z, A), "vectors of coefficients"),
        (lambda: signal.sosfilt_zi(Z[:, :5]), "n_sections, 6"),
        (lambda: signal.csd(X, X[:4]), "lengths 9 and 4"),
        (lambda: signal.welch(X, nperseg=4, noverlap=4), "larger than noverlap=4"),
        (lambda: signal.welch(X, scaling="power"), "scaling is"),
        (lambda: signal.welch(X, window=np.ones(3), nperseg=4), "segments of 4 samples"),
    ],
)
def test_wrong_arguments_are_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
