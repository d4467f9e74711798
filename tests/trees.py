"""Results that are trees, compared."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite import tree


def assert_same_tree(found: Any, expected: Any, rtol: float, atol: float) -> None:
    """Assert that two trees have one structure, and their leaves the same shapes and nearly the same values."""
    assert tree.structure(found) == tree.structure(expected)
    for a, b in zip(tree.leaves(found), tree.leaves(expected), strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
