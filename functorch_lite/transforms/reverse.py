"""Reverse mode: run a function on the tape, then walk the tape back.

Source: Griewank and Walther, *Evaluating Derivatives* (2008), chapter 3; the walk itself is `core.tape.backward`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import wraps
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.backward import backward
from functorch_lite.core.operands import shape_of
from functorch_lite.core.tape import LinearTrace, Node, ReverseTrace, Taped, leaf
from functorch_lite.transforms.arguments import (
    Argnames,
    Argnums,
    Selection,
    call,
    check_like,
    differentiable,
    dtype_of,
    name_of,
    returned,
    split_aux,
    unshared,
)

__all__ = [
    "Pullback",
    "grad",
    "grad_and_value",
    "linear_transpose",
    "linearize",
    "value_and_grad",
    "vjp",
    "vjp_with",
]

_new = object.__new__


def grad(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[..., Any]:
    """Return a function that computes the gradient of a scalar function.

    Parameters
    ----------
    f
        A function of pytrees of arrays whose (first) result is a real scalar.
    argnums
        Position, or sequence of positions, of the arguments to differentiate with respect to; negative ones count from
        the end.
    argnames
        Name, or sequence of names, of arguments to differentiate with respect to, instead of ``argnums``.
    has_aux
        Whether ``f`` returns a pair ``(scalar, aux)``.
    holomorphic
        Whether ``f`` is a holomorphic function with a complex result.
    allow_int
        Whether integer and boolean leaves are allowed; their gradient is an array of float zeros.

    Returns
    -------
    callable
        With the arguments of ``f``. It gives a tree like the argument (a tuple of trees for several), every leaf of the
        shape and dtype of its primal; with ``has_aux`` a pair ``(gradient, aux)``.

    Raises
    ------
    TypeError
        If a leaf is not floating (or complex), or the result is not a real scalar.

    Notes
    -----
    For a real-valued function of complex ``z = x + iy`` the gradient is ``∂f/∂x - i ∂f/∂y``, as in JAX: the conjugate
    of the direction of steepest ascent.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.grad(lambda x: np.sum(np.sin(x)))(np.array([0.0, np.pi]))
    array([ 1., -1.])
    >>> ft.grad(lambda w, b: w * 2.0 + b * b, argnums=(0, 1))(1.0, 3.0)
    (2.0, 6.0)
    >>> ft.grad(lambda p: p["w"] ** 2 + p["b"])({"w": 3.0, "b": 1.0})
    {'w': 6.0, 'b': 1.0}
    """
    transform = value_and_grad(
        f, argnums, argnames=argnames, has_aux=has_aux, holomorphic=holomorphic, allow_int=allow_int
    )

    @wraps(f, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, g = transform(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return gradient


def value_and_grad(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[..., Any]:
    """Return a function that computes the value and the gradient of a scalar function in one pass.

    Takes what `grad` takes. The result gives ``(value, gradient)``, with ``has_aux`` ``((value, aux), gradient)``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.value_and_grad(lambda x: x**2)(3.0)
    (9.0, 6.0)
    """
    selection = Selection(f, argnums, argnames)

    @wraps(f, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        selected, places = selection.take(args, kwargs)
        leaves, structure = tree.flatten(selected)
        if allow_int:
            positions = [i for i, x in enumerate(leaves) if dtype_of(x).kind in "fc"]
        else:
            leaves = _checked_inputs(leaves, selected, holomorphic)
            positions = list(range(len(leaves)))
        trace = ReverseTrace()
        traced = list(leaves)
        for i in positions:
            traced[i] = _traced(trace, leaves[i])
        new_args, new_kwargs = selection.put(tree.unflatten(structure, traced), places, args, kwargs)
        out = call(f, new_args, new_kwargs, trace)
        aux = None
        if has_aux:
            out, aux = split_aux(out)
            aux = tree.map(lambda a: _parts(trace, a)[0], aux)
        value, node = _parts(trace, out)
        _check_scalar(f, value, holomorphic)
        trace.close()
        found = {} if node is None else backward([(node, _one(value))])
        seen: set[int] = set()
        gradients = list(map(_zeros, leaves)) if len(found) < len(leaves) else list(leaves)
        for i in positions:
            order = traced[i].node[0]
            if order in found:
                gradients[i] = unshared(found[order], seen)
        g = tree.unflatten(structure, gradients)
        return ((value, aux), g) if has_aux else (value, g)

    return transformed


def grad_and_value(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[..., Any]:
    """Return a function that computes ``(gradient, value)``: `value_and_grad` in the order of ``torch.func``.

    With ``has_aux`` the result is ``(gradient, (value, aux))``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.grad_and_value(lambda x: x**2)(3.0)
    (6.0, 9.0)
    """
    transform = value_and_grad(
        f, argnums, argnames=argnames, has_aux=has_aux, holomorphic=holomorphic, allow_int=allow_int
    )

    @wraps(f, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        value, g = transform(*args, **kwargs)
        return g, value

    return transformed


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Compute ``f`` and the function that pulls cotangents back through it.

    Parameters
    ----------
    f
        A function of pytrees of arrays.
    primals
        Its positional arguments.
    has_aux
        Whether ``f`` returns a pair of which only the first is differentiated.

    Returns
    -------
    out, vjp_fn
        The value, and a function from a cotangent in the structure of ``out`` to a tuple with one cotangent a primal.
        None in the place of an output, or of a part of it, says that no cotangent arrives there. The function may be
        called many times, and under ``vmap``. With ``has_aux`` the auxiliary output follows.

    Raises
    ------
    TypeError
        If a primal is not floating or complex.
    ValueError
        From ``vjp_fn``, if the cotangent differs from the output in structure or shape.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> y, pull = ft.vjp(lambda x: x * x, np.array([1.0, 2.0]))
    >>> y
    array([1., 4.])
    >>> pull(np.array([1.0, 10.0]))
    (array([ 2., 40.]),)
    """
    return vjp_with(ReverseTrace(), f, primals, has_aux=has_aux)


def linearize(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Compute ``f`` and its tangent map at a point, to be applied many times without running ``f`` again.

    Parameters
    ----------
    f
        A function of pytrees of arrays.
    primals
        Its positional arguments.
    has_aux
        Whether ``f`` returns a pair of which only the first is differentiated.

    Returns
    -------
    out, f_jvp
        The value, and a function from tangents of the primals to the tangent of the output. With ``has_aux`` the
        auxiliary output follows.

    Notes
    -----
    The pullback of ``f`` is linear in the cotangent, and the pullback of that is the tangent map. So the map is a walk
    over a tape that holds linear operations only.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> y, push = ft.linearize(np.sin, 0.0)
    >>> float(push(2.0)), float(push(3.0))
    (2.0, 3.0)
    """
    out, pull, *aux = vjp_with(ReverseTrace(), f, primals, has_aux=has_aux, name="linearize")
    leaves, structure = tree.flatten(primals)
    zeros = tree.map(lambda y: np.zeros_like(y) if dtype_of(y).kind in "fc" else np.zeros(shape_of(y)), out)
    _, push = vjp(pull, zeros)

    def f_jvp(*tangents: Any) -> Any:
        directions, other = tree.flatten(tangents)
        if other != structure:
            raise ValueError(f"primals and tangents differ in structure: {structure} and {other}")
        (t,) = push(tree.unflatten(structure, check_like(directions, leaves, "tangent")))
        return t

    return (out, f_jvp, *aux)


def linear_transpose(f: Callable[..., Any], *primals: Any) -> Callable[[Any], tuple[Any, ...]]:
    """Return the transpose of a function that is linear in its arguments.

    Parameters
    ----------
    f
        A linear function of pytrees of arrays. It is run once, on the primals.
    primals
        Arguments of the right shapes and dtypes; their values do not matter.

    Returns
    -------
    callable
        From a cotangent of the output to a tuple of cotangents of the primals.

    Raises
    ------
    ValueError
        If an operation of ``f`` is not linear in what depends on the arguments.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> A = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> transpose = ft.linear_transpose(lambda x: A @ x, np.zeros(2))
    >>> transpose(np.array([1.0, 0.0]))
    (array([1., 2.]),)
    """
    _, pull = vjp_with(LinearTrace(name_of(f)), f, primals, name="linear_transpose")
    transpose: Callable[[Any], tuple[Any, ...]] = pull
    return transpose


def vjp_with(
    trace: ReverseTrace, f: Callable[..., Any], primals: tuple[Any, ...], *, has_aux: bool = False, name: str = "vjp"
) -> Any:
    """Compute what `vjp` does for the transformation of a name, recording on a trace, which is closed afterwards."""
    leaves, structure = tree.flatten(primals)
    leaves = differentiable(leaves, primals, name, "Convert it to float, or close over it.")
    traced = [_traced(trace, x) for x in leaves]
    out = call(f, tree.unflatten(structure, traced), {}, trace)
    aux = None
    if has_aux:
        out, aux = split_aux(out)
        aux = tree.map(lambda a: _parts(trace, a)[0], aux)
    out_leaves, out_structure = tree.flatten(out)
    parts = [_parts(trace, y) for y in out_leaves]
    trace.close()
    pullback = Pullback(parts, out_structure, leaves, [x.node[0] for x in traced], structure)
    return (pullback.value, pullback, aux) if has_aux else (pullback.value, pullback)


class Pullback:
    """The function from cotangents of what a recorded function has returned to those of its primals.

    Parameters
    ----------
    parts
        The value and the node of each leaf of the result; the node is None if it does not depend on the primals.
    out_structure
        The structure of the result.
    leaves, orders, structure
        The leaves of the primals, the orders of their nodes, and the structure of the tuple of primals.
    """

    __slots__ = ("leaves", "nodes", "orders", "out_structure", "structure", "value", "values")

    def __init__(
        self,
        parts: Sequence[tuple[Any, Node | None]],
        out_structure: tree.Structure,
        leaves: Sequence[Any],
        orders: Sequence[int],
        structure: tree.Structure,
    ) -> None:
        self.values = [value for value, _ in parts]
        self.nodes = [node for _, node in parts]
        self.out_structure = out_structure
        self.value = tree.unflatten(out_structure, self.values)
        self.leaves, self.orders, self.structure = leaves, orders, structure

    def __call__(self, cotangent: Any) -> tuple[Any, ...]:
        given, structure = tree.flatten(cotangent)
        present = list(range(len(self.values)))
        if structure != self.out_structure:
            given, present = _given_in_part(cotangent, self.value)
        given = check_like(given, [self.values[i] for i in present], "cotangent")
        cotangents: list[Any] = [None] * len(self.values)
        for i, g in zip(present, given, strict=True):
            cotangents[i] = g
        result: tuple[Any, ...] = tree.unflatten(self.structure, self.of_leaves(cotangents))
        return result

    def of_leaves(self, cotangents: Sequence[Any]) -> list[Any]:
        """Pull back a cotangent for each leaf of the result, of its shape and dtype, or None for zero."""
        given = [(node, g) for node, g in zip(self.nodes, cotangents, strict=True) if g is not None]
        found = backward((node, g) for node, g in given if node is not None)
        seen = {id(g) for _, g in given}
        return [
            unshared(found[order], seen) if order in found else _zeros(x)
            for order, x in zip(self.orders, self.leaves, strict=True)
        ]


def _given_in_part(cotangent: Any, value: Any) -> tuple[list[Any], list[int]]:
    """Return the cotangents that a tree with None in some places gives, and the positions of their outputs."""
    marked = tree.mark_none(cotangent)
    entries: list[Any] = []
    if any(g is tree.NONE for g in tree.leaves(marked)):
        with suppress(ValueError):
            entries = tree.broadcast_prefix(marked, value)
    present = [i for i, g in enumerate(entries) if g is not tree.NONE]
    if not present or len(present) != sum(g is not tree.NONE for g in tree.leaves(marked)):
        raise ValueError(
            f"the cotangent has structure {tree.structure(cotangent)} where the output has {tree.structure(value)}; it "
            f"needs one array for each output, or None for some"
        )
    return [entries[i] for i in present], present


def _traced(trace: ReverseTrace, value: Any) -> Taped:
    result = _new(Taped)
    result._trace = trace
    result.value = value
    result.node = leaf(value)
    return result


def _parts(trace: ReverseTrace, value: Any) -> tuple[Any, Node | None]:
    value = returned(value, trace)
    if isinstance(value, Taped) and value._trace is trace:
        return value.value, value.node
    return value, None


def _zeros(x: Any) -> Any:
    if not hasattr(x, "dtype"):
        return 0.0 if not isinstance(x, complex) else 0j
    return np.zeros_like(x) if x.dtype.kind in "fc" else np.zeros(x.shape)


def _one(value: Any) -> Any:
    dtype = getattr(value, "dtype", None)
    return 1.0 if dtype is None else dtype.type(1)


def _checked_inputs(leaves: Sequence[Any], selected: Any, holomorphic: bool) -> list[Any]:
    checked = differentiable(
        leaves,
        selected,
        "grad",
        "Convert it (x.astype(float), or write 3.0 instead of 3); pass allow_int=True for float zeros in its place.",
    )
    if holomorphic:
        for x in leaves:
            if dtype_of(x).kind != "c":
                raise TypeError(f"grad with holomorphic=True needs complex inputs; an argument is {dtype_of(x)}")
    return checked


def _check_scalar(f: Callable[..., Any], value: Any, holomorphic: bool) -> None:
    if type(value) is np.float64 and not holomorphic:
        return
    if not hasattr(value, "dtype") and not isinstance(value, int | float | complex):
        raise TypeError(
            f"grad needs a scalar result; {name_of(f)} returned a {type(value).__name__}. Return (scalar, aux) with "
            f"has_aux=True for a pair, use ft.jacobian or ft.vjp for several outputs."
        )
    shape = shape_of(value)
    if shape != ():
        raise TypeError(
            f"grad needs a scalar result; {name_of(f)} returned shape {shape}. Sum it, or use ft.jacobian for all the "
            f"derivatives, ft.vjp for a weighted sum of them, ft.vmap(ft.grad(f)) for one gradient an example."
        )
    kind = dtype_of(value).kind
    if holomorphic and kind != "c":
        raise TypeError(f"grad with holomorphic=True needs a complex result; {name_of(f)} returned {dtype_of(value)}")
    if kind not in "fc":
        raise TypeError(
            f"grad needs a real floating result; {name_of(f)} returned {dtype_of(value)}, which has no derivative "
            f"(multiply by 1.0 if zero is what you want)"
        )
    if not holomorphic and kind == "c":
        raise TypeError(
            f"grad needs a real result; {name_of(f)} returned {dtype_of(value)}. Take np.abs or np.real of it, or pass "
            f"holomorphic=True if the function is."
        )
