"""The functional form: trees, dtypes, derivatives through steps, batches, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.optim import functional

OPTIMIZERS: list[Any] = [
    functional.SGD(lr=0.1),
    functional.SGD(lr=0.1, momentum=0.9, dampening=0.2, weight_decay=0.1),
    functional.SGD(lr=0.1, momentum=0.9, nesterov=True),
    functional.Adam(lr=0.1, weight_decay=0.1),
    functional.Adam(lr=0.1, amsgrad=True),
    functional.AdamW(lr=0.1),
    functional.RMSprop(lr=0.1, momentum=0.5),
    functional.RMSprop(lr=0.1, centered=True),
    functional.Adagrad(lr=0.1, lr_decay=0.5, initial_accumulator_value=0.1),
    functional.NAdam(lr=0.1, momentum_decay=0.1),
    functional.RAdam(lr=0.1, betas=(0.8, 0.9)),
    functional.Adamax(lr=0.1),
    functional.Adadelta(eps=1e-3),
]


def name(optimizer: Any) -> str:
    on = {k: v for k, v in optimizer.options.items() if v and k not in ("lr", "eps", "betas", "alpha")}
    return f"{type(optimizer).__name__}-{on}"


every = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=name)


def objective(params: Any) -> Any:
    return np.sum(np.cos(params["w"]) * params["b"][0]) + np.sum(params["b"][0] ** 2)


def parameters(dtype: Any = float) -> Any:
    return {"w": np.array([[0.3, -1.0], [0.7, 2.0]], dtype), "b": (np.array([1.5, -0.5], dtype),)}


def descend(optimizer: Any, params: Any, steps: int = 3) -> Any:
    state = optimizer.init(params)
    for _ in range(steps):
        params, state = optimizer.update(ft.grad(objective)(params), state, params)
    return params


@every
def test_each_leaf_goes_its_own_way(optimizer: Any) -> None:
    together = descend(optimizer, parameters())
    params: Any = parameters()
    states = ft.tree.map(optimizer.init, params)
    for _ in range(3):
        grads = ft.grad(objective)(params)
        w, states["w"] = optimizer.update(grads["w"], states["w"], params["w"])
        b, state = optimizer.update(grads["b"][0], states["b"][0], params["b"][0])
        params, states["b"] = {"w": w, "b": (b,)}, (state,)
    for x, y in zip(ft.tree.leaves(together), ft.tree.leaves(params), strict=True):
        np.testing.assert_array_equal(x, y)


@every
def test_the_state_keeps_its_structure_and_dtypes(optimizer: Any) -> None:
    params = parameters(np.float32)
    before = optimizer.init(params)
    after_params, after = optimizer.update(ft.grad(objective)(params), before, params)
    assert ft.tree.structure(before) == ft.tree.structure(after)
    assert (before.pop("step"), after.pop("step")) == (0, 1)
    for leaf in ft.tree.leaves((before, after, after_params)):
        assert leaf.dtype == np.float32


@every
def test_hyper_parameters_of_numpy_do_not_raise_the_precision(optimizer: Any) -> None:
    options: Any = {k: np.float64(v) if type(v) is float else v for k, v in optimizer.options.items()}
    if "betas" in options:
        options["betas"] = tuple(map(np.float64, options["betas"]))
    if type(optimizer) is functional.AdamW:
        del options["decoupled_weight_decay"]
    params = descend(type(optimizer)(**options), parameters(np.float32))
    assert {leaf.dtype for leaf in ft.tree.leaves(params)} == {np.dtype(np.float32)}


@every
def test_nothing_is_written_to(optimizer: Any) -> None:
    params = parameters()
    grads = ft.grad(objective)(params)
    state = optimizer.init(params)
    for leaf in ft.tree.leaves((params, grads, state)):
        if isinstance(leaf, np.ndarray):
            leaf.flags.writeable = False
    first = optimizer.update(grads, state, params)
    second = optimizer.update(grads, state, params)
    for x, y in zip(ft.tree.leaves(first), ft.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(x, y)


@every
def test_steps_are_differentiable(optimizer: Any) -> None:
    ft.check_grads(lambda params: objective(descend(optimizer, params)), (parameters(),), order=2)


def test_steps_are_differentiable_by_hyper_parameters() -> None:
    def trained(options: dict[str, Any]) -> Any:
        return objective(descend(functional.SGD(**options), parameters()))

    def trained_by_adam(lr: Any, beta1: Any, beta2: Any, decay: Any) -> Any:
        return objective(descend(functional.AdamW(lr, (beta1, beta2), weight_decay=decay), parameters()))

    options = {"lr": 0.1, "momentum": 0.9, "dampening": 0.2, "weight_decay": 0.1}
    ft.check_grads(trained, (options,), order=2)
    ft.check_grads(trained_by_adam, (0.1, 0.9, 0.99, 0.1), order=2)


@every
def test_steps_of_tensors_are_recorded(optimizer: Any) -> None:
    def step(x: Any) -> Any:
        return optimizer.update(x**2, optimizer.init(x), x)[0]

    x = ft.tensor([1.0, -2.0], requires_grad=True)
    (step(x) ** 2).sum().backward()
    expected = ft.grad(lambda x: np.sum(step(x) ** 2))(x.data)
    np.testing.assert_allclose(x.grad.data, expected, rtol=1e-12)  # sums of few terms, in any order


@every
def test_a_zero_gradient_does_not_spoil_the_derivative(optimizer: Any) -> None:
    def step(x: Any) -> Any:
        new, _ = optimizer.update(np.where(x > 0, x**3, 0.0), optimizer.init(x), x)
        return np.sum(new)

    assert np.all(np.isfinite(ft.grad(step)(np.array([-1.0, 2.0]))))


@every
def test_batches(optimizer: Any) -> None:
    scales = np.array([1.0, 2.0, -0.5])

    def scaled(scale: Any) -> Any:
        return descend(optimizer, ft.tree.map(lambda x: scale * x, parameters()))

    together = ft.vmap(scaled)(scales)
    for i, scale in enumerate(scales):
        for x, y in zip(ft.tree.leaves(together), ft.tree.leaves(scaled(scale)), strict=True):
            np.testing.assert_allclose(x[i], y, rtol=1e-12)  # the batched sums may round otherwise


@every
def test_a_batch_of_states_can_be_carried(optimizer: Any) -> None:
    params = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    state = ft.vmap(optimizer.init)(params)
    update = ft.vmap(lambda s, p: optimizer.update(p**2, s, p))
    singles = [(optimizer.init(p), p) for p in params]
    for _ in range(3):
        params, state = update(state, params)
        singles = [optimizer.update(p**2, s, p)[::-1] for s, p in singles]
    assert params.dtype == np.float32
    # Counts that are batched are rounded to float32 before they are used; single ones are Python's numbers.
    np.testing.assert_allclose(params, [p for _, p in singles], rtol=1e-5)


def test_a_batch_of_learning_rates() -> None:
    lrs = np.array([0.01, 0.1])

    def trained(lr: Any) -> Any:
        return descend(functional.Adam(lr=lr), parameters())["w"]

    np.testing.assert_allclose(ft.vmap(trained)(lrs), [trained(float(lr)) for lr in lrs], rtol=1e-12)


def test_lbfgs_on_a_tree_with_several_dtypes() -> None:
    target = {"x": np.array([1.0, -2.0], np.float32), "z": np.array([[1.0 + 2.0j]])}

    def distance(p: Any) -> Any:
        return np.sum((p["x"] - target["x"]) ** 2) + np.sum(np.abs(p["z"] - target["z"]) ** 2)

    def value_and_grad(p: Any) -> Any:
        value, grads = ft.value_and_grad(distance)(p)
        return value, ft.tree.map(np.conj, grads)

    optimizer = functional.LBFGS(line_search_fn="strong_wolfe")
    start = ft.tree.map(np.zeros_like, target)
    reached, _ = optimizer.update(value_and_grad, optimizer.init(start), start)
    for name_, x in target.items():
        assert reached[name_].dtype == x.dtype
        np.testing.assert_allclose(reached[name_], x, rtol=1e-5)  # float32


def test_lbfgs_is_differentiable_along_its_way() -> None:
    def trained(scale: Any) -> Any:
        optimizer = functional.LBFGS(max_iter=3, line_search_fn="strong_wolfe")
        start = np.array([1.0, 2.0])
        value_and_grad = ft.value_and_grad(lambda x: np.sum(np.cosh(scale * x) + x**4))
        return np.sum(optimizer.update(value_and_grad, optimizer.init(start), start)[0])

    ft.check_grads(trained, (np.array([1.0, 1.5]),), order=1)


def test_lbfgs_refuses_to_decide_for_a_batch() -> None:
    optimizer = functional.LBFGS()
    value_and_grad = ft.value_and_grad(lambda x: np.sum(x**2))
    with pytest.raises(TypeError, match="truth of a bool"):
        ft.vmap(lambda x: optimizer.update(value_and_grad, optimizer.init(x), x)[0])(np.ones((3, 2)))


def test_gradients_of_another_structure_are_refused() -> None:
    optimizer = functional.SGD()
    params = {"a": 1.0, "b": 2.0}
    with pytest.raises(ValueError, match="gradients of structure"):
        optimizer.update({"a": 1.0}, optimizer.init(params), params)


def test_gradients_of_another_shape_are_refused_with_their_place() -> None:
    optimizer = functional.SGD()
    params = {"a": 1.0, "b": np.zeros(3)}
    with pytest.raises(ValueError, match=r"gradient of shape \(\) for a parameter of shape \(3,\) \(params\['b'\]\)"):
        optimizer.update({"a": 1.0, "b": 1.0}, optimizer.init(params), params)


def test_an_empty_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="without any array"):
        functional.Adam().init({})
