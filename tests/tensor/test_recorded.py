"""Tensors that a function under jit closes over: what is read of them is read at each call, or it raises."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

READS: dict[str, Callable[[Any], Any]] = {
    "data": lambda w: w.data,
    "data of a detached one": lambda w: w.detach().data,
    "detach": lambda w: w.detach(),
    "copy": lambda w: w.copy(),
    "clone": lambda w: w.clone(),
    "np.array": lambda w: np.array(w.detach()),
    "np.asarray of data": lambda w: np.asarray(w.data),
    "ft.tensor": lambda w: ft.tensor(w.detach()),
    "ft.tensor of another dtype": lambda w: ft.tensor(w.detach(), dtype=np.float32),
    "ft.as_tensor of data": lambda w: ft.as_tensor(w.data),
    "new_tensor": lambda w: w.new_tensor(w.detach()),
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "view": lambda w: w.view(2, 1)[:, 0],
    "contiguous": lambda w: w.contiguous(),
    "shape of data": lambda w: w * w.data.shape[0],
    "ft.full": lambda w: ft.full((2,), w[1].detach()),
}


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("name", READS)
def test_reads_are_read_at_each_call(name: str, requires_grad: bool) -> None:
    w = ft.tensor([1.0, 2.0], requires_grad=requires_grad)
    f = ft.jit(lambda x: x * READS[name](w))
    x = np.array([1.0, 10.0])
    for change in (lambda: None, lambda: w.data.__setitem__(0, 5.0), lambda: setattr(w, "data", np.array([3.0, 4.0]))):
        change()
        expected = x * (np.full(2, w.data[1]) if name == "ft.full" else w.data * (1 + (name == "shape of data")))
        assert np.array_equal(ft.stop_gradient(f(x)).data if ft.is_tracer(f(x)) else f(x), expected)


@pytest.mark.parametrize(
    "ask",
    [
        lambda w: w.tolist()[0],
        lambda w: w[0].item(),
        lambda w: float(w.sum()),
        lambda w: float(w.data[0]),
        lambda w: np.float64(w.data[0]),
    ],
)
def test_numbers_of_them_are_refused(ask: Callable[[Any], Any]) -> None:
    w = ft.tensor([1.0, 2.0])
    with pytest.raises(TypeError, match="under jit, which records the function once for all values"):
        ft.jit(lambda x: x * ask(w))(1.0)


@pytest.mark.parametrize(
    "ask", [float, int, bool, complex, lambda w: w.item(), lambda w: w.tolist(), lambda w: 2 if w else 1]
)
def test_the_number_of_a_tensor_without_axes_is_refused(ask: Callable[[Any], Any]) -> None:
    w = ft.tensor(2.0)
    with pytest.raises(TypeError, match="under jit, which records the function once for all values"):
        ft.jit(lambda x: x * ask(w))(1.0)
    assert ask(w)


def test_an_index_is_refused() -> None:
    i = ft.tensor(1)
    with pytest.raises(TypeError, match=r"fnp\.take"):
        ft.jit(lambda x: [1.0, 2.0][i] * x)(1.0)


def _assign(w: Any) -> None:
    w[0] = 1.0


def _assign_data(w: Any) -> None:
    w.data = np.zeros(2)


@pytest.mark.parametrize("write", [_assign, _assign_data, lambda w: w.zero_(), lambda w: w.fill_(3.0)])
def test_writes_are_refused(write: Callable[[Any], Any]) -> None:
    w = ft.tensor([1.0, 2.0])

    def f(x: Any) -> Any:
        write(w)
        return x * w

    with pytest.raises(RuntimeError, match="into a tensor"):
        ft.jit(f)(1.0)
    assert w.tolist() == [1.0, 2.0]


def test_gradients_of_them_are_refused() -> None:
    w = ft.tensor([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
    with pytest.raises(RuntimeError, match="Pass the gradient as an argument"):
        ft.jit(lambda x: x * w.grad)(1.0)


def test_what_the_function_makes_is_its_own() -> None:
    def f(x: Any) -> Any:
        w = ft.tensor([1.0, 2.0], requires_grad=True)
        w.data *= 2.0
        (w * w).sum().backward()
        scale = float(w.data[0]) if w[0] > 0 else 0.0
        return x * w.grad.data * scale + w.tolist()[1]

    assert np.array_equal(ft.jit(f)(np.ones(2)), [12.0, 20.0])


def test_a_python_number_beside_a_tensor_stays_one() -> None:
    w = ft.tensor([1.0, 2.0], requires_grad=True)
    number, total = ft.jit(lambda x: (x * 2, x * w.sum()))(3.0)
    assert type(number) is float
    assert number == 6.0
    total.backward()
    assert w.grad.tolist() == [3.0, 3.0]
    assert type(ft.jit(lambda x: (str(w.sum()), x * 2)[1])(3.0)) is float
