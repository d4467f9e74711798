"""The benchmarks run, and what they compare computes the same. What they measure is not judged here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("case", ["chain", "examples", "network", "matrices", "layers", "startup"])
def test_benchmark_runs(case: str) -> None:
    program = str(ROOT / "benchmarks" / "eager.py")
    command = [sys.executable, program, "--only", case, "--alone", "--seconds", "0.01", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tables = json.loads(done.stdout)["tables"]
    assert tables
    assert all(table["rows"] for table in tables)
