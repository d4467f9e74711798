"""Reverse mode: run a function on the tape, then walk the tape back.

Source: Griewank and Walther, *Evaluating Derivatives* (2008), chapter 3; the walk itself is `core.backward.backward`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.backward import backward
from functorch_lite.core.operands import bottom, is_at_hand, shape_of
from functorch_lite.core.tape import LinearTrace, ReverseTrace
from functorch_lite.core.trace import Tracer
from functorch_lite.transforms.arguments import (
    Argnames,
    Argnums,
    Selection,
    call,
    check_callable,
    check_like,
    described,
    differentiable,
    dtype_of,
    is_number,
    like_primal,
    name_of,
    returned,
    split_aux,
    unshared,
)
from functorch_lite.transforms.pullback import parts_of, traced, vjp_with, zeros_for

__all__ = ["grad", "grad_and_value", "linear_transpose", "linearize", "value_and_grad", "vjp"]


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
    check_callable(f, "grad")
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

    Parameters
    ----------
    f, argnums, argnames, has_aux, holomorphic, allow_int
        As for `grad`, which also says what is raised.

    Returns
    -------
    callable
        With the arguments of ``f``. It gives ``(value, gradient)``, with ``has_aux`` ``((value, aux), gradient)``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.value_and_grad(lambda x: x**2)(3.0)
    (9.0, 6.0)
    """
    check_callable(f, "value_and_grad")
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
        tracers = list(leaves)
        for i in positions:
            tracers[i] = traced(trace, leaves[i])
        new_args, new_kwargs = selection.put(tree.unflatten(structure, tracers), places, args, kwargs)
        out = call(f, new_args, new_kwargs, trace)
        aux = None
        if has_aux:
            out, aux = split_aux(out, f)
            aux = tree.map(lambda a: parts_of(trace, returned(a, trace))[0], aux)
        value, node = parts_of(trace, returned(out, trace))
        _check_scalar(f, value, holomorphic)
        trace.close()
        found = {} if node is None else backward([(node, _one(value))])
        seen: set[int] = set()
        gradients = list(map(zeros_for, leaves)) if len(found) < len(leaves) else list(leaves)
        for i in positions:
            order = tracers[i].node[0]
            if order in found:
                gradients[i] = unshared(found[order], seen)
        for i, x in enumerate(leaves):
            if isinstance(x, Tracer):
                gradients[i] = like_primal(gradients[i], x)
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
    """Return a function that computes the gradient and the value: `value_and_grad` in the order of ``torch.func``.

    Parameters
    ----------
    f, argnums, argnames, has_aux, holomorphic, allow_int
        As for `grad`, which also says what is raised.

    Returns
    -------
    callable
        With the arguments of ``f``. It gives ``(gradient, value)``, with ``has_aux`` ``(gradient, (value, aux))``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.grad_and_value(lambda x: x**2)(3.0)
    (6.0, 9.0)
    """
    check_callable(f, "grad_and_value")
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
    return vjp_with(ReverseTrace(), f, primals, has_aux=has_aux, own=True)


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
    out, pull, *aux = vjp_with(ReverseTrace(), f, primals, has_aux=has_aux, name="linearize", own=True)
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
        A linear function of pytrees of arrays. It is run once, on zeros like the primals.
    primals
        Arguments of the right shapes and dtypes; their values do not matter.

    Returns
    -------
    callable
        From a cotangent of the output to a tuple of cotangents of the primals.

    Raises
    ------
    ValueError
        If an operation of ``f`` is not linear in what depends on the arguments, or ``f`` is not zero at zero.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> A = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> transpose = ft.linear_transpose(lambda x: A @ x, np.zeros(2))
    >>> transpose(np.array([1.0, 0.0]))
    (array([1., 2.]),)
    """
    check_callable(f, "linear_transpose", "(f, x)")
    leaves, structure = tree.flatten(primals)
    leaves = differentiable(leaves, primals, "linear_transpose")
    zeros = tree.unflatten(structure, map(_zero_like, leaves))
    with np.errstate(divide="ignore", invalid="ignore"):  # 0·∞ is what the zeros meet, not what the user computes
        _, pull = vjp_with(LinearTrace(name_of(f)), f, zeros, name="linear_transpose")
    for y in pull.values:
        if _is_not_zero(y):
            raise ValueError(
                f"{name_of(f)} is not linear: at zero it gives {described(y)} that is not zero. Leave the constant "
                f"out, or transpose the tangent map: ft.linear_transpose(ft.linearize(f, x)[1], x)"
            )
    pull.leaves = leaves
    transpose: Callable[[Any], tuple[Any, ...]] = pull
    return transpose


def _zero_like(x: Any) -> Any:
    """Return the zero of an array's shape and dtype, traced where the array is; of a Python number, its zero."""
    bare = bottom(x)
    if isinstance(x, np.generic) or not hasattr(bare, "dtype"):
        return type(bare)(0)
    return np.zeros_like(x)


def _is_not_zero(y: Any) -> bool:
    """Say whether a result, traced or not, is known not to be zero; NaN is unknown, and so is what is not at hand."""
    y = bottom(y)
    return is_at_hand(y) and dtype_of(y).kind in "fc" and bool(np.any((y != 0) & (y == y)))


def _one(value: Any) -> Any:
    dtype = getattr(value, "dtype", None)
    return 1.0 if dtype is None else dtype.type(1)


def _checked_inputs(leaves: Sequence[Any], selected: Any, holomorphic: bool) -> list[Any]:
    checked = differentiable(
        leaves,
        selected,
        "grad",
        "Convert it (x.astype(float), or write 3.0 instead of 3); pass allow_int=True for float zeros in its place.",
        "Leave it out of argnums",
    )
    if holomorphic:
        for x in leaves:
            if dtype_of(x).kind != "c":
                raise TypeError(f"grad with holomorphic=True needs complex inputs; an argument is {dtype_of(x)}")
    return checked


def _check_scalar(f: Callable[..., Any], value: Any, holomorphic: bool) -> None:
    if type(value) is np.float64 and not holomorphic:
        return
    if not is_number(value):
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
