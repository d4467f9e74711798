"""Functions are pickled by name, as Python's are: those that a factory makes too."""

from __future__ import annotations

import inspect
import pickle
from importlib import import_module

import pytest

from tests.test_docstrings import NAMESPACES


@pytest.mark.parametrize("path", NAMESPACES)
def test_public_functions_are_pickled_by_name(path: str) -> None:
    module = import_module(path)
    functions = [value for name in module.__all__ if inspect.isfunction(value := getattr(module, name))]
    assert [f.__qualname__ for f in functions if "<" in f.__qualname__] == []
    assert all(pickle.loads(pickle.dumps(f)) is f for f in functions)
