"""Which arguments a transformation acts on, of which kind and structure, and what it says of the wrong ones."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([0.3, -0.7, 1.1])


def f(a: Any, b: Any, *, scale: Any = 1.0) -> Any:
    """A function whose derivatives by a, b and scale at (2, 3, scale=5) are 45, 60 and 18."""
    return scale * a * b**2


# Ways to select arguments of f, and the derivatives that they give.
SELECTIONS: dict[str, tuple[dict[str, Any], Any]] = {
    "default": ({}, 45.0),
    "int": ({"argnums": 1}, 60.0),
    "NumPy int": ({"argnums": np.int64(1)}, 60.0),
    "negative": ({"argnums": -1}, 60.0),
    "negative first": ({"argnums": -2}, 45.0),
    "tuple": ({"argnums": (0, 1)}, (45.0, 60.0)),
    "reversed": ({"argnums": (1, 0)}, (60.0, 45.0)),
    "tuple of one": ({"argnums": (1,)}, (60.0,)),
    "list": ({"argnums": [0, 1]}, (45.0, 60.0)),
    "negative tuple": ({"argnums": (-1, 0)}, (60.0, 45.0)),
    "empty": ({"argnums": ()}, ()),
    "name": ({"argnames": "scale"}, 18.0),
    "names": ({"argnames": ("scale",)}, (18.0,)),
    "list of names": ({"argnames": ["scale", "a"]}, (18.0, 45.0)),
    "positional by name": ({"argnames": "b"}, 60.0),
    "names and positions mixed": ({"argnames": ("b", "scale", "a")}, (60.0, 18.0, 45.0)),
}

# Transformations that take argnums and argnames, reduced to the derivative that they contain.
SELECTING: dict[str, Callable[..., Callable[..., Any]]] = {
    "grad": ft.grad,
    "value_and_grad": lambda f, **kw: lambda *a, **k: ft.value_and_grad(f, **kw)(*a, **k)[1],
    "grad_and_value": lambda f, **kw: lambda *a, **k: ft.grad_and_value(f, **kw)(*a, **k)[0],
    "jacfwd": ft.jacfwd,
    "jacrev": ft.jacrev,
    "jacobian": ft.jacobian,
    "value_and_jacobian": lambda f, **kw: lambda *a, **k: ft.value_and_jacobian(f, **kw)(*a, **k)[1],
}


@pytest.mark.parametrize("transform", SELECTING)
@pytest.mark.parametrize("name", SELECTIONS)
def test_arguments_are_selected_by_position_and_by_name(name: str, transform: str) -> None:
    selection, expected = SELECTIONS[name]
    found = SELECTING[transform](f, **selection)(2.0, 3.0, scale=5.0)
    assert ft.tree.structure(found) == ft.tree.structure(expected)
    np.testing.assert_allclose(np.array(ft.tree.leaves(found)), ft.tree.leaves(expected), rtol=1e-14)


@pytest.mark.parametrize("name", SELECTIONS)
def test_a_hessian_has_a_block_for_each_pair_of_selected_arguments(name: str) -> None:
    selection, expected = SELECTIONS[name]
    blocks = ft.hessian(f, **selection)(2.0, 3.0, scale=5.0)
    nested = ft.jacrev(ft.grad(f, **selection), **selection)(2.0, 3.0, scale=5.0)
    assert ft.tree.structure(blocks) == ft.tree.structure(nested)
    assert len(ft.tree.leaves(blocks)) == len(ft.tree.leaves(expected)) ** 2
    np.testing.assert_allclose(np.array(ft.tree.leaves(blocks)), ft.tree.leaves(nested), rtol=1e-13)


def test_names_reach_arguments_taken_by_star() -> None:
    assert ft.grad(lambda a, **rest: a * rest["b"] ** 2, argnames="b")(2.0, b=3.0) == 12.0
    assert ft.grad(lambda *args: args[0] * args[2], argnums=(2, 0))(2.0, 3.0, 4.0) == (2.0, 4.0)


def test_a_name_selects_an_argument_of_a_method_and_of_a_ufunc() -> None:
    class Model:
        def loss(self, w: Any, x: Any) -> Any:
            return w * w * x

    assert ft.grad(Model().loss, argnames="w")(3.0, 2.0) == 12.0
    assert ft.grad(Model().loss, argnames="w")(w=3.0, x=2.0) == 12.0


@pytest.mark.parametrize("selection", [{"argnums": (0, 0)}, {"argnums": (0, -2)}, {"argnames": ("a", "a")}])
def test_an_argument_selected_twice_is_refused(selection: dict[str, Any]) -> None:
    # one of the two would silently have a gradient of zero
    with pytest.raises(ValueError, match=r"f.*twice"):
        ft.grad(f, **selection)(2.0, 3.0)


@pytest.mark.parametrize("transform", SELECTING)
@pytest.mark.parametrize("argnums", [2, -3, (0, 5)])
def test_a_position_out_of_range_is_named(transform: str, argnums: Any) -> None:
    with pytest.raises(ValueError, match=r"argnums=(2|-3|5) is out of range: f was called with 2 positional arguments.*argnames"):
        SELECTING[transform](f, argnums=argnums)(2.0, 3.0)
    assert SELECTING[transform](f, argnames="scale")(2.0, 3.0, scale=1.0) == 18.0  # the remedy


@pytest.mark.parametrize("transform", SELECTING)
def test_a_name_that_was_not_passed_is_named(transform: str) -> None:
    for name in ("scale", "unknown"):
        with pytest.raises(ValueError, match=f"f was called without an argument named '{name}'"):
            SELECTING[transform](f, argnames=name)(2.0, 3.0)


@pytest.mark.parametrize("argnums", [1.0, "a", "ab", (0, "b"), None, 1.5])
def test_argnums_that_are_no_positions_are_refused(argnums: Any) -> None:
    with pytest.raises(TypeError, match="argnums"):
        ft.grad(f, argnums)(2.0, 3.0)


@pytest.mark.parametrize("argnames", [0, (0,), ("a", 1)])
def test_argnames_that_are_no_names_are_refused(argnames: Any) -> None:
    with pytest.raises(TypeError, match="argnames"):
        ft.grad(f, argnames=argnames)(2.0, 3.0)


def test_transformations_keep_the_name_and_the_documentation_of_the_function() -> None:
    for transform in (*SELECTING.values(), ft.hessian, ft.vmap, ft.checkpoint, ft.hessian_diag, ft.derivative):
        if transform in (SELECTING["value_and_grad"], SELECTING["grad_and_value"], SELECTING["value_and_jacobian"]):
            continue
        assert transform(f).__name__ == "f"
        assert transform(f).__doc__ == f.__doc__


def test_callables_without_a_name_are_transformed_and_named_by_their_class() -> None:
    class Energy:
        def __call__(self, x: Any) -> Any:
            return x * x

    assert ft.grad(Energy())(3.0) == 6.0
    assert ft.vmap(ft.jacfwd(Energy()))(X) is not None
    with pytest.raises(TypeError, match=r"Energy returned shape \(3,\)"):
        ft.grad(Energy())(X)


# --- Pytrees ----------------------------------------------------------------------------------------------------------

Pair = namedtuple("Pair", "first second")  # noqa: PYI024 - the plain form


@dataclasses.dataclass
class Parameters:
    weight: Any
    bias: Any


class Box:
    """A registered class."""

    def __init__(self, content: Any) -> None:
        self.content = content


ft.tree.register(Box, lambda box: ((box.content,), None), lambda _, children: Box(*children))

# Trees of the numbers 2 and X, by the kind of their container.
TREES: dict[str, Any] = {
    "bare": X,
    "list": [2.0, X],
    "tuple": (2.0, X),
    "dict": {"b": 2.0, "a": X},
    "OrderedDict": OrderedDict([("z", X), ("a", 2.0)]),
    "namedtuple": Pair(2.0, X),
    "dataclass": Parameters(X, 2.0),
    "registered": Box(X),
    "with None": {"a": X, "b": None, "c": (None, 2.0)},
    "nested": {"layers": [Parameters(X, Pair(2.0, None)), Box({"k": X * 2})]},
    "empty": {},
}


def energy(p: Any) -> Any:
    """The sum of cubes of all leaves."""
    return sum((np.sum(x**3) for x in ft.tree.leaves(p)), 0.0)


@pytest.mark.parametrize("name", TREES)
def test_gradients_have_the_structure_of_their_argument(name: str) -> None:
    p = TREES[name]
    expected = ft.tree.map(lambda x: 3.0 * x**2, p)
    found = [
        ft.grad(energy)(p),
        ft.vjp(energy, p)[1](1.0)[0],
        ft.jacrev(energy)(p),
        ft.jacfwd(energy)(p),
        ft.jacobian(energy)(p),
        ft.hvp(energy, (p,), (p,))[0],
        ft.grad(lambda s, p: s * energy(p), argnums=1)(1.0, p),
        ft.grad(lambda s, p: s * energy(p), argnames=("p", "s"))(1.0, p=p)[0],
        ft.linear_transpose(lambda t: ft.jvp(energy, (p,), (t,))[1], p)(1.0)[0],
    ]
    for g in found:
        assert type(g) is type(p)
        assert ft.tree.structure(g) == ft.tree.structure(p)
        ft.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14), g, expected)


@pytest.mark.parametrize("name", TREES)
def test_results_of_every_structure_are_differentiated(name: str) -> None:
    def g(t: Any) -> Any:
        return ft.tree.map(lambda x: x * t**2, TREES[name])

    t = 1.5
    expected = ft.tree.map(lambda x: x * 2 * t, TREES[name])
    for found in (
        ft.jvp(g, (t,), (1.0,))[1],
        ft.linearize(g, t)[1](1.0),
        ft.jacfwd(g)(t),
        ft.jacrev(g)(t),
        ft.jacobian(g)(t),
        ft.derivative(g)(t),
        ft.value_and_jacobian(g)(t)[1],
        ft.tree.map(lambda x: x[0], ft.vmap(ft.derivative(g))(np.array([t, 2.0]))),
        ft.jvp(ft.checkpoint(g), (t,), (1.0,))[1],
    ):
        assert ft.tree.structure(found) == ft.tree.structure(expected)
        ft.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14), found, expected)
    value, pull = ft.vjp(g, t)
    assert ft.tree.structure(value) == ft.tree.structure(expected)
    (back,) = pull(TREES[name])
    assert back == pytest.approx(2 * t * sum(np.sum(x * x) for x in ft.tree.leaves(TREES[name])))


@pytest.mark.parametrize("name", TREES)
def test_a_jacobian_is_a_tree_of_the_result_of_trees_of_the_argument(name: str) -> None:
    p = TREES[name]

    def g(p: Any) -> Any:
        return {"energy": energy(p), "squares": ft.tree.map(lambda x: x * x, p)}

    for jacobian in (ft.jacfwd(g)(p), ft.jacrev(g)(p), ft.jacobian(g)(p)):
        assert ft.tree.structure(jacobian["energy"]) == ft.tree.structure(p)
        blocks = ft.tree.leaves(jacobian["squares"])
        leaves = ft.tree.leaves(p)
        assert len(blocks) == len(leaves) ** 2
        for i, y in enumerate(leaves):
            for j, x in enumerate(leaves):
                block = blocks[i * len(leaves) + j]
                assert block.shape == np.shape(y) + np.shape(x)
                expected = np.diag(2 * np.atleast_1d(x)).reshape(block.shape) if i == j else np.zeros(block.shape)
                np.testing.assert_allclose(block, expected)


# --- Auxiliary output -------------------------------------------------------------------------------------------------


def with_aux(x: Any) -> Any:
    return np.sum(x**3), {"doubled": 2.0 * x, "note": "text", "nothing": None, "array": np.array([x[0], x[1]])}


def test_auxiliary_output_leaves_as_plain_values() -> None:
    g = 3 * X**2
    pairs = {
        "grad": ft.grad(with_aux, has_aux=True)(X),
        "jacfwd": ft.jacfwd(with_aux, has_aux=True)(X),
        "jacrev": ft.jacrev(with_aux, has_aux=True)(X),
        "jacobian": ft.jacobian(with_aux, has_aux=True)(X),
        "value_and_grad": ft.value_and_grad(with_aux, has_aux=True)(X)[::-1],
        "grad_and_value": ft.grad_and_value(with_aux, has_aux=True)(X),
        "value_and_jacobian": ft.value_and_jacobian(with_aux, has_aux=True)(X)[::-1],
        "jvp": (g, ft.jvp(with_aux, (X,), (X,), has_aux=True)[2]),
        "vjp": (g, ft.vjp(with_aux, X, has_aux=True)[2]),
        "linearize": (g, ft.linearize(with_aux, X, has_aux=True)[2]),
        "hessian": (g, ft.hessian(with_aux, has_aux=True)(X)[1]),
    }
    for name, (derivative, aux) in pairs.items():
        np.testing.assert_allclose(derivative, g, rtol=1e-14, err_msg=name)
        if isinstance(aux, tuple):  # (value, aux)
            assert aux[0] == pytest.approx(np.sum(X**3))
            aux = aux[1]
        np.testing.assert_array_equal(aux["doubled"], 2 * X, err_msg=name)
        assert aux["note"] == "text"
        assert aux["nothing"] is None
        assert aux["array"].dtype == float
        assert not any(map(ft.is_tracer, ft.tree.leaves(aux)))


def test_auxiliary_output_of_an_inner_transformation_is_differentiated_by_the_outer_one() -> None:
    def outer(x: Any) -> Any:
        g, aux = ft.grad(lambda y: (x * y * y, x * y), has_aux=True)(x)
        return g * aux  # 2x² · x²

    assert ft.grad(outer)(2.0) == 8 * 2.0**3
    assert ft.jvp(outer, (2.0,), (1.0,))[1] == 8 * 2.0**3
    np.testing.assert_allclose(ft.vmap(outer)(X), 2 * X**4)


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: ft.grad(f, has_aux=True)(X),
        lambda f: ft.vjp(f, X, has_aux=True),
        lambda f: ft.jvp(f, (X,), (X,), has_aux=True),
        lambda f: ft.jacfwd(f, has_aux=True)(X),
        lambda f: ft.jacrev(f, has_aux=True)(X),
        lambda f: ft.hessian(f, has_aux=True)(X),
        lambda f: ft.linearize(f, X, has_aux=True),
    ],
)
def test_auxiliary_output_is_the_second_of_a_pair(transform: Callable[[Any], Any]) -> None:
    for wrong in (np.sum, lambda x: [np.sum(x), 1], lambda x: (np.sum(x), 1, 2)):
        with pytest.raises(TypeError, match=r"has_aux=True.*pair \(output, aux\); it returned a \w+"):
            transform(wrong)
    transform(lambda x: (np.sum(x), [1, 2]))  # the remedy


# --- Kinds of numbers -------------------------------------------------------------------------------------------------

# What differentiates f at x, by the name that its messages should have.
DIFFERENTIATING: dict[str, Callable[[Callable[[Any], Any], Any], Any]] = {
    "grad": lambda f, x: ft.grad(f)(x),
    "vjp": lambda f, x: ft.vjp(f, x),
    "jvp": lambda f, x: ft.jvp(f, (x,), (x,)),
    "jacfwd": lambda f, x: ft.jacfwd(f)(x),
    "jacrev": lambda f, x: ft.jacrev(f)(x),
    "jacobian": lambda f, x: ft.jacobian(f)(x),
    "hessian": lambda f, x: ft.hessian(f)(x),
    "hessian_diag": lambda f, x: ft.hessian_diag(f)(x),
    "linearize": lambda f, x: ft.linearize(f, x),
    "linear_transpose": lambda f, x: ft.linear_transpose(f, x),
    "hvp": lambda f, x: ft.hvp(f, (x,), (x,)),
    "vhp": lambda f, x: ft.vhp(f, (x,), (x,)),
}


@pytest.mark.parametrize("transform", DIFFERENTIATING)
@pytest.mark.parametrize(
    ("x", "words"),
    [
        (3, r"int64 of shape \(\)"),
        (True, r"bool of shape \(\)"),
        (np.arange(3), r"int64 of shape \(3,\)"),
        (np.int32(3), r"int32 of shape \(\)"),
        (np.array([True]), r"bool of shape \(1,\)"),
        ({"w": [X, np.arange(2)]}, r"\['w'\]\[1\] is int64 of shape \(2,\)"),
    ],
)
def test_integers_are_refused_with_their_path_and_the_remedy(transform: str, x: Any, words: str) -> None:
    def total(p: Any) -> Any:
        return sum(np.sum(leaf) for leaf in ft.tree.leaves(p))

    with pytest.raises(TypeError, match=rf"needs floating or complex inputs; the argument.*{words}.*[Cc]onvert it"):
        DIFFERENTIATING[transform](total, x)
    # the remedy
    DIFFERENTIATING[transform](total, ft.tree.map(lambda leaf: np.asarray(leaf).astype(float), x))


@pytest.mark.parametrize("transform", DIFFERENTIATING)
def test_a_message_names_the_transformation_that_was_called(transform: str) -> None:
    with pytest.raises(TypeError, match=f"^{transform} needs floating"):
        DIFFERENTIATING[transform](lambda x: x * x, 3)


@pytest.mark.parametrize("transform", DIFFERENTIATING)
@pytest.mark.parametrize("x", ["text", object(), b"", lambda: None])
def test_what_is_no_number_is_refused_by_its_type(transform: str, x: Any) -> None:
    with pytest.raises(TypeError, match=rf"needs arrays or numbers; the argument.* is a {type(x).__name__}.*argnums.*register"):
        DIFFERENTIATING[transform](lambda y: 1.0, x)


def test_the_remedies_for_what_is_no_number_work() -> None:
    class Scale:
        def __init__(self, factor: Any) -> None:
            self.factor = factor

    with pytest.raises(TypeError, match="is a Scale"):
        ft.grad(lambda s, x: s.factor * x)(Scale(2.0), 3.0)
    assert ft.grad(lambda s, x: s.factor * x, argnums=1)(Scale(2.0), 3.0) == 2.0
    ft.tree.register(Scale, lambda s: ((s.factor,), None), lambda _, children: Scale(*children))
    assert ft.grad(lambda s, x: s.factor * x)(Scale(2.0), 3.0).factor == 3.0


def test_integers_may_be_allowed_and_have_zeros() -> None:
    p = {"i": np.arange(3), "b": True, "n": 2, "x": X, "f": 1.5}
    g = ft.grad(lambda p: np.sum(p["x"] * p["i"]) * p["n"] * p["f"] * p["b"], allow_int=True)(p)
    np.testing.assert_allclose(g["x"], 3.0 * np.arange(3))
    assert g["f"] == pytest.approx(2 * np.sum(X * np.arange(3)))
    np.testing.assert_array_equal(g["i"], np.zeros(3))
    assert g["i"].dtype == float
    assert g["n"] == g["b"] == 0.0
    value, g = ft.value_and_grad(lambda n: 2.0 * n, allow_int=True)(3)
    assert (value, g) == (6.0, 0.0)
    g, value = ft.grad_and_value(lambda n: 2.0 * n, allow_int=True)(3)
    assert (value, g) == (6.0, 0.0)


def test_a_gradient_needs_a_scalar_and_says_what_to_use_instead() -> None:
    with pytest.raises(TypeError, match=r"grad needs a scalar result; cube returned shape \(3,\).*ft\.jacobian.*ft\.vjp.*ft\.vmap"):
        ft.grad(cube)(X)
    with pytest.raises(TypeError, match=r"cube returned shape \(1,\)"):
        ft.grad(cube)(X[:1])
    with pytest.raises(TypeError, match=r"returned a tuple.*has_aux=True.*ft\.jacobian or ft\.vjp"):
        ft.grad(lambda x: (np.sum(x), 1.0))(X)
    with pytest.raises(TypeError, match=r"returned a NoneType"):
        ft.grad(lambda x: None)(X)
    # the remedies
    expected = 3 * X**2
    np.testing.assert_allclose(ft.grad(lambda x: np.sum(cube(x)))(X), expected)
    np.testing.assert_allclose(np.diag(ft.jacobian(cube)(X)), expected)
    np.testing.assert_allclose(ft.vjp(cube, X)[1](np.ones(3))[0], expected)
    np.testing.assert_allclose(ft.vmap(ft.grad(cube))(X), expected)
    np.testing.assert_allclose(ft.grad(lambda x: (np.sum(x**3), 1.0), has_aux=True)(X)[0], expected)


def cube(x: Any) -> Any:
    return x**3


@pytest.mark.parametrize("f", [lambda x: np.argmax(x), lambda x: np.sum(x > 0), lambda x: (x > 0).any(), lambda x: 3])
def test_a_result_that_is_no_real_number_has_no_gradient(f: Callable[[Any], Any]) -> None:
    for transform in (ft.grad(f), ft.jacfwd(f), ft.jacrev(f), ft.jacobian(f), ft.hessian(f)):
        with pytest.raises(TypeError, match=r"int64|bool"):
            transform(X)
    np.testing.assert_array_equal(ft.grad(lambda x: f(x) * 1.0)(X), np.zeros(3))


Z = np.array([0.5 + 0.2j, -0.3 + 0.7j])


def test_holomorphic_functions_have_complex_derivatives() -> None:
    assert ft.grad(lambda z: z**3, holomorphic=True)(1 + 2j) == pytest.approx(3 * (1 + 2j) ** 2)
    value, g = ft.value_and_grad(np.sin, holomorphic=True)(1 + 2j)
    assert g == pytest.approx(np.cos(1 + 2j))
    for jacobian in (ft.jacfwd, ft.jacrev, ft.jacobian):
        np.testing.assert_allclose(jacobian(np.exp, holomorphic=True)(Z), np.diag(np.exp(Z)))
    h = ft.hessian(lambda z: np.sum(z**3), holomorphic=True)(Z)
    np.testing.assert_allclose(h, np.diag(6 * Z))


def test_the_gradient_of_a_real_function_of_complex_numbers_is_its_conjugate_direction() -> None:
    # ∂f/∂x - i ∂f/∂y for f = |z|² = x² + y²
    np.testing.assert_allclose(ft.grad(lambda z: np.sum(np.abs(z) ** 2))(Z), 2 * np.conj(Z))
    np.testing.assert_allclose(ft.grad(lambda z: np.sum((z * np.conj(z)).real))(Z), 2 * np.conj(Z))
    np.testing.assert_allclose(ft.grad(lambda z: np.sum(z.real))(Z), np.ones(2))
    np.testing.assert_allclose(ft.grad(lambda z: np.sum(z.imag))(Z), -1j * np.ones(2))


def test_real_arguments_keep_real_gradients_through_complex_numbers() -> None:
    g = ft.grad(lambda x: np.sum(np.abs(np.exp(1j * x) + x) ** 2))(X)
    assert g.dtype == float
    np.testing.assert_allclose(g, 2 * X + 2 * np.cos(X) - 2 * X * np.sin(X), rtol=1e-13)
    g = ft.grad(lambda x: (x * 1j * x * 1j).real)(2.0)
    assert g == -4.0
    assert ft.vjp(lambda x: x * 1j, 2.0)[1](1.0 + 1j) == (-1.0,)
    assert ft.grad(lambda x: abs(x * 1j + 1.0))(0.75) == pytest.approx(0.6)


def test_complex_inputs_and_results_are_refused_with_the_remedy() -> None:
    with pytest.raises(TypeError, match=r"grad needs a real result.*complex128.*np\.abs or np\.real.*holomorphic=True"):
        ft.grad(lambda z: z**3)(1 + 2j)
    with pytest.raises(TypeError, match=r"holomorphic=True needs complex inputs; an argument is float64"):
        ft.grad(lambda z: z**3, holomorphic=True)(1.0)
    with pytest.raises(TypeError, match=r"holomorphic=True needs a complex result; <lambda> returned float64"):
        ft.grad(lambda z: np.abs(z), holomorphic=True)(1 + 2j)
    for jacobian in (ft.jacfwd, ft.jacrev, ft.jacobian, ft.hessian):
        with pytest.raises(TypeError, match=r"exp: an input is complex128, but holomorphic=False.*holomorphic=True"):
            jacobian(np.exp)(Z)
        with pytest.raises(TypeError, match=r"an input is float64, but holomorphic=True"):
            jacobian(np.exp, holomorphic=True)(X)
    for jacobian in (ft.jacrev, ft.jacobian):
        with pytest.raises(TypeError, match=r"the output is complex128.*Use jacfwd"):
            jacobian(lambda x: x * 1j)(X)
    np.testing.assert_array_equal(ft.jacfwd(lambda x: x * 1j)(X), 1j * np.eye(3))  # the remedy


# --- Precision --------------------------------------------------------------------------------------------------------

PRECISIONS = [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128]


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_derivatives_have_the_dtype_of_their_primals(dtype: Any) -> None:
    x = np.array([0.25, 0.5, 0.75], dtype)
    scale = np.float64(2.0)  # widens every product: NumPy 2 gives float64 (complex128)

    def energy(x: Any) -> Any:
        return np.sum(np.real(np.sin(x) * scale * np.array([1.0, 2.0, 3.0]) + x))

    def vector(x: Any) -> Any:
        return np.sin(x) * x

    assert ft.grad(energy)(x).dtype == dtype
    assert ft.grad(energy)(x[0]).dtype == dtype
    assert ft.grad(lambda x: np.sum(np.real(ft.checkpoint(vector)(x) * scale)))(x).dtype == dtype
    assert ft.vmap(ft.grad(lambda x: np.real(np.sin(x) * scale)))(x).dtype == dtype
    value, pull = ft.vjp(vector, x)
    assert value.dtype == pull(value)[0].dtype == dtype
    value, tangent = ft.jvp(vector, (x,), (x,))
    assert value.dtype == tangent.dtype == dtype
    assert ft.linearize(vector, x)[1](x).dtype == dtype
    holomorphic = np.dtype(dtype).kind == "c"
    for jacobian in (ft.jacfwd, ft.jacrev, ft.jacobian, ft.hessian):
        assert jacobian(vector, holomorphic=holomorphic)(x).dtype == dtype


def test_gradients_of_mixed_precisions_each_have_their_own() -> None:
    p = {"half": np.ones(2, np.float16), "single": np.ones(2, np.float32), "double": np.ones(2), "weak": 1.5}
    g = ft.grad(lambda p: np.sum(p["half"] * p["single"] * p["double"] * p["weak"]))(p)
    assert [g[k].dtype for k in ("half", "single", "double")] == [np.float16, np.float32, np.float64]
    np.testing.assert_array_equal(g["half"], [1.5, 1.5])


@pytest.mark.parametrize("x", [1.5, np.float64(1.5), np.array(1.5), np.float32(1.5)])
def test_scalars_of_every_kind_have_scalar_gradients(x: Any) -> None:
    for g in (ft.grad(lambda x: x * x)(x), ft.vjp(lambda x: x * x, x)[1](x * 1.0)[0], ft.jvp(lambda x: x * x, (x,), (1.0,))[1]):
        assert np.shape(g) == ()
        assert g == pytest.approx(3.0) or g == pytest.approx(4.5)
        assert np.asarray(g).dtype == np.asarray(x).dtype


def test_tangents_and_cotangents_take_the_precision_of_their_primals() -> None:
    x = np.ones(3, np.float32)
    assert ft.jvp(np.sin, (x,), (np.ones(3),))[1].dtype == np.float32
    assert ft.jvp(np.sin, (x,), (np.array([1, 2, 3]),))[1].dtype == np.float32
    assert ft.vjp(np.sin, x)[1](np.ones(3))[0].dtype == np.float32
    assert ft.vjp(np.sin, x)[1](np.array([1, 2, 3]))[0].dtype == np.float32
    assert ft.jvp(np.sin, (np.float32(1),), (1.0,))[1].dtype == np.float32


@pytest.mark.parametrize("size", [0, 1])
def test_empty_and_single_arrays_have_derivatives(size: int) -> None:
    x = np.full(size, 0.5)
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(x * x))(x), 2 * x)
    for jacobian in (ft.jacfwd, ft.jacrev, ft.jacobian, lambda f, **kw: ft.jacrev(ft.jacfwd(lambda x: np.sum(f(x) ** 2) / 2))):
        assert jacobian(lambda x: 2.0 * x)(x).shape == (size, size)
        assert jacobian(lambda x: 2.0 * x, chunk_size=1)(x).shape == (size, size)
    np.testing.assert_allclose(ft.hessian(lambda x: np.sum(x**2))(x), 2 * np.eye(size))
    assert ft.jacobian(lambda x: x[:0])(X).shape == (0, 3)
    assert ft.jacfwd(lambda x: x[:0])(X).shape == (0, 3)
    assert ft.hessian_diag(lambda x: np.sum(x**2))(x).shape == (size,)
