"""The errors of the house say where in the user's program they happened."""

from __future__ import annotations

import ast
import operator
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.numpy as fnp
from functorch_lite.core.errors import EscapedTracerError, TracerConversionError, user_line


def test_user_line_names_file_line_and_function() -> None:
    def residual() -> str:
        return user_line()

    line = residual.__code__.co_firstlineno + 1
    assert residual() == f"test_errors.py:{line}, in residual"


def test_user_line_passes_over_generated_code() -> None:
    scope: dict[str, Any] = {"user_line": user_line}
    exec(compile("def generated(): return user_line()", "<string>", "exec"), scope)
    assert re.fullmatch(r"test_errors\.py:\d+, in test_user_line_passes_over_generated_code", scope["generated"]())


def test_user_line_passes_over_numpy() -> None:
    def kernel(x: Any) -> Any:
        return float(x)

    with pytest.raises(TracerConversionError, match=r"at test_errors\.py:\d+, in kernel"):
        ft.grad(lambda x: np.sum(np.vectorize(kernel)(x)))(np.ones(2))
    with pytest.raises(TracerConversionError, match=r"at test_errors\.py:\d+, in <lambda>"):
        ft.grad(lambda x: np.sum(np.ma.array(x, dtype=float)))(np.ones(2))


def names_in_messages(module: Any) -> set[str]:
    """Return the names ``ft.…``, ``fnp.…`` and ``np.…`` in the strings of a package that are no docstrings."""
    names: set[str] = set()
    for path in Path(module.__file__).parent.rglob("*.py"):
        syntax = ast.parse(path.read_text())
        documentation = {
            ast.get_docstring(node, clean=False)
            for node in ast.walk(syntax)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        }
        for node in ast.walk(syntax):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in documentation:
                names.update(re.findall(r"\b(?:ft|fnp|np)\.[a-z_]+[a-z_.0-9]*\w", node.value))
    return names


def test_every_name_that_a_message_recommends_exists() -> None:
    names = names_in_messages(ft)
    assert len(names) > 20
    missing = set()
    for name in names:
        try:
            operator.attrgetter(name.partition(".")[2])({"ft": ft, "fnp": fnp, "np": np}[name.partition(".")[0]])
        except AttributeError:
            missing.add(name)
    assert not missing


def test_the_errors_are_of_the_kinds_that_python_programs_catch() -> None:
    assert issubclass(TracerConversionError, TypeError)
    assert issubclass(EscapedTracerError, RuntimeError)
