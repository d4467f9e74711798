"""The object style: groups, states, saving, closures, errors."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite import optim
from tests.optim.problem import A, B, Y, loss, rosenbrock

KINDS: list[tuple[Any, dict[str, Any]]] = [
    (optim.SGD, {"lr": 0.1}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (optim.Adam, {"lr": 0.1, "amsgrad": True}),
    (optim.AdamW, {"lr": 0.1}),
    (optim.RMSprop, {"lr": 0.1, "momentum": 0.9, "centered": True}),
    (optim.Adagrad, {"lr": 0.1, "lr_decay": 0.1}),
    (optim.NAdam, {"lr": 0.1}),
    (optim.RAdam, {"lr": 0.1, "betas": (0.8, 0.9)}),
    (optim.Adamax, {"lr": 0.1}),
    (optim.Adadelta, {"eps": 1e-3}),
    (optim.LBFGS, {"max_iter": 2, "line_search_fn": "strong_wolfe"}),
]

every = pytest.mark.parametrize(("kind", "options"), KINDS, ids=lambda x: getattr(x, "__name__", str(x)))


def parameters() -> list[Any]:
    return [ft.tensor(x, requires_grad=True) for x in (A, B)]


def train(optimizer: Any, steps: int = 1) -> Any:
    params = [p for group in optimizer.param_groups for p in group["params"]]

    def closure() -> Any:
        optimizer.zero_grad()
        value = loss(params[0], params[1], np.array(Y))
        value.backward()
        return value

    for _ in range(steps):
        result = optimizer.step(closure)
    return result


@pytest.mark.parametrize("kind", dict.fromkeys(kind for kind, _ in KINDS))
def test_both_forms_have_the_same_hyper_parameters_and_defaults(kind: Any) -> None:
    def defaults(form: Any, *left_out: str) -> dict[str, Any]:
        return {p.name: p.default for p in inspect.signature(form).parameters.values() if p.name not in left_out}

    assert list(defaults(kind, "params", "choices").items()) == list(
        defaults(getattr(optim.functional, kind.__name__)).items()
    )


@every
def test_a_step_returns_what_the_closure_does(kind: Any, options: dict[str, Any]) -> None:
    assert train(kind(parameters(), **options)).item() == loss(np.array(A), np.array(B), np.array(Y))


@every
def test_aliases_see_the_new_values(kind: Any, options: dict[str, Any]) -> None:
    params = parameters()
    alias, memory = params[0].detach(), params[0].data
    train(kind(params, **options))
    assert params[0].data is memory
    assert not np.array_equal(memory, A)
    np.testing.assert_array_equal(alias.data, memory)
    assert params[0].is_leaf
    assert params[0].requires_grad


@every
def test_saved_and_loaded_it_goes_on_as_before(kind: Any, options: dict[str, Any]) -> None:
    optimizer = kind(parameters(), **options)
    train(optimizer, 3)
    saved = pickle.loads(pickle.dumps(optimizer.state_dict()))
    values = [p.data.copy() for p in optimizer.param_groups[0]["params"]]
    other = kind([ft.tensor(x, requires_grad=True) for x in values])
    other.load_state_dict(saved)
    train(optimizer, 3)
    train(other, 3)
    for p, q in zip(optimizer.param_groups[0]["params"], other.param_groups[0]["params"], strict=True):
        np.testing.assert_array_equal(p.data, q.data)


@every
def test_later_steps_do_not_change_what_was_saved(kind: Any, options: dict[str, Any]) -> None:
    optimizer = kind(parameters(), **options)
    train(optimizer)
    saved = optimizer.state_dict()
    before = pickle.dumps(saved)
    train(optimizer)
    assert pickle.dumps(saved) == before


@every
def test_a_copy_of_parameters_and_optimizer_goes_on_alone(kind: Any, options: dict[str, Any]) -> None:
    params = parameters()
    optimizer = kind(params, **options)
    train(optimizer)
    _, other = copy.deepcopy((params, optimizer))
    train(optimizer)
    train(other)
    for p, q in zip(params, other.param_groups[0]["params"], strict=True):
        assert p is not q
        np.testing.assert_array_equal(p.data, q.data)


@every
def test_it_is_freed_without_the_collector(kind: Any, options: dict[str, Any]) -> None:
    gc.disable()
    try:
        optimizer = kind(parameters(), **options)
        train(optimizer, 2)
        gone = weakref.ref(optimizer)
        del optimizer
        assert gone() is None
    finally:
        gc.enable()


@every
def test_it_prints_its_options(kind: Any, options: dict[str, Any]) -> None:
    text = repr(kind(parameters(), **options))
    assert text.startswith(f"{kind.__name__} (\nParameter Group 0\n")
    assert all(f"    {name}: {value}\n" in text for name, value in options.items())


def test_the_state_dict_is_laid_out_as_pytorchs() -> None:
    a, b = parameters()
    optimizer = optim.SGD([{"params": [a], "lr": 0.5}, {"params": b}], momentum=0.9)
    a.grad = ft.tensor(np.ones((2, 2)))
    optimizer.step()
    saved = optimizer.state_dict()
    assert list(saved) == ["state", "param_groups"]
    assert list(saved["state"]) == [0]
    np.testing.assert_array_equal(saved["state"][0]["momentum_buffer"], np.ones((2, 2)))
    assert [(g["params"], g["lr"], g["momentum"]) for g in saved["param_groups"]] == [([0], 0.5, 0.9), ([1], 1e-3, 0.9)]


def test_loaded_arrays_take_the_precision_of_their_parameter() -> None:
    optimizer = optim.Adam(parameters())
    train(optimizer)
    single = [ft.tensor(np.array(x, np.float32), requires_grad=True) for x in (A, B)]
    other = optim.Adam(single)
    other.load_state_dict(optimizer.state_dict())
    assert other.state[single[0]]["exp_avg"].dtype == np.float32


def test_adamw_goes_on_from_adam_with_decoupled_decay() -> None:
    optimizer = optim.AdamW(parameters())
    optimizer.load_state_dict(optim.Adam(parameters(), lr=0.5).state_dict())
    group = optimizer.param_groups[0]
    assert (group["lr"], group["weight_decay"], group["decoupled_weight_decay"]) == (0.5, 0, True)


def test_groups_have_options_of_their_own() -> None:
    a, b = parameters()
    optimizer = optim.SGD([{"params": [a]}], lr=0.5)
    optimizer.add_param_group({"params": b, "lr": 0.25})
    a.grad, b.grad = ft.tensor(np.ones((2, 2))), ft.tensor(np.ones(2))
    optimizer.step()
    np.testing.assert_array_equal(a.data, np.array(A) - 0.5)
    np.testing.assert_array_equal(b.data, np.array(B) - 0.25)
    optimizer.param_groups[1]["lr"] = 0.0
    optimizer.step()
    np.testing.assert_array_equal(b.data, np.array(B) - 0.25)


def test_momentum_may_be_switched_on_between_steps() -> None:
    x = ft.tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([x], lr=1.0)
    for momentum, expected in ((0.0, 0.0), (0.5, -1.0), (0.5, -2.5)):
        optimizer.param_groups[0]["momentum"] = momentum
        x.grad = ft.tensor([1.0])
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)  # writes into the gradient, which the state must not share
        assert x.item() == expected


def test_a_learning_rate_may_be_a_tensor() -> None:
    x, lr = ft.tensor([1.0], requires_grad=True), ft.tensor(0.5)
    optimizer = optim.SGD([x], lr=lr)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    for expected in (0.5, 0.25):
        x.grad = ft.tensor([1.0])
        optimizer.step()
        scheduler.step()
        assert x.item() == expected
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == 0.125


def test_gradients_are_forgotten_or_filled_with_zeros() -> None:
    x, y = (ft.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([x, y])
    (x**3).sum().backward(create_graph=True)
    optimizer.zero_grad(set_to_none=False)
    assert x.grad.tolist() == [0.0, 0.0]
    assert not x.grad.requires_grad
    assert y.grad is None
    optimizer.zero_grad()
    assert x.grad is None


def test_a_closure_records_even_under_no_grad() -> None:
    x = ft.tensor(2.0, requires_grad=True)
    optimizer = optim.SGD([x], lr=0.25)

    def closure() -> Any:
        value = x**2
        value.backward()
        return value

    with ft.no_grad():
        optimizer.step(closure)
    assert x.item() == 1.0


def test_rosenbrock_converges_by_lbfgs() -> None:
    x, y = ft.tensor(-1.2, requires_grad=True), ft.tensor(1.0, requires_grad=True)
    optimizer = optim.LBFGS([x, y], max_iter=60, tolerance_change=1e-14, line_search_fn="strong_wolfe")

    def closure() -> Any:
        optimizer.zero_grad()
        value = rosenbrock(x, y)
        value.backward()
        return value

    optimizer.step(closure)
    np.testing.assert_allclose([x.item(), y.item()], [1.0, 1.0], atol=1e-6)  # the gradient's tolerance is 1e-7


# --- Errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (optim.SGD, {"lr": -1.0}, "Invalid learning rate: -1.0"),
        (optim.SGD, {"lr": float("nan")}, "Invalid learning rate: nan"),
        (optim.SGD, {"momentum": -0.5}, "Invalid momentum value: -0.5"),
        (optim.SGD, {"weight_decay": -0.5}, "Invalid weight_decay value: -0.5"),
        (optim.SGD, {"nesterov": True}, "Nesterov momentum requires a momentum and zero dampening"),
        (optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "Nesterov momentum requires"),
        (optim.Adam, {"lr": -1.0}, "Invalid learning rate: -1.0"),
        (optim.Adam, {"eps": -1.0}, "Invalid epsilon value: -1.0"),
        (optim.Adam, {"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"),
        (optim.Adam, {"betas": (0.9, -0.1)}, "Invalid beta parameter at index 1: -0.1"),
        (optim.AdamW, {"weight_decay": -1.0}, "Invalid weight_decay value: -1.0"),
        (optim.RMSprop, {"alpha": -1.0}, "Invalid alpha value: -1.0"),
        (optim.RMSprop, {"momentum": -1.0}, "Invalid momentum value: -1.0"),
        (optim.Adagrad, {"lr_decay": -1.0}, "Invalid lr_decay value: -1.0"),
        (optim.NAdam, {"momentum_decay": -1.0}, "Invalid momentum_decay value: -1.0"),
        (optim.RAdam, {"betas": (0.9, 1.0)}, "Invalid beta parameter at index 1: 1.0"),
        (optim.Adamax, {"lr": -1.0}, "Invalid learning rate: -1.0"),
        (optim.Adadelta, {"rho": 1.5}, "Invalid rho value: 1.5"),
        (optim.Adagrad, {"initial_accumulator_value": -1.0}, "Invalid initial_accumulator_value value: -1.0"),
        (optim.LBFGS, {"lr": -1.0}, "Invalid learning rate: -1.0"),
    ],
)
def test_hyper_parameters_out_of_range_are_refused(kind: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(parameters(), **options)
    with pytest.raises(ValueError, match=message):
        getattr(optim.functional, kind.__name__)(**options)
    with pytest.raises(ValueError, match=message):
        kind([{"params": parameters(), **options}])


def test_a_search_that_does_not_exist_is_refused() -> None:
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        optim.LBFGS(parameters(), line_search_fn="weak_wolfe")


def test_lbfgs_has_one_group_and_needs_a_closure() -> None:
    a, b = parameters()
    with pytest.raises(ValueError, match="LBFGS doesn't support per-parameter options"):
        optim.LBFGS([{"params": [a]}, {"params": [b]}])
    with pytest.raises(TypeError, match="needs a closure"):
        optim.LBFGS([a]).step()


def test_what_is_no_parameter_is_refused() -> None:
    x = ft.tensor([1.0], requires_grad=True)
    with pytest.raises(TypeError, match="should be an iterable of Tensors or dicts"):
        optim.SGD(x)
    with pytest.raises(ValueError, match="empty parameter list"):
        optim.SGD([])
    with pytest.raises(TypeError, match="one of the params is ndarray"):
        optim.SGD([np.ones(2)])
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        optim.SGD([x * 2])
    with pytest.raises(TypeError, match="ordered collections"):
        optim.SGD([{"params": {x}}])
    with pytest.raises(ValueError, match="more than once"):
        optim.SGD([x, x])
    with pytest.raises(ValueError, match="more than once"):
        optim.SGD([{"params": [x]}, {"params": [x]}])
    with pytest.raises(TypeError, match="param_group must be a dict"):
        optim.SGD([x]).add_param_group([x])  # type: ignore[arg-type]


def test_choices_among_implementations_are_taken_and_others_refused() -> None:
    optim.Adam(parameters(), foreach=False, fused=True, capturable=False, differentiable=False)
    with pytest.raises(TypeError, match="momentun"):
        optim.SGD(parameters(), momentun=0.9)
    with pytest.raises(NotImplementedError, match=r"optim\.functional\.SGD"):
        optim.SGD(parameters(), differentiable=True)


def test_a_state_dict_of_another_optimizer_is_refused() -> None:
    a, b = parameters()
    optimizer = optim.SGD([a, b])
    with pytest.raises(ValueError, match="different number of parameter groups"):
        optimizer.load_state_dict(optim.SGD([{"params": [a]}, {"params": [b]}]).state_dict())
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        optimizer.load_state_dict(optim.SGD([a]).state_dict())


def test_an_optimizer_of_ones_own() -> None:
    class Sign(optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        def step(self, closure: Any = None) -> None:
            with ft.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p.sub_(group["lr"] * np.sign(p.grad.data))

    x = ft.tensor([3.0, -4.0], requires_grad=True)
    optimizer = Sign([x], lr=0.5)
    (x**2).sum().backward()
    optimizer.step()
    assert x.tolist() == [2.5, -3.5]
    with pytest.raises(NotImplementedError, match="Optimizer does not define step"):
        optim.Optimizer([x], {}).step()
