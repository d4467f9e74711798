"""Packages that are optional: imported when something needs them, with an error that says what and how to get them."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

__all__ = ["has_scipy", "scipy_module"]


def has_scipy() -> bool:
    """Say whether SciPy is there, without importing it."""
    try:
        return find_spec("scipy") is not None
    except (ImportError, ValueError):  # somebody keeps it from being imported
        return False


@cache
def scipy_module(name: str, user: str) -> Any:
    """Return a module of SciPy, ``"special"`` for instance, for a user whom the error names if there is no SciPy."""
    try:
        return import_module(f"scipy.{name}")
    except ImportError as error:
        raise ImportError(f"{user} needs SciPy: pip install 'functorch_lite[scipy]'") from error
