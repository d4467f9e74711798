"""Compiled functions beside hand-written NumPy and jax.jit.

Run ``python benchmarks/jit.py``; ``--only mixture`` for one case; ``--threads 2`` for more threads than one. Read the
ratios: the unit of a table is straightforward hand-written NumPy, measured in the same rounds.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module

CASES = ("chain", "regression", "options", "mixture", "networks", "recurrence", "first_call")
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=CASES, action="append", help="measure this case only (may be repeated)")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each table, about (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of everybody (default: 1)")
    parser.add_argument("--alone", action="store_true", help="leave out jax")
    arguments = parser.parse_args()
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(arguments.threads)))
    if arguments.threads == 1:
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if arguments.alone:
        sys.modules["jax"] = None  # type: ignore[assignment]
    compiled = import_module("cases.compiled")  # imports NumPy, which reads the number of threads then
    for name in arguments.only or CASES:
        for table in getattr(compiled, name)(arguments.seconds):
            print(f"\n{table}", flush=True)


if __name__ == "__main__":
    main()
