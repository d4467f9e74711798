"""Every in-place form does what the method without the underscore does, in the tensor's own memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.tensor.in_place_methods import IN_PLACE

X = np.array([[0.25, 0.5, 0.75], [0.6, 0.4, 0.1], [0.3, 0.9, 0.7]])
Y = np.array([[0.5, 0.25, 0.75], [0.2, 0.8, 0.3], [0.4, 0.1, 0.7]])
K = np.array([[6, 1, 2], [3, 4, 9], [5, 8, 7]])
i = np.array

# fmt: off
#: What has a second operand, Y.
BINARY = {
    "add", "arctan2", "atan2", "copysign", "div", "divide", "eq", "float_power", "floor_divide", "fmod", "ge",
    "greater", "greater_equal", "gt", "heaviside", "hypot", "le", "less", "less_equal", "logical_and", "logical_or",
    "logical_xor", "lt", "mul", "multiply", "ne", "nextafter", "not_equal", "pow", "remainder", "sub", "subtract",
    "true_divide", "xlogy", "igamma", "igammac",
}
INTEGERS = {
    "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "gcd",
    "lcm",
}
# fmt: on
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "addcdiv": (Y, Y + 1),
    "addcmul": (Y, Y),
    "addbmm": (Y[None], X[None]),
    "addmm": (Y, X),
    "addr": (X[0], X[1]),
    "clamp": (0.3, 0.7),
    "clamp_max": (0.55,),
    "clamp_min": (0.55,),
    "clip": (0.3, 0.7),
    "cumprod": (0,),
    "cumsum": (1,),
    "index_add": (0, i([2, 0]), Y[:2]),
    "index_copy": (0, i([2, -3]), Y[:2]),
    "index_fill": (1, i([0, -1]), 0.5),
    "index_put": ((i([0, 2]), i([1, 1])), i([0.5, 0.25])),
    "index_reduce": (0, i([1, 1]), Y[:2], "mean"),
    "ldexp": (i([1, 2, 0]),),
    "lerp": (Y, 0.3),
    "masked_fill": (Y > 0.45, 2.0),
    "masked_scatter": (Y > 0.45, Y),
    "mvlgamma": (1,),
    "polygamma": (2,),
    "renorm": (2, 0, 0.5),
    "scatter": (0, i([[2, 0, 1]]), Y),
    "scatter_add": (0, i([[2, 0, 1]]), Y),
    "scatter_reduce": (0, i([[2, 0, 1]]), Y, "prod"),
}
SHAPES: dict[str, tuple[Any, ...]] = {"addmv": (X[0], Y, X[1]), "baddbmm": (X[None], Y[None], X[None])}
#: What is defined from 1 on.
SHIFTED = {"arccosh", "acosh"}


def operands(name: str) -> tuple[Any, tuple[Any, ...]]:
    """Return what a form is applied to, and its other arguments."""
    if name in INTEGERS:
        return K, () if name == "bitwise_not" else (K.T % 5 + 1,)
    if name in SHAPES:
        return SHAPES[name][0], SHAPES[name][1:]
    return X + 1 if name in SHIFTED else X, (Y,) if name in BINARY else ARGUMENTS.get(name, ())


def as_tensors(args: Any) -> Any:
    if isinstance(args, tuple):
        return tuple(map(as_tensors, args))
    return ft.tensor(args) if isinstance(args, np.ndarray) else args


def weighted(y: Any) -> Any:
    return (y * np.cos(np.arange(y.data.size)).reshape(y.shape)).sum()


@pytest.mark.parametrize("name", IN_PLACE)
def test_values_memory_and_version(name: str) -> None:
    x, args = operands(name)
    for given in (args, as_tensors(args)):
        y, plain = ft.tensor(x), ft.tensor(x)
        memory, version = y.data, y._version
        assert getattr(y, f"{name}_")(*given) is y
        expected = getattr(plain, name)(*given)
        np.testing.assert_array_equal(y.data, expected.data.astype(x.dtype))
        assert y.data is memory
        assert y._version == version + 1
        np.testing.assert_array_equal(plain.data, x)


@pytest.mark.parametrize("name", [name for name in IN_PLACE if name not in INTEGERS])
def test_single_precision_stays_single(name: str) -> None:
    x, args = operands(name)
    y = ft.tensor(x.astype(np.float32))
    expected = getattr(ft.tensor(x.astype(np.float32)), name)(*args)
    getattr(y, f"{name}_")(*args)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.data, expected.data.astype(np.float32))


@pytest.mark.parametrize("name", [name for name in IN_PLACE if name not in INTEGERS])
def test_backward(name: str) -> None:
    x, args = operands(name)
    gradients = []
    for form in (f"{name}_", name):
        leaf = ft.tensor(x, requires_grad=True)
        others = [
            ft.tensor(a, requires_grad=True) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in args
        ]
        y = leaf * 1.0
        result = getattr(y, form)(*others)
        if result.requires_grad:
            weighted(result).backward()
        found = (t.grad for t in (leaf, *others) if isinstance(t, ft.Tensor))
        gradients.append([None if g is None else g.tolist() for g in found])
    assert gradients[0] == gradients[1]


@pytest.mark.parametrize("name", [name for name in IN_PLACE if name not in INTEGERS])
def test_views_write_to_their_base(name: str) -> None:
    x, args = operands(name)
    leaf, plain = (ft.tensor(np.stack([x, x]), requires_grad=True) for _ in range(2))
    base = leaf * 1.0
    part = base[1]
    getattr(part, f"{name}_")(*args)
    other = plain * 1.0
    changed = np.stack([other[0], getattr(other[1], name)(*args).astype(x.dtype)])
    np.testing.assert_array_equal(base.data, changed.data)
    for whole in (base, changed):
        weighted(whole).backward()
    np.testing.assert_allclose(leaf.grad, plain.grad, rtol=1e-15)


@pytest.mark.parametrize("name", [name for name in IN_PLACE if name not in INTEGERS])
def test_leaves_are_refused(name: str) -> None:
    x, args = operands(name)
    leaf = ft.tensor(x, requires_grad=True)
    with pytest.raises(RuntimeError, match=rf"a leaf .*\({name}_\)"):
        getattr(leaf, f"{name}_")(*args)
    np.testing.assert_array_equal(leaf.data, x)
    with ft.no_grad():
        getattr(leaf, f"{name}_")(*args)
    assert leaf.is_leaf
    assert leaf.requires_grad


@pytest.mark.parametrize(("name", "expected"), [("lt", "x < y"), ("eq", "x == y"), ("ge", "x >= y")])
def test_comparisons_become_numbers(name: str, expected: str) -> None:
    y = ft.tensor(X)
    getattr(y, f"{name}_")(Y)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y.data, eval(expected, {"x": X, "y": Y}))


def test_shifts_are_in_place() -> None:
    n = ft.tensor(K)
    alias = n
    n <<= 2
    n >>= 1
    assert n is alias
    np.testing.assert_array_equal(n.data, 2 * K)
