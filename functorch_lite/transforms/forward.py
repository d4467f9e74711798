"""Forward mode: dual numbers.

A `Dual` carries a value and a tangent; each primitive pushes tangents forward by its own rule. Source: Griewank and
Walther, *Evaluating Derivatives* (2008), chapter 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.operands import is_unready, quotient, zeros_like
from functorch_lite.core.primitive import Arrays, JointPrimitive, Params, Primitive
from functorch_lite.core.rules import IDENTITY, KEEP_ANS, KEEP_NOTHING, KEEP_X, KEEP_Y, KEPT, NEGATION, QUOTIENT
from functorch_lite.core.trace import Trace, Tracer
from functorch_lite.core.tracer import ArrayTracer
from functorch_lite.transforms.arguments import (
    call,
    check_callable,
    check_like,
    differentiable,
    like_primal,
    returned,
    returned_leaves,
    split_aux,
    unshared,
)

__all__ = ["Dual", "ForwardTrace", "called_with_duals", "jvp", "projected"]

_new = object.__new__


def jvp(f: Callable[..., Any], primals: Any, tangents: Any, *, has_aux: bool = False) -> Any:
    """Compute ``f`` and its directional derivative by dual numbers.

    Parameters
    ----------
    f
        A function of pytrees of arrays.
    primals
        A tuple or list of its positional arguments.
    tangents
        A tuple or list of the same structure, shapes and kinds: the direction.
    has_aux
        Whether ``f`` returns a pair of which only the first is differentiated.

    Returns
    -------
    out, tangent_out
        The value, and the derivative ``J · tangents`` in its structure; with ``has_aux`` also the auxiliary output.

    Raises
    ------
    TypeError
        If a primal is not floating or complex, or primals and tangents differ in kind.
    ValueError
        If structures or shapes differ.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.jvp(lambda x: x**3, (2.0,), (1.0,))
    (8.0, 12.0)
    >>> f = lambda x, p: p["a"] * np.sum(x * x)
    >>> y, t = ft.jvp(f, (np.array([1.0, 2.0]), {"a": 3.0}), (np.array([1.0, 0.0]), {"a": 0.0}))
    >>> float(y), float(t)
    (15.0, 6.0)
    """
    check_callable(f, "jvp", "(f, (x,), (t,))")
    if not (isinstance(primals, tuple | list) and isinstance(tangents, tuple | list)):
        raise TypeError(
            f"jvp takes tuples of primals and tangents, not {type(primals).__name__} and {type(tangents).__name__}"
        )
    leaves, structure = tree.flatten(tuple(primals))
    directions, other = tree.flatten(tuple(tangents))
    if other != structure:
        raise ValueError(f"primals and tangents differ in structure: {structure} and {other}")
    leaves = differentiable(leaves, tuple(primals), "jvp")
    directions = check_like(directions, leaves, "tangent")
    trace = ForwardTrace()
    duals = [trace.dual(x, t) for x, t in zip(leaves, directions, strict=True)]
    parts, out_structure, aux = called_with_duals(f, tree.unflatten(structure, duals), trace, has_aux)
    value = tree.unflatten(out_structure, [v for v, _ in parts])
    seen = {id(t) for t in directions}
    tangents = (like_primal(zeros_like(v) if t is None else unshared(t, seen), v) for v, t in parts)
    tangent = tree.unflatten(out_structure, tangents)
    return (value, tangent, aux) if has_aux else (value, tangent)


def called_with_duals(
    f: Callable[..., Any], args: Sequence[Any], trace: ForwardTrace, has_aux: bool
) -> tuple[list[tuple[Any, Any]], tree.Structure, Any]:
    """Call a function with dual numbers, and end their trace.

    Returns
    -------
    list, structure, aux
        The value and the tangent of each leaf of the result; its structure; the values of the auxiliary part, or None.
    """
    out = call(f, args, {}, trace)
    aux = None
    if has_aux:
        out, aux = split_aux(out, f)
        aux = tree.map(lambda a: trace.parts(returned(a, trace))[0], aux)
    leaves, structure = returned_leaves(out, trace, f)
    parts = [trace.parts(leaf) for leaf in leaves]
    trace.close()
    return parts, structure, aux


class Dual(ArrayTracer):
    """A value of forward mode with its tangent, which has the value's shape and dtype."""

    __slots__ = ("tangent",)

    tangent: Any


class ForwardTrace(Trace):
    """Push tangents through each operation."""

    transformation = "forward-mode differentiation (jvp, jacfwd)"

    def dual(self, value: Any, tangent: Any) -> Dual:
        """Return a dual number of this trace."""
        result = _new(Dual)
        result._trace = self
        result.value = value
        result.tangent = tangent
        return result

    def parts(self, value: Any) -> tuple[Any, Any]:
        """Return value and tangent of a result; the tangent is None if it does not depend on this trace's inputs."""
        if isinstance(value, Dual) and value._trace is self:
            return value.value, value.tangent
        return value, None

    def parted(self, arrays: Arrays) -> tuple[list[Any], list[Any]]:
        """Return the values of arrays, and their tangents: None of what is no dual number of this trace."""
        values: list[Any] = []
        tangents: list[Any] = []
        for a in arrays:
            if isinstance(a, Tracer) and a._trace is self:
                values.append(a.value)
                tangents.append(a.tangent)  # type: ignore[attr-defined]
            else:
                values.append(a)
                tangents.append(None)
        return values, tangents

    def fitted(self, t: Any, ans: Any) -> Any:
        """Return a tangent in the shape and dtype that go with a value."""
        return projected(t, ans)

    def unary(self, primitive: Primitive, x: Any) -> Any:
        if not primitive.is_pointwise:
            return self.process(primitive, (x,), ())
        value = x.value
        ans = primitive.function(value)
        partial = primitive.partial
        if partial is IDENTITY:
            t = x.tangent
        elif partial is NEGATION:
            t = -x.tangent
        else:
            keep = primitive.keep
            if keep == KEEP_X:
                kept = value
            elif keep == KEEP_ANS:
                kept = ans
            else:
                kept = None if keep == KEEP_NOTHING else primitive.readers[0]((ans, value))
            if partial is QUOTIENT:
                t = quotient(x.tangent, kept)
            else:
                t = x.tangent * (kept if partial is KEPT else partial(kept))
        try:
            if t.dtype is not ans.dtype or t.shape != ans.shape:
                t = self.fitted(t, ans)
        except AttributeError:  # a Python scalar
            t = self.fitted(t, ans)
        result = _new(Dual)
        result._trace = self
        result.value = ans
        result.tangent = t
        return result

    def binary(self, primitive: Primitive, x: Any, y: Any) -> Any:
        if not primitive.is_pointwise:
            return primitive.bind((x, y), ())
        x_value, y_value, t = x, y, None
        x_tangent = y_tangent = None
        if isinstance(x, Tracer):
            if x._trace is self:
                x_value, x_tangent = x.value, x.tangent  # type: ignore[attr-defined]
        elif type(x) is not float and is_unready(x):
            return primitive.bind((x, y), ())
        if isinstance(y, Tracer):
            if y._trace is self:
                y_value, y_tangent = y.value, y.tangent  # type: ignore[attr-defined]
        elif type(y) is not float and is_unready(y):
            return primitive.bind((x, y), ())
        ans = primitive.function(x_value, y_value)
        if x_tangent is not None:
            partial = primitive.partial
            if partial is IDENTITY:
                t = x_tangent
            elif partial is NEGATION:
                t = -x_tangent
            elif partial is not None:
                kept = y_value
                if primitive.keep != KEEP_Y:
                    reader = primitive.readers[0]
                    kept = reader and reader((ans, x_value, y_value))
                if partial is QUOTIENT:
                    t = quotient(x_tangent, kept)
                else:
                    t = x_tangent * (kept if partial is KEPT else partial(kept))
        if y_tangent is not None:
            partial = primitive.second_partial
            if partial is not None:
                if partial is IDENTITY:
                    s = y_tangent
                elif partial is NEGATION:
                    s = -y_tangent if t is None else y_tangent
                else:
                    kept = x_value
                    if primitive.second_keep != KEEP_X:
                        reader = primitive.readers[1]
                        kept = reader and reader((ans, x_value, y_value))
                    if partial is QUOTIENT:
                        s = quotient(y_tangent, kept)
                    else:
                        s = y_tangent * (kept if partial is KEPT else partial(kept))
                t = s if t is None else t - s if partial is NEGATION else t + s
        try:
            if t is None:
                return ans
            if t.dtype is not ans.dtype or t.shape != ans.shape:
                t = self.fitted(t, ans)
        except AttributeError:  # a Python scalar
            t = self.fitted(t, ans)
        result = _new(Dual)
        result._trace = self
        result.value = ans
        result.tangent = t
        return result

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        if primitive.is_inlined:
            return primitive.function(arrays)
        if primitive.is_simple:
            value, t = arrays[0].value, arrays[0].tangent
            ans = primitive.bind((value,), params)
            return self.dual(ans, projected(primitive.push((t,), ans, (value,), params), ans))
        values, tangents = self.parted(arrays)
        if isinstance(primitive, JointPrimitive):
            results, pushed = primitive.forward(tuple(values), tangents)
            return tuple(
                y if t is None else self.dual(y, projected(t, y)) for y, t in zip(results, pushed, strict=True)
            )
        ans = primitive.bind(tuple(values), params)
        t = primitive.push(tangents, ans, tuple(values), params)
        if t is None:
            return ans
        if type(ans) is tuple:
            return tuple(a if s is None else self.dual(a, projected(s, a)) for a, s in zip(ans, t, strict=True))
        return self.dual(ans, projected(t, ans))


def projected(t: Any, ans: Any, many: tuple[int, ...] = ()) -> Any:
    """Project a tangent to the shape and dtype of its primal: broadcast it, keep real real and the precision.

    The precision of a Python scalar is weak; only its kind counts. Where there are ``many`` tangents, their number is
    the length of axis 0.
    """
    shape = (*many, *getattr(ans, "shape", ()))
    if getattr(t, "shape", ()) != shape:
        t = np.broadcast_to(t, shape)
    dtype = getattr(ans, "dtype", None)
    own = getattr(t, "dtype", None)
    if dtype is None:
        return t.real if isinstance(ans, float) and (own.kind == "c" if own is not None else type(t) is complex) else t
    if own is None:
        return dtype.type(t if dtype.kind == "c" else t.real)
    if own is dtype or own == dtype:
        return t
    if own.kind == "c" and dtype.kind != "c":
        t = t.real
    return t if t.dtype == dtype else t.astype(dtype)
