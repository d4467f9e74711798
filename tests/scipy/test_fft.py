"""Fourier, cosine and sine transforms of SciPy: its values, inverses, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.fft

import functorch_lite as ft
from functorch_lite.scipy import fft
from tests.samples.sample import random

X, Z = random(5), random(3, 4)


@pytest.mark.parametrize("orthogonalize", [None, True, False])
@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
@pytest.mark.parametrize("type", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["dct", "idct", "dst", "idst"])
def test_trigonometric_transforms_are_scipys(name: str, type: int, norm: str | None, orthogonalize: Any) -> None:
    for x, n, axis in ((X, None, -1), (X, 7, 0), (X, 3, -1), (Z, None, 0), (X.astype(np.float32), 4, 0)):
        options = {"type": type, "n": n, "axis": axis, "norm": norm, "orthogonalize": orthogonalize}
        expected = getattr(scipy.fft, name)(x, **options)
        np.testing.assert_array_equal(getattr(fft, name)(x, **options), expected, strict=True)
        found = getattr(fft, name)(x * (1 - 2j), **options)
        np.testing.assert_allclose(found, expected * (1 - 2j), rtol=1e-6 if x.dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("axes", [None, 0, (1,), (1, 0)])
@pytest.mark.parametrize("name", ["dctn", "idctn", "dstn", "idstn"])
def test_trigonometric_transforms_of_several_axes_are_scipys(name: str, axes: Any) -> None:
    ours, theirs = getattr(fft, name), getattr(scipy.fft, name)
    np.testing.assert_allclose(ours(Z, 3, axes=axes, norm="ortho"), theirs(Z, 3, axes=axes, norm="ortho"), atol=1e-14)
    np.testing.assert_allclose(ours(Z, s=(5,)), theirs(Z, s=(5,)), atol=1e-14)
    np.testing.assert_allclose(ours(Z, s=[2, 6]), theirs(Z, s=[2, 6]), atol=1e-14)


@pytest.mark.parametrize(
    "name", [name for name in scipy.fft.__all__ if name in fft.__all__ and name.strip("ih2n") in ("fft", "rfft")]
)
@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
def test_fourier_transforms_are_scipys(name: str, norm: str | None) -> None:
    ours, theirs = getattr(fft, name), getattr(scipy.fft, name)
    several = name.endswith(("2", "n"))
    for options in ({}, {"s": (4, 3)}, {"axes": (1, 0)}) if several else ({}, {"n": 6}, {"axis": 0}):
        np.testing.assert_allclose(ours(Z, norm=norm, **options), theirs(Z, norm=norm, **options), atol=1e-14)
    assert ours(Z.astype(np.float32)).dtype == theirs(Z.astype(np.float32)).dtype
    if several and not name.endswith("2"):
        np.testing.assert_allclose(ours(np.stack([Z, Z]), (3,)), theirs(np.stack([Z, Z]), (3,)), atol=1e-14)


def test_transforms_of_nothing_but_examples_are_empty() -> None:
    assert ft.vmap(fft.dct)(np.zeros((0, 3))).shape == (0, 3)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="types 1, 2, 3 and 4, not 5"):
        fft.dct(X, 5)
    with pytest.raises(ValueError, match="Invalid norm value 'both'"):
        fft.dst(X, norm="both")
    with pytest.raises(ValueError, match="dct of type 1 needs 2 data points at least along an axis, not 1"):
        fft.dct(X, 1, n=1)
    with pytest.raises(ValueError, match="have to be of the same length"):
        fft.dctn(Z, s=(3,), axes=(0, 1))
    with pytest.raises(ValueError, match="must be unique"):
        fft.dctn(Z, axes=(0, -2))
    with pytest.raises(ValueError, match="Invalid norm value both"):
        fft.hfftn(Z, norm="both")
