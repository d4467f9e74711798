"""Arguments of the wrong kind raise at the call, and are named."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft


def scalar() -> Any:
    return ft.tensor(2.0, requires_grad=True)


@pytest.mark.parametrize("flag", [True, False])
def test_a_flag_is_no_gradient(flag: bool) -> None:
    x = scalar()
    for run in (
        lambda: (x * x).backward(flag),
        lambda: ft.autograd.backward([x * x], [flag]),
        lambda: ft.autograd.grad(x * x, x, flag),
    ):
        with pytest.raises(TypeError, match=rf"test_wrong_kinds.*retain_graph={flag}"):
            run()
    assert x.grad is None


def test_the_class_makes_no_tensors() -> None:
    for make in (lambda: ft.Tensor([1.0]), lambda: ft.Tensor(), lambda: ft.Tensor(2, 3)):
        with pytest.raises(TypeError, match=r"ft\.tensor\(data\)"):
            make()
    x = scalar()
    assert copy.deepcopy(x).requires_grad
    assert pickle.loads(pickle.dumps(x)).item() == 2.0


def test_what_is_neither_dtype_nor_device() -> None:
    for name in ("float99", "cuda", "cuda:0"):
        with pytest.raises(RuntimeError, match=rf"to\('{name}'\).*no dtype of NumPy's .*only device is 'cpu'"):
            scalar().to(name)


def test_modes_are_booleans() -> None:
    for mode in ("a", None, 1):
        for context in (ft.set_grad_enabled, ft.inference_mode):
            with pytest.raises(TypeError, match=rf"{context.__name__} takes True or False, not {mode!r}"):
                context(mode)
    with pytest.raises(TypeError, match="set_grad_enabled takes True or False, not <function"):

        @ft.set_grad_enabled
        def f() -> None: ...

    assert ft.is_grad_enabled()
    with ft.set_grad_enabled(np.bool(False)):
        assert not ft.is_grad_enabled()
