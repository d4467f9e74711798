"""Records what PyTorch does into reference.json beside this file: ``python -m tests.optim.record_reference``.

Not part of the tests, which read the recorded numbers only. Each entry holds the options, and the flat parameters after
each step, or the learning rates (and momenta) at each epoch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.optim.problem import A, B, Y, Z, complex_loss, loss, rosenbrock, scheduler_of

#: Only where the script runs: looking for doctests imports this module where there is no PyTorch.
torch: Any = import_module("torch") if __name__ == "__main__" else None

STEPS = 6
EPOCHS = 13

OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.01, "momentum": 0.5, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": [0.8, 0.9]}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.2, "eps": 1e-3}),
    ("Adam", {"lr": 0.1, "betas": [0.5, 0.6], "amsgrad": True}),
    ("Adam", {"lr": 0.1, "maximize": True, "weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.5, "amsgrad": True}),
    ("AdamW", {"lr": 0.1, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.8, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.05, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.05, "centered": True}),
    ("RMSprop", {"lr": 0.05, "centered": True, "momentum": 0.7, "maximize": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.5, "lr_decay": 0.1, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.5, "initial_accumulator_value": 0.3, "eps": 1e-3, "maximize": True}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.1, "betas": [0.8, 0.9], "weight_decay": 0.1, "momentum_decay": 0.5}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.5, "decoupled_weight_decay": True, "maximize": True}),
    ("RAdam", {}),
    ("RAdam", {"lr": 0.1, "betas": [0.8, 0.9], "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.1, "betas": [0.5, 0.9], "weight_decay": 0.5, "decoupled_weight_decay": True, "maximize": True}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.1, "betas": [0.8, 0.9], "weight_decay": 0.1, "eps": 1e-3, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
]

LBFGS: list[dict[str, Any]] = [
    {"lr": 0.2, "max_iter": 3},
    {"lr": 0.5, "max_iter": 4, "history_size": 2},
    {"max_iter": 4, "line_search_fn": "strong_wolfe"},
    {"max_iter": 6, "line_search_fn": "strong_wolfe", "history_size": 2, "max_eval": 9},
    {"lr": 0.01, "max_iter": 5, "line_search_fn": "strong_wolfe"},
    {"lr": 5.0, "max_iter": 3, "line_search_fn": "strong_wolfe"},
]

SCHEDULERS: list[tuple[str, dict[str, Any]]] = [
    ("StepLR", {"step_size": 3}),
    ("StepLR", {"step_size": 2, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [2, 5, 5, 9]}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.5, "total_iters": 4}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.25, "end_factor": 0.75, "total_iters": 8}),
    ("CosineAnnealingLR", {"T_max": 5}),
    ("CosineAnnealingLR", {"T_max": 4, "eta_min": 0.01}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 13}),
    ("OneCycleLR", {"max_lr": [1.0, 2.0], "epochs": 4, "steps_per_epoch": 4, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 13, "three_phase": True, "pct_start": 0.4, "div_factor": 5.0}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 13, "cycle_momentum": False}),
    ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5}),
    ("ReduceLROnPlateau", {"patience": 0, "cooldown": 2, "min_lr": [0.002, 0.01]}),
    ("ReduceLROnPlateau", {"mode": "max", "patience": 1, "threshold": 0.1, "threshold_mode": "abs"}),
    ("ReduceLROnPlateau", {"mode": "max", "patience": 1, "threshold": 0.1}),
    ("PolynomialLR", {}),
    ("PolynomialLR", {"total_iters": 8, "power": 2.0}),
    ("CosineAnnealingWarmRestarts", {"T_0": 4}),
    ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 2, "eta_min": 0.01}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4}),
    (
        "CyclicLR",
        {"base_lr": 0.01, "max_lr": [0.1, 0.2], "step_size_up": 2, "step_size_down": 3, "mode": "triangular2"},
    ),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3, "mode": "exp_range", "gamma": 0.9}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3, "cycle_momentum": False}),
    (
        "ChainedScheduler",
        {"schedulers": [("ConstantLR", {"factor": 0.5, "total_iters": 4}), ("ExponentialLR", {"gamma": 0.9})]},
    ),
    (
        "SequentialLR",
        {"schedulers": [("ConstantLR", {"factor": 0.5}), ("ExponentialLR", {"gamma": 0.9})], "milestones": [4]},
    ),
    (
        "SequentialLR",
        {
            "schedulers": [
                ("LinearLR", {"start_factor": 0.25, "total_iters": 3}),
                ("StepLR", {"step_size": 2, "gamma": 0.5}),
                ("CosineAnnealingLR", {"T_max": 4, "eta_min": 0.01}),
            ],
            "milestones": [3, 7],
        },
    ),
    (
        "SequentialLR",
        {
            "schedulers": [("PolynomialLR", {"power": 2.0}), ("CosineAnnealingWarmRestarts", {"T_0": 3})],
            "milestones": [5],
        },
    ),
]

#: What the plateau schedules look at.
METRICS = [3.0, 2.0, 2.5, 2.1, 2.0, 1.9, 1.9, 1.95, 1.8999, 1.9, 1.9, 1.0, 1.0]


def flat(parameters: list[Any]) -> list[float]:
    parts = [torch.view_as_real(p) if p.is_complex() else p for p in parameters]
    values: list[float] = torch.cat([p.detach().ravel() for p in parts]).tolist()
    return values


def steps(name: str, options: dict[str, Any], dtype: str) -> list[list[float]]:
    kind = getattr(torch, dtype)
    torch.set_default_dtype(torch.float64)  # else NAdam keeps a product in single precision
    if dtype.startswith("complex"):
        parameters, rest = [torch.tensor(Z, dtype=kind, requires_grad=True)], []
        compute: Any = complex_loss
    else:
        parameters = [torch.tensor(x, dtype=kind, requires_grad=True) for x in (A, B)]
        rest = [torch.tensor(Y, dtype=kind)]
        compute = loss
    optimizer = getattr(torch.optim, name)(parameters, **options)
    values = []
    for step in range(STEPS):
        optimizer.zero_grad()
        compute(*parameters, *rest).backward()
        if step == 2:  # a parameter without a gradient is left alone, and its state with it
            parameters[-1].grad = None
        optimizer.step()
        values.append(flat(parameters))
    return values


def lbfgs(options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    parameters = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (-1.2, 1.0)]
    optimizer: Any = torch.optim.LBFGS(parameters, **options)

    def closure() -> Any:
        optimizer.zero_grad()
        value: Any = rosenbrock(*parameters)
        value.backward()
        return value

    for _ in range(STEPS):
        first = optimizer.step(closure).item()
        state = optimizer.state[parameters[0]]
        yield {
            "loss": first,
            "values": [p.item() for p in parameters],
            "n_iter": state["n_iter"],
            "func_evals": state["func_evals"],
        }


def rosenbrock_by_adam() -> Iterator[dict[str, Any]]:
    parameters = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (-1.2, 1.0)]
    optimizer = torch.optim.Adam(parameters, lr=0.05)
    for step in range(1, 1001):
        value = rosenbrock(*parameters)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        if step % 200 == 0:
            yield {"step": step, "loss": value.item(), "values": [p.item() for p in parameters]}


def schedule(name: str, options: dict[str, Any], optimizer_name: str) -> dict[str, Any]:
    parameters = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    groups = [{"params": [parameters[0]]}, {"params": [parameters[1]], "lr": 0.05}]
    more = {"momentum": 0.5} if optimizer_name == "SGD" else {}
    optimizer = getattr(torch.optim, optimizer_name)(groups, lr=0.1, **more)
    scheduler = scheduler_of(torch.optim.lr_scheduler, name, options, optimizer)
    lrs, momenta = [scheduler.get_last_lr()], []
    for metric in METRICS[: EPOCHS - 1]:
        group = optimizer.param_groups[0]
        momenta.append(group["momentum"] if "momentum" in group else group["betas"][0])
        optimizer.step()
        scheduler.step(*([metric] if name == "ReduceLROnPlateau" else []))
        lrs.append(scheduler.get_last_lr())
    return {"name": name, "options": options, "optimizer": optimizer_name, "lrs": lrs, "momenta": momenta}


def lines(entries: Iterator[dict[str, Any]]) -> str:
    return ",\n".join(map(json.dumps, entries))


def cases() -> list[tuple[str, dict[str, Any], str]]:
    singles = [OPTIMIZERS[i] for i in (3, 9, 12, 18, 20, 23, 26, 29, 31)]
    others = [(name, options, dtype) for name, options in singles for dtype in ("float32", "complex128")]
    return [*((name, options, "float64") for name, options in OPTIMIZERS), *others]


def main() -> None:
    parts = {
        "optimizers": lines({"name": n, "options": o, "dtype": d, "steps": steps(n, o, d)} for n, o, d in cases()),
        "lbfgs": lines({"options": o, "steps": list(lbfgs(o))} for o in LBFGS),
        "rosenbrock": lines(rosenbrock_by_adam()),
        "schedulers": lines(schedule(n, o, "Adam" if i % 2 else "SGD") for i, (n, o) in enumerate(SCHEDULERS)),
        "metrics": ", ".join(map(str, METRICS)),
    }
    body = ",\n".join(f'"{name}": [\n{text}\n]' for name, text in parts.items())
    note = f"Recorded from PyTorch {torch.__version__} by record_reference.py; the function is in problem.py."
    path = Path(__file__).with_name("reference.json")
    path.write_text(f'{{"note": {json.dumps(note)},\n{body}\n}}\n')


if __name__ == "__main__":
    main()
