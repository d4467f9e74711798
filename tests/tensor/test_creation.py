"""Tensors made of other tensors and of traced values: derivatives are kept, refused, or lost with a warning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

V = np.array([0.5, 2.0])

# What is made of a scalar and a vector, and the same thing by operations alone.
KEPT: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "as_tensor": (lambda t, v: ft.as_tensor(v * t), lambda t, v: v * t),
    "as_tensor of a list": (
        lambda t, v: ft.as_tensor([t * 2, 1.0, v[0]]),
        lambda t, v: ft.stack([t * 2, 0 * t + 1, v[0]]),
    ),
    "as_tensor of nested lists": (
        lambda t, v: ft.as_tensor([[t, 1.0], v]),
        lambda t, v: ft.stack([t * np.array([1.0, 0.0]) + np.array([0.0, 1.0]), v]),
    ),
    "as_tensor, converted": (lambda t, v: ft.as_tensor([t, t], ft.float32), lambda t, v: ft.stack([t, t])),
    "full": (lambda t, v: ft.full((2, 3), t), lambda t, v: t * np.ones((2, 3))),
    "full of a row": (lambda t, v: ft.full((3, 2), v), lambda t, v: v * np.ones((3, 2))),
    "full, converted": (lambda t, v: ft.full(3, t, dtype=ft.float32), lambda t, v: t * np.ones(3)),
    "full_like": (lambda t, v: ft.full_like(v, t), lambda t, v: t * np.ones(2)),
    "full_like of integers": (lambda t, v: ft.full_like(np.arange(2), t, ft.float64), lambda t, v: t * np.ones(2)),
    "new_full": (lambda t, v: v.new_full((2, 3), t), lambda t, v: t * np.ones((2, 3))),
    "new_full, converted": (lambda t, v: v.new_full(2, t, dtype=ft.float32), lambda t, v: t * np.ones(2)),
    "linspace": (lambda t, v: ft.linspace(t, v[1], 4), lambda t, v: t + (v[1] - t) * np.arange(4) / 3),
    "logspace": (lambda t, v: ft.logspace(0, t, 3, base=2.0), lambda t, v: 2.0 ** (t * np.array([0.0, 0.5, 1.0]))),
}


@pytest.mark.parametrize("name", KEPT)
def test_the_history_is_kept(name: str) -> None:
    results = []
    for f in KEPT[name]:
        t, v = ft.tensor(1.5, requires_grad=True), ft.tensor(V, requires_grad=True)
        y = f(t, v)
        assert y.requires_grad
        (y * y).sum().backward()
        zeros = np.zeros(2)
        results.append((y.data, *(zeros if x.grad is None else x.grad.data for x in (t, v))))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)


@pytest.mark.parametrize("name", KEPT)
def test_transformations_go_through(name: str) -> None:
    made, same = KEPT[name]
    for transform in (ft.jacrev, ft.jacfwd):
        for one, other in zip(*(transform(f, (0, 1))(1.5, V) for f in (made, same)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14)
    np.testing.assert_allclose(ft.jit(made)(1.5, V), same(1.5, V), rtol=1e-14)
    batched = ft.vmap(made)(np.array([1.5, 0.5]), np.stack([V, 2 * V]))
    np.testing.assert_allclose(batched, np.stack([same(1.5, V), same(0.5, 2 * V)]), rtol=1e-14)


def test_what_is_filled_can_be_written_to() -> None:
    t = ft.tensor(1.5, requires_grad=True)
    y = ft.full((2,), t)
    y[0] = 4.0
    y.mul_(2.0).sum().backward()
    assert y.tolist() == [8.0, 3.0]
    assert t.grad.item() == 2.0
    with ft.no_grad():
        y = ft.full((2,), t)
        y[0] = 4.0
    assert y.tolist() == [4.0, 1.5]
    assert not y.requires_grad


@pytest.mark.parametrize("of", [lambda t: t, lambda t: t * 2, lambda t: [t * 2, 1.0], lambda t: np.array([t, t])])
def test_copies_lose_their_history_with_a_warning(of: Callable[[Any], Any]) -> None:
    t = ft.tensor(1.5, requires_grad=True)
    with pytest.warns(UserWarning, match=r"without their history.*x\.detach\(\)\.clone\(\)") as caught:
        copy = ft.tensor(of(t))
    assert caught[0].filename == __file__
    assert not copy.requires_grad
    with ft.no_grad():
        assert ft.tensor(of(t)).tolist() == copy.tolist()  # nobody expects a history here


def test_copies_of_constants_are_silent() -> None:
    c = ft.tensor(V)
    copy = ft.tensor(c)
    copy.zero_()
    assert c.tolist() == V.tolist()
    assert ft.tensor([c, c]).shape == (2, 2)
    assert ft.tensor([[c[0], 1], [c[1], 2]], requires_grad=True).tolist() == [[0.5, 1.0], [2.0, 2.0]]


@pytest.mark.parametrize("copied", [ft.tensor, lambda x: ft.tensor([x[0], x[1]]), lambda x: ft.tensor([*x])])
def test_copies_of_traced_values_are_functions_of_them(copied: Callable[[Any], Any]) -> None:
    def f(x: Any) -> Any:
        return (copied(x) ** 2).sum()

    for g in (ft.grad(f), ft.jit(ft.grad(f)), ft.grad(ft.jit(f)), ft.jacfwd(f)):
        np.testing.assert_allclose(g(V), 2 * V, rtol=1e-15)


def test_copies_of_traced_values_convert_and_detach() -> None:
    single = ft.grad(lambda x: ft.tensor(x, dtype=ft.float32).sum())(V)
    assert single.dtype == np.float64
    assert single.tolist() == [1.0, 1.0]
    assert ft.grad(lambda x: (ft.tensor(x.detach()) * x).sum())(V).tolist() == V.tolist()


def test_counts_are_not_differentiable() -> None:
    t = ft.tensor(3.0, requires_grad=True)
    for count in (lambda: ft.arange(t), lambda: ft.arange(0, t), lambda: ft.grad(lambda x: ft.arange(x).sum())(3.0)):
        with pytest.raises(TypeError, match=r"start \+ step \* ft.arange\(n\)"):
            count()
    assert ft.arange(t.item()).tolist() == ft.arange(t.detach()).tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(TypeError, match="int64 elements would have no derivative"):
        ft.full_like(ft.arange(3), t)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (None, "NoneType"),
        ([1.0, None], "float|NoneType"),
        ("abc", "str"),
        ({1.0}, "set"),
        ((i for i in range(3)), "generator"),
        (np.array(["2020-01-01"], "datetime64[D]"), "date"),
    ],
)
def test_only_numbers(data: Any, kind: str) -> None:
    for make in (ft.tensor, ft.as_tensor, lambda data: ft.full((2,), data)):
        with pytest.raises(TypeError, match=rf"a tensor holds numbers, .*first ({kind})"):
            make(data)
    with pytest.raises(TypeError, match="a tensor holds numbers"):
        ft.tensor([1.0], dtype=object)
    with pytest.raises(TypeError, match="a tensor holds numbers"):
        ft.from_numpy(np.array([None]))


def test_the_default_dtype_reaches_lists_of_tensors() -> None:
    c, t = ft.tensor(0.5), ft.tensor(0.5, requires_grad=True)
    ft.set_default_dtype(ft.float32)
    try:
        assert ft.tensor([c, 1.0]).dtype == ft.as_tensor([t, 1.0]).dtype == ft.linspace(0, t, 3).dtype == np.float32
        assert ft.as_tensor(t).dtype == ft.full((2,), t).dtype == np.float64
    finally:
        ft.set_default_dtype(ft.float64)


def test_random_integers_like_a_tensor() -> None:
    x = ft.zeros(50, dtype=ft.float32)
    n = ft.randint_like(x, 3)
    assert (n.shape, n.dtype) == (x.shape, x.dtype)
    assert set(n.tolist()) <= {0.0, 1.0, 2.0}
    assert set(ft.randint_like(x, 2, 4, dtype=ft.int64).tolist()) <= {2, 3}


def test_numbers_and_shapes_by_pytorchs_names() -> None:
    assert (ft.pi, ft.e, ft.inf) == (np.pi, np.e, np.inf)
    assert np.isnan(ft.nan)
    assert ft.Size([2, 3]) == ft.zeros(2, 3).shape
    assert isinstance(ft.zeros(2, 3).shape, ft.Size)


def test_unknown_keywords_are_named() -> None:
    for make in (ft.zeros, ft.ones, ft.rand, ft.arange):
        with pytest.raises(TypeError, match=r"unexpected keyword argument dtpye='float32'.*test_creation.py"):
            make(3, dtpye="float32")
    with pytest.raises(TypeError, match=r"device='cuda'.*only device is 'cpu'"):
        ft.zeros(3, device="cuda")
    assert ft.zeros(3, device="cpu").shape == (3,)


# Of another tensor: its dtype, unless one is given.

ALIKE: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "zeros": (lambda x: x.new_zeros(2, 3), np.zeros((2, 3))),
    "zeros of a tuple": (lambda x: x.new_zeros((2, 3)), np.zeros((2, 3))),
    "zeros of no axes": (lambda x: x.new_zeros(()), np.zeros(())),
    "ones of a list": (lambda x: x.new_ones([2]), np.ones(2)),
    "empty": (lambda x: 0 * x.new_empty(2), np.zeros(2)),
    "full": (lambda x: x.new_full((2,), 3), np.full(2, 3)),
    "tensor": (lambda x: x.new_tensor([[1, 2]]), np.array([[1, 2]])),
    "tensor of a tensor": (lambda x: x.new_tensor(ft.tensor([1, 2])), np.array([1, 2])),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.complex64])
@pytest.mark.parametrize("name", ALIKE)
def test_new_tensors_have_the_dtype_of_the_old_one(name: str, dtype: Any) -> None:
    make, expected = ALIKE[name]
    x = ft.zeros(5, dtype=dtype)
    y = make(x)
    assert isinstance(y, ft.Tensor)
    assert y.dtype == dtype
    assert not y.requires_grad
    np.testing.assert_array_equal(y.data, expected)
    np.testing.assert_array_equal(ft.vmap(make)(np.zeros((2, 5), dtype)), [expected] * 2)


def test_new_tensors_as_pytorch_makes_them() -> None:
    x = ft.tensor([1, 2])
    assert x.new_zeros(2, dtype=ft.float32, requires_grad=True, device="cpu").requires_grad
    assert x.new_tensor([1.5]).tolist() == [1]
    assert x.new_full((1,), 1.5).tolist() == [1]
    with pytest.raises(TypeError, match=r"new_full .* elements would have no derivative"):
        x.new_full((2,), ft.tensor(1.5, requires_grad=True))
    with pytest.raises(TypeError, match="unexpected keyword argument layout"):
        x.new_zeros(2, layout="strided")


def test_sizes_and_bounds_by_name() -> None:
    for make in (ft.zeros, ft.ones, ft.empty, ft.rand, ft.randn):
        assert make(size=(2, 3)).shape == (2, 3)
    assert ft.full(size=(2,), fill_value=3.0).tolist() == [3.0, 3.0]
    assert ft.arange(start=1, end=4).tolist() == [1, 2, 3]
    assert ft.arange(end=2).tolist() == [0, 1]
    assert ft.arange(0, 5, step=2).tolist() == ft.arange(5, step=2).tolist() == [0, 2, 4]
    assert ft.arange(1, end=3).tolist() == [1, 2]
    assert ft.randint(low=4, high=5, size=(2,)).tolist() == ft.randint(4, high=5, size=(2,)).tolist() == [4, 4]
    assert ft.randint(1, (2,), dtype=ft.float32, requires_grad=True).requires_grad
    assert ft.randperm(3, dtype=ft.int32).dtype == np.int32
    generator = np.random.default_rng(0)
    assert ft.rand_like(ft.zeros(2), generator=generator).tolist() == np.random.default_rng(0).random(2).tolist()
    assert ft.zeros(2).normal_(generator=np.random.default_rng(0)).shape == (2,)
    assert ft.zeros(2).copy_(ft.ones(2), non_blocking=True).tolist() == [1.0, 1.0]
    with pytest.raises(TypeError, match=r"arange at .* takes an end"):
        ft.arange(start=3)
    with pytest.raises(TypeError, match=r"randint at .* takes .high, size."):
        ft.randint(3)
    with pytest.raises(TypeError, match="unexpected keyword argument length=3"):
        ft.zeros(length=3)


def test_arrays_of_another_type_are_copied() -> None:
    x = ft.as_tensor(np.zeros(2), dtype=ft.float32)
    assert x.dtype == np.float32
    assert ft.as_tensor([1, 2]).tolist() == [1, 2]


def test_the_lines_that_scripts_begin_with() -> None:
    device = ft.device("cuda" if ft.cuda.is_available() else "cpu")
    ft.cuda.manual_seed_all(0)
    x = ft.zeros(2, device=device).to(device)
    assert x.device == device == ft.device("cpu:0") == ft.device("cpu", 0) == ft.device(device)
    assert (device.type, device.index, repr(device)) == ("cpu", None, "device(type='cpu')")
    assert x[:, ft.newaxis].shape == (2, 1)
    generator = ft.Generator(device=device)
    assert generator.manual_seed(3) is generator
    ft.manual_seed(3)
    assert ft.equal(ft.randn(3), ft.randn(3, generator=generator))
    assert ft.randint(0, 5, (3,), generator=generator).shape == (3,)
    assert generator.initial_seed() == 3
    with pytest.raises(RuntimeError, match=r"device\('cuda'\) at .*: the only device is 'cpu'"):
        ft.device("cuda")
    with pytest.raises(RuntimeError, match="the only device is"):
        ft.Generator("cuda:1")
