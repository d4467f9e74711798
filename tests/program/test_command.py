"""The command ``python -m functorch_lite show``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from functorch_lite.program.command import main
from functorch_lite.program.program import Program

MODEL = """
import numpy as np
from beside import scale

rate = 3.0

def loss(w, t):
    return np.sum(np.sin(w) * scale) * t

def broken(w):
    raise KeyError("lost")
"""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "beside.py").write_text("scale = 2.0\n")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return str(tmp_path / "model.py")


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["show", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("transform", "args"),
    [
        ("grad", "np.ones(3), 2.0"),
        ("value_and_grad", "np.ones(3), 2.0"),
        ("jacfwd", "np.ones(3), 2.0"),
        ("jacrev", "np.ones(3), 2.0"),
        ("hessian", "np.ones(3), 2.0"),
        ("jvp", "np.ones(3), 2.0"),
        ("vmap", "np.ones((4, 3)), np.ones(4)"),
    ],
)
@pytest.mark.parametrize("form", ["source", "program", "dot", "cost"])
def test_each_transformation_is_shown_in_each_form(
    model: str, capsys: pytest.CaptureFixture[str], transform: str, args: str, form: str
) -> None:
    text = shown(capsys, f"{model}:loss", "--args", args, "--transform", transform, "--as", form)
    beginnings = {"source": '"""The function', "program": "program", "dot": "digraph", "cost": "operations"}
    assert text.startswith(beginnings[form])


def test_the_gradient_is_shown_as_numpy_with_the_functions_own_names(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    namespace: dict[str, Any] = {}
    exec(shown(capsys, f"{model}:loss", "--args", "np.zeros(3), 5.0", "--transform", "grad"), namespace)
    loss = namespace["loss"]
    assert loss.__code__.co_varnames[:2] == ("w", "t")
    np.testing.assert_array_equal(loss(np.zeros(3), 5.0), np.full(3, 10.0))


def test_the_raw_program_is_what_was_recorded(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    args = [f"{model}:loss", "--args", "np.ones(3), 2.0", "--transform", "grad", "--as", "program"]
    raw, short = (Program.parse(shown(capsys, *args, *more)) for more in (["--raw"], []))
    x = np.array([0.1, 0.2, 0.3])
    assert len(raw) > len(short)
    np.testing.assert_allclose(raw(x, 2.0)[0], short(x, 2.0)[0], rtol=1e-15)


def test_a_module_is_found_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert "np.cos(x)" in shown(capsys, "numpy:sin", "--args", "1.0", "--transform", "grad")


@pytest.mark.parametrize(
    ("function", "args", "message"),
    [
        ("loss", "1.0", "write module:function"),
        (":loss", "1.0", "write module:function"),
        ("numpy:sin.foo", "1.0", "numpy.sin has no 'foo'; it has accumulate, at"),
        ("numpy:linalg.foo", "1.0", "numpy.linalg has no 'foo'; it has "),
        ("nowhere.py:loss", "1.0", "no file nowhere.py"),
        ("no_such_module:loss", "1.0", "could not be imported: ModuleNotFoundError"),
        ("{model}:lost", "1.0", "it has loss, broken"),
        ("{model}:rate", "1.0", "is a float, not a function"),
        ("{model}:loss", "np.zeros(", "--args 'np.zeros(3), 2.0'"),
        ("{model}:loss", "1.0", "TypeError"),
        ("{model}:broken", "1.0", "KeyError: 'lost'"),
    ],
)
def test_what_cannot_be_done_is_said(
    model: str, capsys: pytest.CaptureFixture[str], function: str, args: str, message: str
) -> None:
    assert main(["show", function.format(model=model), "--args", args]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert not captured.out


def test_it_runs_as_a_module(model: str) -> None:
    command = [sys.executable, "-m", "functorch_lite", "show"]
    words = [f"{model}:loss", "--args", "np.ones(3), 2.0", "--as", "cost"]
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root}
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "peak bytes" in done.stdout
