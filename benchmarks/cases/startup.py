"""What starting costs: importing the package, and the first gradient in a fresh process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import functorch_lite as ft
from timing import Table, interleaved

PEERS = ("autograd", "torch", "jax")
RUNS = 9

#: Prints the seconds of the first gradient and of the second, after all imports.
FIRST_GRADIENT = """
from time import perf_counter
import numpy as np
import functorch_lite as ft
x = np.ones(10)
start = perf_counter()
ft.grad(lambda x: np.sum(np.sin(x * 0.9)))(x)
middle = perf_counter()
ft.grad(lambda x: np.sum(np.sin(x * 0.9)))(x)
print(middle - start, perf_counter() - middle)
"""


def python(program: str) -> str:
    """Run a program in a fresh interpreter that finds the package where this one did.

    Installed packages come compiled, so this one is compiled too, into a folder of the benchmark's own.
    """
    root = str(Path(ft.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir()) / "functorch_lite-benchmark-bytecode")
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def measure(seconds: float) -> list[Table]:
    return [_imports(seconds), _first_gradient()]


def _imports(seconds: float) -> Table:
    modules = ["numpy", "functorch_lite", *filter(find_spec, PEERS)]
    programs = {"": "pass", **{name: f"import {name}" for name in modules}}
    timings = interleaved({name: partial(python, program) for name, program in programs.items()}, 4 * seconds, least=5)
    empty = timings.pop("")

    def net(name: str) -> tuple[float, float]:
        """The seconds beyond an empty program's: of the best rounds, and the median of the rounds' own."""
        own = (a - b for a, b in zip(timings[name].rounds, empty.rounds, strict=True))
        return timings[name].best - empty.best, median(own)

    unit = net("numpy")
    rows = [(name, 1e3 * net(name)[0], *(t / one for t, one in zip(net(name), unit, strict=True))) for name in timings]
    note = "A fresh process each, less the interpreter's own start. The package's import includes NumPy's."
    return Table("Importing", ("import", "best ms", "× best", "× median"), rows, note)


def _first_gradient() -> Table:
    runs = [[float(word) for word in python(FIRST_GRADIENT).split()] for _ in range(RUNS)]
    rows = [
        (name, 1e3 * min(times), 1e3 * median(times))
        for name, times in zip(("first", "second"), zip(*runs, strict=True), strict=True)
    ]
    return Table("The first gradient in a fresh process, after the import", ("gradient", "best ms", "median ms"), rows)
