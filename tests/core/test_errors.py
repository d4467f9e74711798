"""The errors of the house say where in the user's program they happened."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
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


def test_the_errors_are_of_the_kinds_that_python_programs_catch() -> None:
    assert issubclass(TracerConversionError, TypeError)
    assert issubclass(EscapedTracerError, RuntimeError)
