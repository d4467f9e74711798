"""Record what PyTorch makes of the rows: ``python -m tests.tensor.record_pytorch_values`` (with PyTorch installed).

The tests read what this wrote and need no PyTorch.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.tensor.pytorch_rows import CONSTANTS, INPUTS, ROWS, cotangents, names_in, outputs

#: Imported only where the values are recorded: the tests that read them do without.
torch: Any = import_module("torch") if __name__ == "__main__" else None

FILE = Path(__file__).with_name("pytorch_values.json")


def record(row: str) -> dict[str, Any]:
    """Return the values of a row, and the gradients of their weighted sum by the inputs that it names."""
    code = compile(row, row, "eval")
    names = names_in(code)
    tensors = {name: torch.tensor(x, requires_grad=name in INPUTS) for name, x in {**INPUTS, **CONSTANTS}.items()}
    namespaces = {"F": torch, "nn": torch.nn.functional, "sp": torch.special, "la": torch.linalg, "fft": torch.fft}
    results = outputs(eval(code, {**namespaces, **tensors}))
    results = [r if isinstance(r, torch.Tensor) else torch.tensor(r) for r in results]
    weights = cotangents([r.detach().numpy() for r in results])
    total = sum((r * torch.tensor(c)).sum() for r, c in zip(results, weights, strict=True) if r.requires_grad)
    gradients = [None] * len(names)
    if isinstance(total, torch.Tensor):
        gradients = torch.autograd.grad(total, [tensors[name] for name in names], allow_unused=True)
    return {
        "values": [r.tolist() for r in results],
        "gradients": {name: None if g is None else (g + 0).tolist() for name, g in zip(names, gradients, strict=True)},
    }


def _cholesky(x: Any, upper: bool = False) -> Any:
    """Do what PyTorch's method of this name did, which was removed."""
    return torch.linalg.cholesky(x, upper=upper)


if __name__ == "__main__":
    torch.Tensor.cholesky = _cholesky
    recorded = {row: record(row) for row in ROWS}
    lines = [f"{json.dumps(row)}: {json.dumps(values)}" for row, values in recorded.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"PyTorch {torch.__version__}: {len(recorded)} rows")
