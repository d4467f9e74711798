"""Schedules: saving, combining, warnings, errors. Their numbers are compared with PyTorch's in test_reference.py."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import pytest

import functorch_lite as ft
from functorch_lite import optim
from functorch_lite.optim import lr_scheduler


class Halving:
    """A schedule with a state."""

    def __init__(self, power: float) -> None:
        self.power = power

    def __call__(self, epoch: int) -> float:
        return float(0.5 ** (self.power * epoch))


def made(**options: Any) -> Any:
    return optim.SGD([ft.tensor([1.0], requires_grad=True)], lr=0.1, **options)


def go(optimizer: Any, scheduler: Any, epochs: int) -> list[float]:
    lrs = []
    for _ in range(epochs):
        optimizer.step()
        scheduler.step(*([1.0] if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau) else []))
        lrs += scheduler.get_last_lr()
    return lrs


SCHEDULES: list[Any] = [
    lambda o: lr_scheduler.LambdaLR(o, Halving(1.0)),
    lambda o: lr_scheduler.MultiplicativeLR(o, lambda epoch: 0.5),
    lambda o: lr_scheduler.StepLR(o, 2),
    lambda o: lr_scheduler.MultiStepLR(o, [2, 4, 5]),
    lambda o: lr_scheduler.ExponentialLR(o, 0.5),
    lambda o: lr_scheduler.ConstantLR(o),
    lambda o: lr_scheduler.LinearLR(o),
    lambda o: lr_scheduler.CosineAnnealingLR(o, 4),
    lambda o: lr_scheduler.OneCycleLR(o, 1.0, 10),
    lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=1),
    lambda o: lr_scheduler.PolynomialLR(o),
    lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2),
    lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, 2, mode="triangular2"),
    lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.LinearLR(o), lr_scheduler.ExponentialLR(o, 0.5)], [4]),
    lambda o: lr_scheduler.ChainedScheduler([lr_scheduler.StepLR(o, 2), lr_scheduler.ExponentialLR(o, 0.5)]),
]


@pytest.mark.parametrize("make", SCHEDULES)
def test_saved_and_loaded_it_goes_on_as_before(make: Any) -> None:
    first = made()
    scheduler = make(first)
    go(first, scheduler, 3)
    saved = pickle.loads(pickle.dumps((first.state_dict(), scheduler.state_dict())))
    second = made()
    other = make(second)
    second.load_state_dict(saved[0])
    other.load_state_dict(saved[1])
    assert go(first, scheduler, 4) == go(second, other, 4)


def test_the_state_of_a_callable_is_saved() -> None:
    scheduler = lr_scheduler.LambdaLR(made(), Halving(3.0))
    other = lr_scheduler.LambdaLR(made(), Halving(1.0))
    other.load_state_dict(scheduler.state_dict())
    assert other.lr_lambdas[0].power == 3.0  # type: ignore[attr-defined]


def test_a_product_of_functions() -> None:
    optimizer = made()
    assert go(optimizer, lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: epoch), 3) == [0.1, 0.2, 0.2 * 3]


def test_schedules_that_multiply_combine() -> None:
    optimizer = made()
    schedulers = [lr_scheduler.ExponentialLR(optimizer, 0.5), lr_scheduler.StepLR(optimizer, 2, 0.1)]
    optimizer.step()
    for _ in range(2):
        for scheduler in schedulers:
            scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.25 * 0.1)  # rounding only


def test_going_on_from_an_epoch() -> None:
    optimizer = made()
    go(optimizer, lr_scheduler.ExponentialLR(optimizer, 0.5), 2)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5, last_epoch=2)
    assert scheduler.base_lrs == [0.1]
    assert scheduler.get_last_lr() == [0.025]
    with pytest.raises(KeyError, match="initial_lr"):
        lr_scheduler.StepLR(made(), 2, last_epoch=2)


def test_the_wrong_order_of_steps_is_warned_of() -> None:
    optimizer = made()
    scheduler = lr_scheduler.StepLR(optimizer, 2)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        go(made(), lr_scheduler.StepLR(optimizer, 2), 0)
        optimizer.step()
        lr_scheduler.StepLR(optimizer, 2).step()


def test_a_group_that_is_added_later_is_reduced_too() -> None:
    optimizer = made()
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
    optimizer.add_param_group({"params": ft.tensor([1.0], requires_grad=True), "lr": 1.0})
    scheduler.step(1.0)
    scheduler.step(ft.tensor(2.0))
    assert scheduler.get_last_lr() == [0.05, 0.5]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: lr_scheduler.ConstantLR(o, factor=2.0), "Constant multiplicative factor"),
        (lambda o: lr_scheduler.LinearLR(o, start_factor=0.0), "Starting multiplicative factor"),
        (lambda o: lr_scheduler.LinearLR(o, end_factor=1.5), "Ending multiplicative factor"),
        (
            lambda o: lr_scheduler.LambdaLR(o, [Halving(1.0), Halving(2.0)]),
            "lr_lambda has 2 values, but the optimizer has 1",
        ),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1.0), "Factor should be < 1.0"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, mode="least"), "mode least is unknown"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, threshold_mode="x"), "threshold mode x is unknown"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, min_lr=[1, 2]), "min_lr has 2 values"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0), "You must define either total_steps"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=0), "Expected positive integer total_steps"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0, 10, pct_start=2.0), "Expected float between 0 and 1 pct_start"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0, 10, anneal_strategy="sin"), "anneal_strategy must be one of"),
        (
            lambda o: lr_scheduler.OneCycleLR(optim.Adagrad(o.param_groups[0]["params"]), 1.0, 10),
            "must support momentum",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(made())


@pytest.mark.parametrize("kind", [lr_scheduler.ExponentialLR, lr_scheduler.OneCycleLR, lr_scheduler.ReduceLROnPlateau])
def test_what_is_no_optimizer_is_refused(kind: Any) -> None:
    with pytest.raises(TypeError, match="list is not an Optimizer"):
        kind([], *([0.5] if kind is not lr_scheduler.ReduceLROnPlateau else []))


def test_too_many_steps_are_refused() -> None:
    optimizer = made()
    scheduler = lr_scheduler.OneCycleLR(optimizer, 1.0, 3)
    go(optimizer, scheduler, 3)
    with pytest.raises(ValueError, match="Tried to step 4 times"):
        scheduler.step()


# Numbers of PyTorch 2.15.


def test_warm_restarts_go_to_an_epoch_that_is_given() -> None:
    optimizer = made()
    scheduler = lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 2, T_mult=2)
    lrs = []
    for epoch in (0.5, 1.25, 2.5, 5.0, 7.0):
        optimizer.step()
        scheduler.step(epoch)
        lrs.append((round(scheduler.get_last_lr()[0], 12), scheduler.T_i, scheduler.last_epoch))
    assert lrs == [
        (0.085355339059, 2, 0),
        (0.030865828382, 2, 1),
        (0.096193976626, 4, 2),
        (0.014644660941, 4, 5),
        (0.096193976626, 8, 7),
    ]
    with pytest.raises(ValueError, match="non-negative epoch"):
        scheduler.step(-1)


def test_a_cycle_scaled_by_a_function() -> None:
    optimizer = made(momentum=0.5)
    scheduler = lr_scheduler.CyclicLR(
        optimizer, 0.0, 1.0, 2, scale_fn=lambda step: 1.0 / (1.0 + step), scale_mode="iterations"
    )
    assert go(optimizer, scheduler, 4) == [0.25, 1 / 3, 0.125, 0.0]
    assert optimizer.param_groups[0]["momentum"] == 0.9


@pytest.mark.parametrize(
    ("message", "make"),
    [
        ("number of schedulers 2 and the number of milestones", lambda o, p: lr_scheduler.SequentialLR(o, p, [])),
        ("belong to the same optimizer", lambda o, p: lr_scheduler.SequentialLR(made(), p, [2])),
        ("at least one scheduler", lambda o, p: lr_scheduler.ChainedScheduler([])),
        ("at index 1 has another", lambda o, p: lr_scheduler.ChainedScheduler([p[0], lr_scheduler.StepLR(made(), 1)])),
        ("Expected integer T_0 >= 1, but got 0", lambda o, p: lr_scheduler.CosineAnnealingWarmRestarts(o, 0)),
        ("mode is invalid", lambda o, p: lr_scheduler.CyclicLR(o, 0.1, 0.2, mode="square")),
        (
            "must support momentum",
            lambda o, p: lr_scheduler.CyclicLR(optim.Adagrad([ft.tensor(1.0, requires_grad=True)]), 0.1, 0.2),
        ),
    ],
)
def test_combinations_that_do_not_fit(message: str, make: Any) -> None:
    optimizer = made()
    parts = [lr_scheduler.StepLR(optimizer, 1), lr_scheduler.ExponentialLR(optimizer, 0.5)]
    with pytest.raises(ValueError, match=message):
        make(optimizer, parts)
