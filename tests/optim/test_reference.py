"""Both forms of every optimiser, and every schedule, give PyTorch's numbers at each step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite import optim
from tests.optim.problem import A, B, Y, Z, complex_loss, loss, rosenbrock, scheduler_of

REFERENCE: dict[str, Any] = json.loads(Path(__file__).with_name("reference.json").read_text())

#: Six steps multiply the last bit's difference (another order of the same operations) by far less than these allow. In
#: the first steps of Adam a gradient of 1e-3 is divided by itself, so that rounding does not shrink with the step.
TOLERANCES = {"float64": 1e-12, "complex128": 1e-12, "float32": 2e-6}

optimizers = pytest.mark.parametrize(
    "case", REFERENCE["optimizers"], ids=lambda c: f"{c['name']}-{c['dtype']}-{json.dumps(c['options'])}"
)


def start(dtype: str) -> list[Any]:
    return [np.array(Z, dtype)] if dtype.startswith("complex") else [np.array(A, dtype), np.array(B, dtype)]


def function(dtype: str) -> Any:
    return complex_loss if dtype.startswith("complex") else lambda a, b: loss(a, b, np.array(Y, dtype))


def assert_reached(parameters: list[Any], expected: list[float], dtype: str) -> None:
    flat = np.concatenate([np.ravel(p) for p in parameters])
    assert flat.dtype == dtype
    if dtype.startswith("complex"):
        flat = flat.view(np.float64)
    np.testing.assert_allclose(flat, expected, rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype])


@optimizers
def test_of_tensors(case: dict[str, Any]) -> None:
    dtype = case["dtype"]
    parameters = [ft.tensor(x, requires_grad=True) for x in start(dtype)]
    optimizer = getattr(optim, case["name"])(parameters, **case["options"])
    for step, expected in enumerate(case["steps"]):
        optimizer.zero_grad()
        function(dtype)(*parameters).backward()
        if step == 2:
            parameters[-1].grad = None
        optimizer.step()
        assert_reached([p.data for p in parameters], expected, dtype)


@optimizers
def test_functional(case: dict[str, Any]) -> None:
    dtype = case["dtype"]
    parameters = start(dtype)
    optimizer = getattr(optim.functional, case["name"])(**case["options"])
    states = [optimizer.init(p) for p in parameters]
    gradient = ft.grad(function(dtype), argnums=tuple(range(len(parameters))))
    for step, expected in enumerate(case["steps"]):
        # The gradient of a complex parameter is the conjugate of its steepest ascent.
        grads = [np.conj(g) for g in gradient(*parameters)]
        for i, g in enumerate(grads):
            if step != 2 or i < len(grads) - 1:
                parameters[i], states[i] = optimizer.update(g, states[i], parameters[i])
        assert_reached(parameters, expected, dtype)


lbfgs = pytest.mark.parametrize("case", REFERENCE["lbfgs"], ids=lambda c: json.dumps(c["options"]))

#: L-BFGS divides differences of close gradients, which magnifies the last bits; six steps keep eight digits.
LBFGS_TOLERANCE = 1e-8


@lbfgs
def test_lbfgs_of_tensors(case: dict[str, Any]) -> None:
    parameters = [ft.tensor(v, requires_grad=True) for v in (-1.2, 1.0)]
    optimizer = optim.LBFGS(parameters, **case["options"])

    def closure() -> Any:
        optimizer.zero_grad()
        value = rosenbrock(*parameters)
        value.backward()
        return value

    for expected in case["steps"]:
        first = optimizer.step(closure).item()
        state = optimizer.state[parameters[0]]
        assert (state["n_iter"], state["func_evals"]) == (expected["n_iter"], expected["func_evals"])
        reached = [first, *(p.item() for p in parameters)]
        np.testing.assert_allclose(reached, [expected["loss"], *expected["values"]], rtol=LBFGS_TOLERANCE)


@lbfgs
def test_lbfgs_functional(case: dict[str, Any]) -> None:
    optimizer = optim.functional.LBFGS(**case["options"])
    params: Any = {"x": -1.2, "y": 1.0}
    state = optimizer.init(params)
    for expected in case["steps"]:
        params, state = optimizer.update(ft.value_and_grad(lambda p: rosenbrock(**p)), state, params)
        assert (state["n_iter"], state["func_evals"]) == (expected["n_iter"], expected["func_evals"])
        np.testing.assert_allclose([params["x"], params["y"]], expected["values"], rtol=LBFGS_TOLERANCE)


def test_rosenbrock_by_adam() -> None:
    x, y = ft.tensor(-1.2, requires_grad=True), ft.tensor(1.0, requires_grad=True)
    optimizer = optim.Adam([x, y], lr=0.05)
    for expected in REFERENCE["rosenbrock"]:
        while x not in optimizer.state or optimizer.state[x]["step"] < expected["step"]:
            value = rosenbrock(x, y)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        # The valley leads the last bits of a thousand steps together; each division may differ in one.
        np.testing.assert_allclose([x.item(), y.item()], expected["values"], rtol=1e-9)
        np.testing.assert_allclose(value.item(), expected["loss"], rtol=1e-6)
    assert value.item() < 0.01
    np.testing.assert_allclose([x.item(), y.item()], [1.0, 1.0], atol=0.1)


@pytest.mark.parametrize("case", REFERENCE["schedulers"], ids=lambda c: f"{c['name']}-{json.dumps(c['options'])}")
def test_schedules(case: dict[str, Any]) -> None:
    groups = [{"params": [ft.tensor([0.0], requires_grad=True)]} for _ in range(2)]
    groups[1]["lr"] = 0.05  # type: ignore[assignment]
    more = {"momentum": 0.5} if case["optimizer"] == "SGD" else {}
    optimizer = getattr(optim, case["optimizer"])(groups, lr=0.1, **more)
    scheduler = scheduler_of(optim.lr_scheduler, case["name"], case["options"], optimizer)
    assert scheduler.get_last_lr() == case["lrs"][0]
    for metric, lrs, momentum in zip(REFERENCE["metrics"], case["lrs"][1:], case["momenta"], strict=False):
        group = optimizer.param_groups[0]
        assert (group["momentum"] if "momentum" in group else group["betas"][0]) == momentum
        optimizer.step()
        scheduler.step(*([metric] if case["name"] == "ReduceLROnPlateau" else []))
        assert scheduler.get_last_lr() == lrs  # the same operations on Python's numbers: equal to the last bit
        assert [g["lr"] for g in optimizer.param_groups] == lrs
