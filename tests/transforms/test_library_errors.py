"""Errors inside NumPy and SciPy that stem from a traced value: they carry a note that says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.cluster.vq
import scipy.fft
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.optimize
import scipy.sparse
import scipy.special
import scipy.stats
from scipy.spatial.distance import cdist

import functorch_lite as ft

A = np.array([[3.0, 1.0], [0.0, 2.0]])
X = np.array([1.0, 2.0])

# What the note names, and a call inside the function of an array.
CALLS: list[tuple[str, Callable[[Any], Any]]] = [
    (r"scipy\.linalg\.solve_triangular.*ite\.scipy\.linalg", lambda x: scipy.linalg.solve_triangular(A, x)),
    (r"scipy\.linalg\.cho_factor", lambda x: scipy.linalg.cho_factor(A * x)[0]),
    (r"scipy\.special\.logsumexp .* functorch_lite\.scipy\.special", scipy.special.logsumexp),
    (r"scipy\.stats\.norm_gen\.logpdf .* functorch_lite\.scipy\.stats", scipy.stats.norm.logpdf),
    (r"scipy\.interpolate\.CubicSpline .* ft\.custom_jvp", lambda x: scipy.interpolate.CubicSpline([0.0, 1.0], x)(0.5)),
    (r"scipy\.ndimage\.gaussian_filter", lambda x: scipy.ndimage.gaussian_filter(x, 1.0)),
    (r"scipy\.sparse\.dia_array .* ft\.linalg\.sparse_matmul", lambda x: scipy.sparse.eye_array(2) @ x),
    (r"scipy\.integrate\.quad", lambda x: scipy.integrate.quad(lambda t: np.sin(t * x[0]), 0.0, 1.0)[0]),
    # Not brentq: its C code goes on with an error pending, which then takes the place of others.
    (r"scipy\.optimize\.nnls .* ft\.implicit_root", lambda x: scipy.optimize.nnls(A, x)[0]),
    (r"scipy\.fft\.dct .* functorch_lite\.scipy\.fft", scipy.fft.dct),
    (r"scipy\.spatial\.distance\.cdist .* functorch_lite\.scipy\.spatial", lambda x: cdist(x[None], x[None])),
    (r"scipy\.cluster\.vq\.whiten .*\. Compose it", lambda x: scipy.cluster.vq.whiten(x[None])),
    (r"numpy\.linalg\.inv .* fnp\.array", lambda x: np.linalg.inv(np.array([[x[0], 1.0], [0.0, x[1]]]))),
    (r"numpy\.mean .* fnp\.array", lambda x: np.mean(np.array([x[0], 1.0]))),
    (r"numpy\.mean .* fnp\.array", lambda x: np.array([x[0], 1.0]).mean()),
    (r"numpy\.std .* fnp\.array", lambda x: np.std([x[0], 1.0])),
    (r"numpy\.mean .* np\.asarray of", lambda x: np.mean(np.asarray(x))),
    (r"Traced numbers .* fnp\.array", lambda x: np.sum(np.exp(np.array([x[0], 1.0])))),
    (r"Traced numbers .* fnp\.array", lambda x: np.isnan(np.array([x[0], 1.0]))),
    (r"Traced numbers .* fnp\.array", lambda x: sum(np.nditer(x))),
    (r"numpy\.linalg\.solve .* fnp\.array", lambda x: np.linalg.solve([[x[0], 1.0], [0.0, x[1]]], [1.0, 2.0])),
]


# SciPy 1.18 warns of arrays of objects before it refuses them, and warnings are errors here.
@pytest.mark.filterwarnings("ignore:.*dtype=object:DeprecationWarning")
@pytest.mark.parametrize(("note", "function"), CALLS, ids=[c[0].split(" ")[0] for c in CALLS])
@pytest.mark.parametrize("transform", [ft.grad, ft.jacfwd, ft.jacrev])
def test_an_error_in_a_library_names_the_function_that_was_called(
    note: str, function: Callable[[Any], Any], transform: Any
) -> None:
    with pytest.raises((TypeError, ValueError, RuntimeError), match=r".") as caught:  # the libraries' own messages
        transform(function)(X)
    (found,) = caught.value.__notes__
    assert re.match(note, found), found


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sum(np.array([x[0], x[1]])) + int("two"),
        lambda x: np.sum(np.array([x[0], x[1]])) + np.ones(2) @ np.ones(3),
        lambda x: np.linalg.solve(A, np.ones(3)) + x,
        lambda x: float(np.vectorize(lambda a: int("two"))(x)[0]),
    ],
)
def test_other_errors_carry_no_note(function: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError, match=r"invalid literal|mismatch") as caught:
        ft.grad(function)(X)
    assert not hasattr(caught.value, "__notes__")
