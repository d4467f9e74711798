"""Eager derivatives beside hand-written NumPy and the peers that are installed (autograd, torch, jax).

Run ``python benchmarks/eager.py``; ``--only chain`` for one case; ``--json`` for records. Read the ratios, not the
microseconds: the unit of a table is hand-written NumPy, measured in the same rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

CASES = ("chain", "examples", "network", "matrices", "tensors", "layers", "startup")
PEERS = ("autograd", "torch", "jax")

#: What the numerical libraries read, when they are imported, to choose their number of threads.
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=CASES, action="append", help="measure this case only (may be repeated)")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each table, about (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of the numerical libraries (default: 1; 0: their own)")
    parser.add_argument("--alone", action="store_true", help="leave out the peers")
    parser.add_argument("--json", action="store_true", help="print records instead of tables")
    arguments = parser.parse_args()
    if arguments.threads:
        _limit_threads(arguments.threads)
    if arguments.alone:
        sys.modules.update(dict.fromkeys(PEERS))  # None there is how Python is told that a module cannot be imported

    # The cases import NumPy, which reads the number of threads when it is imported: so they come after it is set.
    import_module("peers").use_threads(arguments.threads)
    tables = []
    if not arguments.json:
        print(", ".join(f"{name} {number}" for name, number in _versions().items()), flush=True)
    for name in arguments.only or CASES:
        for table in import_module(f"cases.{name}").measure(arguments.seconds):
            tables.append(table.as_dict())
            if not arguments.json:
                print(f"\n{table}", flush=True)
    if arguments.json:
        found = {"versions": _versions(), "threads": arguments.threads, "tables": tables}
        print(json.dumps(found, indent=1, ensure_ascii=False))


def _limit_threads(count: int) -> None:
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(count)))
    if count == 1:
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")


def _versions() -> dict[str, Any]:
    libraries = [name for name in ("numpy", *PEERS) if find_spec(name)]
    return {"Python": platform.python_version(), **{name: version(name) for name in libraries}}


if __name__ == "__main__":
    main()
