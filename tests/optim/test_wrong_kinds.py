"""Hyper-parameters and states of the wrong kind raise, and are named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite import optim
from functorch_lite.optim import functional, lr_scheduler

KINDS = ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "RAdam", "Adamax", "Adadelta")


def sgd() -> Any:
    return optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=0.1)


@pytest.mark.parametrize("kind", [*KINDS, "LBFGS"])
@pytest.mark.parametrize("lr", ["a", None, [0.1]])
def test_learning_rates_are_numbers(kind: str, lr: Any) -> None:
    for make in (
        lambda: getattr(optim, kind)([ft.tensor(1.0, requires_grad=True)], lr=lr),
        lambda: getattr(functional, kind)(lr=lr),
    ):
        with pytest.raises(TypeError, match=r"Invalid learning rate: .* lr must be a number"):
            make()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda o: lr_scheduler.StepLR(o, "a"), TypeError, "step_size is a number of epochs, an int, not 'a'"),
        (lambda o: lr_scheduler.StepLR(o, 2.5), TypeError, r"step_size is .* not 2\.5"),
        (lambda o: lr_scheduler.StepLR(o, 0), ValueError, "at least one epoch, not 0"),
        (lambda o: lr_scheduler.MultiStepLR(o, "ab"), TypeError, "milestones are numbers of epochs, ints, not 'ab'"),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, "a"), TypeError, "T_max is a number of epochs, an int, not 'a'"),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 0), ValueError, "T_max must be at least one epoch, not 0"),
    ],
)
def test_schedules_name_what_is_wrong(make: Callable[[Any], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make(sgd())


@pytest.mark.parametrize("kind", KINDS)
def test_states_of_something_else(kind: str) -> None:
    optimizer, params = getattr(functional, kind)(), {"w": np.ones(2), "b": np.ones(3)}
    for state in ({}, None, {"exp_avg": params}, params):
        with pytest.raises(ValueError, match=rf"{kind}.update at test_wrong_kinds.* takes what init\(params\)"):
            optimizer.update(params, state, params)


def test_states_of_another_optimizer_or_other_parameters() -> None:
    params = {"w": np.ones(2), "b": np.ones(3)}
    with pytest.raises(ValueError, match=r"one with \['step'\]") as caught:
        functional.Adam().update(params, functional.SGD().init(params), params)
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(ValueError, match="for the same optimiser and parameters"):
        functional.Adam().update(params, functional.Adam().init({"b": np.ones(3)}), params)


def test_saved_states_of_something_else() -> None:
    optimizer = sgd()
    for schedule in (
        lr_scheduler.StepLR(optimizer, 2),
        lr_scheduler.LambdaLR(optimizer, lambda epoch: 1.0),
        lr_scheduler.ReduceLROnPlateau(optimizer),
    ):
        schedule.load_state_dict(schedule.state_dict())
        with pytest.raises(ValueError, match=r"load_state_dict takes what .* was given \[\]"):
            schedule.load_state_dict({})
    optimizer.load_state_dict(optimizer.state_dict())
    for state in ({}, {"state": {}}, None):
        with pytest.raises(ValueError, match=r"SGD.load_state_dict takes .* a dict with state, param_groups"):
            optimizer.load_state_dict(state)
