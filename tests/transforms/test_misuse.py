"""Wrong uses of transformations raise at the call that is wrong, and name what was given and what to write instead."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([0.3, -0.7, 1.1])

# --- What functions return --------------------------------------------------------------------------------------------


def _with_rule(f: Callable[[Any], Any]) -> Any:
    g = ft.custom_jvp(f)
    g.defjvp(lambda primals, tangents: (f(*primals), f(*tangents)))
    return g


# All transformations that call a function of X, which may return any tree of arrays.
OF_ANY_RESULT: dict[str, Callable[[Callable[[Any], Any]], Any]] = {
    "jvp": lambda f: ft.jvp(f, (X,), (X,)),
    "vjp": lambda f: ft.vjp(f, X),
    "linearize": lambda f: ft.linearize(f, X),
    "linear_transpose": lambda f: ft.linear_transpose(f, X),
    "jacfwd": lambda f: ft.jacfwd(f)(X),
    "jacfwd in chunks": lambda f: ft.jacfwd(f, chunk_size=2)(X),
    "jacrev": lambda f: ft.jacrev(f)(X),
    "jacobian": lambda f: ft.jacobian(f)(X),
    "value_and_jacobian": lambda f: ft.value_and_jacobian(f)(X),
    "hessian": lambda f: ft.hessian(f)(X),
    "laplacian": lambda f: ft.laplacian(f)(X),
    "divergence": lambda f: ft.divergence(f)(X),
    "curl": lambda f: ft.curl(f)(X),
    "sparse_jacobian": lambda f: ft.sparse_jacobian(f)(X),
    "jet": lambda f: ft.jet(f, (X,), ([X, X],)),
    "derivative": lambda f: ft.derivative(lambda t: f(t * X))(1.0),
    "second derivative": lambda f: ft.derivative(lambda t: f(t * X), 2)(1.0),
    "vmap": lambda f: ft.vmap(f)(np.stack([X, X])),
    "jit": lambda f: ft.jit(f)(X),
    "make_program": lambda f: ft.make_program(f)(X),
    "checkpoint": lambda f: ft.jvp(ft.checkpoint(f), (X,), (X,)),
    "custom_jvp": lambda f: ft.jvp(_with_rule(f), (X,), (X,)),
    "scan": lambda f: ft.scan(lambda carry, x: (carry, f(X)), 0.0, X),
    "map": lambda f: ft.map(lambda x: f(X), X),
    "associative_scan": lambda f: ft.associative_scan(lambda a, b: f(a), X),
    "custom_linear_solve": lambda f: ft.custom_linear_solve(f, X, lambda matvec, b: b),
    "check_grads": lambda f: ft.check_grads(f, (X,), 1),
    "gradcheck": lambda f: ft.gradcheck(f, (X,)),
}

# Those whose function returns a scalar.
OF_A_SCALAR: dict[str, Callable[[Callable[[Any], Any]], Any]] = {
    "grad": lambda f: ft.grad(f)(X),
    "value_and_grad": lambda f: ft.value_and_grad(f)(X),
    "hvp": lambda f: ft.hvp(f, (X,), (X,)),
    "vhp": lambda f: ft.vhp(f, (X,), (X,)),
    "hessian_diag": lambda f: ft.hessian_diag(f)(X),
    "sparse_hessian": lambda f: ft.sparse_hessian(f)(X),
}

# What is no array of numbers, no number and no tree of them, and how messages call it.
NO_RESULTS: dict[str, Callable[[Any], Any]] = {
    "set": lambda x: {2 * x[0]},
    "generator": lambda x: (t for t in x),
    "function": lambda x: lambda: x,
    "object": lambda x: object(),
    "str": lambda x: "text",
    "class, float64": lambda x: x.dtype.type,
    "ndarray of <U4": lambda x: np.array(["text"]),
    "set in a dict": lambda x: {"a": (x, {1})},
}


@pytest.mark.parametrize("name", NO_RESULTS)
@pytest.mark.parametrize("transform", OF_ANY_RESULT)
def test_what_a_function_returns_is_an_array_or_a_tree_of_them(transform: str, name: str) -> None:
    kind = name.removesuffix(" in a dict")
    with pytest.raises(TypeError, match=rf"returned (at \['a'\]\[1\] )?a {kind}, which is no array of numbers\. \w+"):
        OF_ANY_RESULT[transform](NO_RESULTS[name])


@pytest.mark.parametrize("name", NO_RESULTS)
@pytest.mark.parametrize("transform", OF_A_SCALAR)
def test_what_a_scalar_function_returns_is_a_number(transform: str, name: str) -> None:
    with pytest.raises(TypeError, match=r"grad needs a scalar result; <lambda> returned a \w+\."):
        OF_A_SCALAR[transform](NO_RESULTS[name])


def test_the_message_names_the_function_and_the_place() -> None:
    def model(x: Any) -> Any:
        return {"loss": np.sum(x), "tags": [x, "good"]}

    for name in ("jvp", "vjp", "jacfwd", "jacrev", "laplacian", "sparse_jacobian", "jet", "checkpoint", "gradcheck"):
        with pytest.raises(TypeError, match=r"^model returned at \['tags'\]\[1\] a str, which is no array of numbers"):
            OF_ANY_RESULT[name](model)


def test_trees_none_numbers_and_object_arrays_of_tracers_are_results() -> None:
    value, tangent = ft.jvp(lambda x: (x, None, {"a": 2, "b": True, "c": 1j}), (X,), (X,))
    assert value[1] is tangent[1] is None
    assert value[2] == {"a": 2, "b": True, "c": 1j}
    np.testing.assert_array_equal(ft.jacfwd(lambda x: np.array([x[0], x[2]]))(X), np.eye(3)[[0, 2]])
    np.testing.assert_array_equal(ft.jacrev(lambda x: [np.array([x[0], x[2]])])(X)[0], np.eye(3)[[0, 2]])
    assert ft.vmap(lambda x: None)(X) is None
    assert ft.vjp(lambda x: None, X)[0] is None


def test_auxiliary_output_is_anything() -> None:
    anything = {"name": "text", "kind": X.dtype.type, "set": {1}, "f": np.sin}
    assert ft.grad(lambda x: (x * x, anything), has_aux=True)(3.0) == (6.0, anything)
    assert ft.jvp(lambda x: (x * x, anything), (3.0,), (1.0,), has_aux=True) == (9.0, 6.0, anything)
    assert ft.vjp(lambda x: (x * x, anything), 3.0, has_aux=True)[2] == anything
    assert ft.jacfwd(lambda x: (x * x, anything), has_aux=True)(3.0) == (6.0, anything)


def test_auxiliary_output_that_is_missing_is_asked_for_by_the_name_of_the_function() -> None:
    def loss(x: Any) -> Any:
        return np.sum(x)

    with pytest.raises(TypeError, match=r"has_aux=True loss must return a pair .*; it returned a float64\[\]"):
        ft.grad(loss, has_aux=True)(X)
    with pytest.raises(TypeError, match=r"has_aux=True loss must return .*; it returned a float64\[\]"):
        ft.vjp(loss, X, has_aux=True)
    with pytest.raises(TypeError, match=r"has_aux=True <lambda> must return .*; it returned a tuple of length 3"):
        ft.jvp(lambda x: (x, x, x), (X,), (X,), has_aux=True)


def test_under_vmap_other_values_pass_where_they_have_no_axis() -> None:
    assert ft.vmap(lambda x: (x, "note"), out_axes=(0, None))(X)[1] == "note"
    with pytest.raises(TypeError, match=r"returned a str, which is no array of numbers.*out_axes=None"):
        ft.vmap(lambda x: (x, "note"))(X)


@pytest.mark.parametrize("wrong", ["a", {1.0}, object(), np.array("a")])
def test_what_the_rules_of_custom_functions_return_is_named_after_them(wrong: Any) -> None:
    @ft.custom_vjp
    def square(x: Any) -> Any:
        return x * x

    square.defvjp(lambda x: (x * x, x), lambda x, g: (wrong,))
    with pytest.raises(TypeError, match=r"the rule bwd of square returned a .*, which is no array of numbers"):
        ft.grad(square)(2.0)
    square.defvjp(lambda x: (wrong, x), lambda x, g: (2 * x * g,))
    with pytest.raises(TypeError, match=r"the rule fwd of square returned a .*, which is no array of numbers"):
        ft.vjp(square, 2.0)

    @ft.custom_jvp
    def cube(x: Any) -> Any:
        return x**3

    cube.defjvp(lambda primals, tangents: (primals[0] ** 3, wrong))
    with pytest.raises(TypeError, match=r"the forward rule of cube returned a .*, which is no array of numbers"):
        ft.jvp(cube, (2.0,), (1.0,))


# --- What is transformed ----------------------------------------------------------------------------------------------


# Calls with the value of a function in the place of the function.
WITHOUT_A_FUNCTION: dict[str, Callable[[Any], Any]] = {
    "jvp": lambda f: ft.jvp(f, (X,), (X,)),
    "vjp": lambda f: ft.vjp(f, X),
    "linearize": lambda f: ft.linearize(f, X),
    "linear_transpose": lambda f: ft.linear_transpose(f, X),
    "hvp": lambda f: ft.hvp(f, (X,), (X,)),
    "vhp": lambda f: ft.vhp(f, (X,), (X,)),
    "jet": lambda f: ft.jet(f, (X,), ([X],)),
    "cond": lambda f: ft.cond(False, f, np.sin, X),
    "cond ": lambda f: ft.cond(False, np.sin, f, X),
    "switch": lambda f: ft.switch(0, [np.sin, f], X),
    "while_loop": lambda f: ft.while_loop(f, np.sin, X),
    "while_loop ": lambda f: ft.while_loop(lambda x: False, f, X),
    "fori_loop": lambda f: ft.fori_loop(0, 0, f, X),
    "scan": lambda f: ft.scan(f, 0.0, X),
    "map": lambda f: ft.map(f, X),
    "associative_scan": lambda f: ft.associative_scan(f, X),
    "implicit_root": lambda f: ft.implicit_root(f, np.sin),
    "implicit_root ": lambda f: ft.implicit_root(np.sin, f),
    "custom_linear_solve": lambda f: ft.custom_linear_solve(f, X, np.sin),
    "custom_linear_solve ": lambda f: ft.custom_linear_solve(np.sin, X, f),
    "custom_jvp": ft.custom_jvp,
    "custom_vjp": ft.custom_vjp,
    "custom_jvp.defjvp": lambda f: ft.custom_jvp(np.sin).defjvp(f),
    "custom_vjp.defvjp": lambda f: ft.custom_vjp(np.sin).defvjp(np.sin, f),
    "debug.callback": lambda f: ft.debug.callback(f, X),
    "check_grads": lambda f: ft.check_grads(f, (X,), 1),
    "gradcheck": lambda f: ft.gradcheck(f, (X,)),
    "gradgradcheck": lambda f: ft.gradgradcheck(f, (X,)),
    "fixed_point": ft.fixed_point,
}

# Transformations from a function to a function.
DECORATORS = (
    *("grad", "value_and_grad", "grad_and_value", "jacfwd", "jacrev", "jacobian", "value_and_jacobian", "hessian"),
    *("hessian_diag", "derivative", "divergence", "curl", "laplacian", "sparse_jacobian", "sparse_hessian"),
    *("vmap", "jit", "make_program", "checkpoint"),
)


@pytest.mark.parametrize("name", DECORATORS)
def test_the_value_of_a_function_is_no_function(name: str) -> None:
    transform = getattr(ft, name)
    written = rf"; write ft\.{name}\(f\)\(x\), not ft\.{name}\(f\(x\)\)"
    for given, kind in ((X, r"a float64\[3\]"), (3.0, "a float"), ("sin", "a str"), ([np.sin], "a list")):
        with pytest.raises(TypeError, match=rf"ft\.{name} needs a function, not {kind}{written}"):
            transform(given)
    with pytest.raises(TypeError, match=r"needs a function, not a float64\[3\]"):
        ft.vmap(lambda x: transform(x)(x))(np.stack([X, X]))


@pytest.mark.parametrize("name", WITHOUT_A_FUNCTION)
def test_a_value_in_the_place_of_a_function_is_named(name: str) -> None:
    public = rf"ft\.{name.strip()}"
    with pytest.raises(TypeError, match=rf"{public} needs a function, not a float64\[3\]; write {public}\("):
        WITHOUT_A_FUNCTION[name](X)
    with pytest.raises(TypeError, match=r"needs a function, not None"):
        WITHOUT_A_FUNCTION[name](None)


def test_branches_of_a_switch_are_a_list() -> None:
    with pytest.raises(TypeError, match=r"ft\.switch needs a list of functions, not a ufunc"):
        ft.switch(0, np.sin, X)


def test_whatever_can_be_called_is_a_function() -> None:
    class Model:
        def __call__(self, x: Any) -> Any:
            return np.sum(x * x)

    for f in (Model(), partial(np.dot, X), np.sum, Model().__call__, ft.jit(Model())):
        for name in ("grad", "jacfwd", "hessian", "jit"):
            getattr(ft, name)(f)(X)


# --- Options ----------------------------------------------------------------------------------------------------------


def f(x: Any, order: int = 2) -> Any:
    return x**order


def step(carry: Any, x: Any) -> Any:
    return carry, carry


WRONG_OPTIONS: dict[str, tuple[type[Exception], str, Callable[[], Any]]] = {
    "static name": (
        ValueError, "static_argnames: f has no parameter 'ordr'; it has x, order",
        lambda: ft.jit(f, static_argnames="ordr"),
    ),
    "static names": (ValueError, "no parameter 'n'", lambda: ft.jit(f, static_argnames=["order", "n"])),
    "static position": (
        ValueError, "static_argnums=3 is out of range: f has 2 positional parameters, x, order",
        lambda: ft.jit(f, static_argnums=3),
    ),
    "negative static position": (ValueError, "static_argnums=-3", lambda: ft.jit(f, static_argnums=-3)),
    "static name of a decorator": (ValueError, "'ordr'", lambda: ft.jit(static_argnames="ordr")(f)),
    "static number": (TypeError, "static_argnames must be a name or a tuple.*1", lambda: ft.jit(static_argnames=1)),
    "static text": (TypeError, "static_argnums must be an integer or a tuple.*'n'", lambda: ft.jit(static_argnums="n")),
    "static nothing": (TypeError, "static_argnums must be .* not None", lambda: ft.jit(f, static_argnums=None)),
    "nondiff position": (ValueError, "nondiff_argnums=5 is out of range: f", lambda: ft.custom_vjp(f, 5)),
    "nondiff name": (TypeError, "nondiff_argnums must be an integer.*'a'", lambda: ft.custom_jvp(f, "a")),
    "policy": (TypeError, "policy is a collection of names.* not 3", lambda: ft.checkpoint(f, policy=3)),
    "policy of functions": (TypeError, "policy is a collection of names", lambda: ft.checkpoint(f, policy=[np.sin])),
    "order": (TypeError, r"derivative: order must be an integer, not 1\.5", lambda: ft.derivative(f, 1.5)),
    "order to check": (TypeError, r"order.* must be an integer, not 1\.5", lambda: ft.check_grads(f, (2.0,), 1.5)),
    "axis_size": (ValueError, "axis_size must be zero or more, not -1", lambda: ft.vmap(f, axis_size=-1)),
    "axis_size of text": (TypeError, "axis_size must be an integer, not '3'", lambda: ft.vmap(f, axis_size="3")),
    "chunk_size": (TypeError, "chunk_size must be an integer, not '2'", lambda: ft.vmap(f, chunk_size="2")),
    "chunk_size of jacfwd": (TypeError, "chunk_size must be .* '2'", lambda: ft.jacfwd(f, chunk_size="2")(X)),
    "batch_size": (ValueError, "map: batch_size must be positive, not 0", lambda: ft.map(f, X, batch_size=0)),
    "rows of map": (ValueError, "map: xs is a scalar", lambda: ft.map(f, 1.0)),
    "no rows of map": (ValueError, "map needs arrays with rows$", lambda: ft.map(f, ())),
    "length": (ValueError, "scan: length must be zero or more, not -2", lambda: ft.scan(step, 0.0, length=-2)),
    "length of text": (TypeError, "scan: length must be an integer, not '2'", lambda: ft.scan(step, 0.0, length="2")),
    "length under jit": (
        ValueError, "scan: length must be zero or more, not -2",
        lambda: ft.jit(lambda x: ft.scan(step, x, length=-2))(1.0),
    ),
    "integer guess": (TypeError, r"f returned a int.*floating guess", lambda: ft.fixed_point(lambda x: x)(np.int64(1))),
    "another structure": (
        ValueError, "what f returns in fixed_point has structure", lambda: ft.fixed_point(lambda x: (x, x))(1.0)
    ),
    "print without a format": (
        TypeError, r"ft\.debug\.print at .*test_misuse.* needs a format first, not a float64\[3\]",
        lambda: ft.debug.print(X),
    ),
    "shapes of an associative scan": (
        ValueError, "associative_scan: <lambda> was given arrays of shapes .* and returned shapes",
        lambda: ft.associative_scan(lambda a, b: np.sum(a), X),
    ),
}


@pytest.mark.parametrize("name", WRONG_OPTIONS)
def test_options_are_checked_at_the_call_that_gives_them(name: str) -> None:
    error, message, call = WRONG_OPTIONS[name]
    with pytest.raises(error, match=message):
        call()


def test_options_that_no_signature_contradicts_are_taken() -> None:
    by_name = ft.jit(lambda x, **rest: x ** rest["n"], static_argnames="n")
    assert by_name(3.0, n=2) == 9.0
    by_place = ft.jit(lambda *args: args[0] ** args[2], static_argnums=(1, 2))
    assert by_place(3.0, "text", 2) == 9.0
    assert ft.jit(np.add, static_argnums=1)(1.0, 2.0) == 3.0
    assert ft.jit(f, static_argnames={"order"})(3.0, order=3) == 27.0
    assert ft.jit(f, static_argnums=range(1, 2))(3.0, 3) == 27.0
    assert ft.jit(ft.grad(f), static_argnames="order")(3.0, order=2) == 6.0

    class Model:
        @partial(ft.jit, static_argnums=(0, 2))
        def __call__(self, x: Any, n: int) -> Any:
            return x**n

    assert Model()(3.0, 2) == 9.0


def test_an_argument_without_a_derivative_may_be_left_to_its_default() -> None:
    @partial(ft.custom_vjp, nondiff_argnums=1)
    def power(x: Any, n: int = 2) -> Any:
        return x**n

    power.defvjp(lambda x, n: (x**n, x), lambda n, x, g: (n * x ** (n - 1) * g,))
    assert ft.grad(power)(3.0) == ft.grad(power)(3.0, 2) == ft.grad(power)(3.0, n=2) == 6.0
    several = ft.custom_vjp(lambda *args: args[0], nondiff_argnums=2)
    several.defvjp(lambda *args: (args[0], None), lambda n, _, g: (g, None))
    with pytest.raises(ValueError, match=r"nondiff_argnums=\(2,\) and was called with 2 positional arguments"):
        several(1.0, 2.0)


def test_the_jacobian_of_nothing_has_no_blocks() -> None:
    assert ft.sparse_jacobian(lambda x: None)(X) is None
    assert ft.sparse_jacobian(lambda x: {"a": ()})(X) == {"a": ()}


# --- Remedies that fit ------------------------------------------------------------------------------------------------

OF_TEXT: dict[str, tuple[str, Callable[[], Any]]] = {
    "vjp": ("Close over it", lambda: ft.vjp(np.sin, "a")),
    "jvp": ("Close over it", lambda: ft.jvp(np.sin, ("a",), ("b",))),
    "linearize": ("Close over it", lambda: ft.linearize(np.sin, "a")),
    "linear_transpose": ("Close over it", lambda: ft.linear_transpose(np.sin, "a")),
    "jet": ("Close over it", lambda: ft.jet(np.sin, ("a",), (["b"],))),
    "hvp": ("Close over it", lambda: ft.hvp(np.sin, ("a",), ("b",))),
    "grad": ("Leave it out of argnums", lambda: ft.grad(np.sin)("a")),
    "derivative": ("Leave it out of argnums", lambda: ft.derivative(np.sin)("a")),
    "jacfwd": ("Leave it out of argnums", lambda: ft.jacfwd(np.sin)("a")),
    "jacrev": ("Leave it out of argnums", lambda: ft.jacrev(np.sin)({"k": "a"})),
    "hessian": ("Leave it out of argnums", lambda: ft.hessian(np.sin)("a")),
    "hessian_diag": ("Leave it out of argnums", lambda: ft.hessian_diag(np.sin)("a")),
    "sparse_jacobian": ("Leave it out of argnums", lambda: ft.sparse_jacobian(np.sin)("a")),
    "laplacian": ("Leave it out of argnums", lambda: ft.laplacian(np.sin)("a")),
}


@pytest.mark.parametrize("name", OF_TEXT)
def test_what_is_no_number_is_left_out_in_the_way_that_there_is(name: str) -> None:
    remedy, call = OF_TEXT[name]
    message = rf"^{name} needs arrays or numbers; the argument(\[0\]|\['k'\])? is a str\. {remedy}, or register"
    with pytest.raises(TypeError, match=message):
        call()


def test_a_class_is_no_array() -> None:
    with pytest.raises(TypeError, match="the argument is a type"):
        ft.grad(np.sum)(np.float64)


@pytest.mark.parametrize("order", [1, 2])
def test_a_derivative_by_an_integer_is_one_of_derivative(order: int) -> None:
    with pytest.raises(TypeError, match=r"^derivative needs floating or complex inputs; the argument is int64"):
        ft.derivative(np.sin, order)(1)


def test_a_tangent_is_a_number_also_where_the_primal_is_pythons() -> None:
    for wrong in ("a", None, {1.0}, np.float64, "1.0"):
        with pytest.raises((TypeError, ValueError), match="tangent"):
            ft.jvp(np.sin, (1.0,), (wrong,))
    with pytest.raises(TypeError, match=r"the cotangent is <U\d where the output is float64"):
        ft.vjp(lambda x: x * x, 1.0)[1]("a")
    assert ft.jvp(lambda x: 3.0 * x, (1.0,), (2,)) == (3.0, 6.0)


def test_messages_name_the_function_of_the_user() -> None:
    def field(x: Any) -> Any:
        return x

    for transform in (ft.sparse_hessian, ft.hessian_diag):
        with pytest.raises(TypeError, match="grad needs a scalar result; field returned shape"):
            transform(field)(X)
    with pytest.raises(TypeError, match="the Jacobian of positions: an output is int64"):
        ft.curl(positions)(X)


def positions(x: Any) -> Any:
    return np.argsort(x)


# --- Without SciPy ----------------------------------------------------------------------------------------------------

WITHOUT_SCIPY = """
import sys
sys.modules["scipy"] = None
import numpy as np
import functorch_lite as ft
from functorch_lite.linalg import *
assert solve is np.linalg.solve
calls = {
    "ft.sparse_jacobian": lambda: ft.sparse_jacobian(np.sin)(np.ones(2)),
    "ft.sparse_hessian": lambda: ft.sparse_hessian(np.sum, sparsity=np.eye(2))(np.ones(2)),
    "ft.random.truncated_normal": lambda: ft.random.truncated_normal(ft.random.key(0), -1.0, 1.0, (2,)),
    "ft.erf": lambda: ft.erf(1.0),
    "ft.lgamma": lambda: ft.lgamma(1.0),
    "ft.digamma": lambda: ft.digamma(1.0),
    "gelu": lambda: ft.nn.functional.gelu(ft.ones(2)),
    "functorch_lite.scipy": lambda: ft.linalg.sparse_matmul,
}
for name, call in calls.items():
    try:
        call()
    except ImportError as error:
        assert name in str(error) and "needs SciPy: pip install 'functorch_lite[scipy]'" in str(error), error
    else:
        raise AssertionError(name)
assert np.isfinite(ft.nn.functional.gelu(ft.ones(2), approximate="tanh").data).all()
print("all named")
"""


def test_what_needs_scipy_says_so_and_how_to_get_it() -> None:
    found = subprocess.run([sys.executable, "-c", WITHOUT_SCIPY], check=False, capture_output=True, text=True)
    assert found.stdout == "all named\n", found.stderr


def test_a_function_that_loads_scipy_while_jit_records_it_has_drawn_nothing() -> None:
    program = "import functorch_lite as ft; print(ft.jit(ft.erf)(1.0) > 0.8)"
    found = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert found.stdout == "True\n", found.stderr
