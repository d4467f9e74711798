"""The Jacobian of one call of a function, in forward or in reverse mode; the function runs once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.backward import Walk
from functorch_lite.core.operands import shape_of
from functorch_lite.core.tape import ReverseTrace
from functorch_lite.transforms.arguments import (
    LEFT_OUT,
    Selection,
    differentiable,
    dtype_of,
    name_of,
    named_like,
)
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.many_tangents import push_many
from functorch_lite.transforms.pullback import Pullback, recorded
from functorch_lite.transforms.reverse import vjp
from functorch_lite.transforms.standard_basis import basis, dimension, images, size_of, split

__all__ = ["Call", "Options", "call_of", "check_output", "in_forward_mode", "in_reverse_mode", "rows", "without_value"]


class Options(NamedTuple):
    """How a Jacobian is to be computed, and under which name its errors go."""

    name: str
    has_aux: bool
    holomorphic: bool
    chunk_size: int | None
    #: Whether inputs may be complex though the function is not holomorphic.
    takes_complex: bool = False


class Call(NamedTuple):
    """A call whose Jacobian is asked for, as one of the leaves of the arguments that are selected."""

    #: The function as the user gave it, for messages.
    f: Callable[..., Any]
    of_leaves: Callable[[list[Any]], Any]
    leaves: list[Any]
    #: That of the selected arguments.
    structure: tree.Structure
    options: Options


def call_of(selection: Selection, options: Options, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Return the call of a function with some arguments, of which those selected are checked to be differentiable."""
    f = selection.f
    selected, places = selection.take(args, kwargs)
    leaves, structure = tree.flatten(selected)

    def of_leaves(xs: list[Any]) -> Any:
        new_args, new_kwargs = selection.put(tree.unflatten(structure, xs), places, args, kwargs)
        return f(*new_args, **new_kwargs)

    return Call(f, named_like(f, of_leaves), _checked(f, leaves, selected, options), structure, options)


def in_forward_mode(call: Call) -> tuple[Any, Any, Any]:
    """Return value, auxiliary output and Jacobian of a call, by the basis of its leaves."""
    _, of_leaves, leaves, structure, options = call
    if dimension(leaves):
        directions = basis(leaves, sparse=options.chunk_size is None)
        value, columns, aux = push_many(of_leaves, leaves, directions, options.has_aux, options.chunk_size)
    else:
        out = jvp(of_leaves, (leaves,), (list(map(np.zeros_like, leaves)),), has_aux=options.has_aux)
        value, tangents, aux = out if options.has_aux else (*out, None)
        columns = tree.map(lambda t: np.zeros((*shape_of(t), 0), dtype_of(t)), tangents)
    return value, aux, tree.map(lambda c: tree.unflatten(structure, split(c, leaves, -1)), columns)


def in_reverse_mode(call: Call, trace: ReverseTrace, walk: Walk, choose: bool = False) -> tuple[Any, Any, Any]:
    """Return value, auxiliary output and Jacobian of a call, by the basis of its outputs.

    The function is recorded on the trace; from a single output the walk goes back. Where it may ``choose``, and the
    outputs are more than the leaves' elements, the basis is that of the leaves.
    """
    pull, aux = recorded(trace, call.f, call.of_leaves, call.leaves, call.structure, call.options.has_aux)
    for y in pull.values:
        check_output(call, y)
    return pull.value, aux, rows(call, pull, trace, walk, choose)


def rows(call: Call, pull: Pullback, trace: ReverseTrace, walk: Walk, choose: bool = False) -> Any:
    """Return the Jacobian of what was recorded; see `in_reverse_mode`."""
    _, _, leaves, structure, options = call
    out_leaves, out_structure = pull.values, pull.out_structure
    if len(out_leaves) == 1 and shape_of(out_leaves[0]) == ():
        gradients = pull.of_leaves([dtype_of(out_leaves[0]).type(1)], walk)
        return tree.unflatten(out_structure, [tree.unflatten(structure, gradients)])
    is_differential = options.holomorphic or all(dtype_of(x).kind != "c" for x in leaves)
    if choose and is_differential and 0 < dimension(leaves) < dimension(out_leaves):
        push = _transposed(pull, out_leaves)
        columns = images(push, leaves, options.chunk_size, trace.is_linear_back, last=True)
        return tree.unflatten(out_structure, [tree.unflatten(structure, split(c, leaves, -1)) for c in columns])
    return _pulled(pull, leaves, options.chunk_size, trace.is_linear_back)


def check_output(call: Call, y: Any) -> None:
    """Raise if an output has no derivative, or is complex and the function not declared to be holomorphic."""
    kind = dtype_of(y).kind
    if kind == "c" and not call.options.holomorphic:
        raise TypeError(
            f"the Jacobian of {name_of(call.f)} in reverse mode: the output is {dtype_of(y)}. Use jacfwd for a complex "
            f"function of real inputs, holomorphic=True for one of complex inputs that is, and np.real and np.imag of "
            f"the result for one that is not."
        )
    if kind not in "fc":
        raise TypeError(f"the Jacobian of {name_of(call.f)}: an output is {dtype_of(y)}, which has no derivative")


def without_value(f: Callable[..., Any], transform: Callable[..., Any], has_aux: bool) -> Callable[..., Any]:
    """Return a function named as ``f`` that gives what a transform of value, auxiliary output and result gives last."""

    @wraps(f, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        _, aux, result = transform(*args, **kwargs)
        return (result, aux) if has_aux else result

    return transformed


def _pulled(pull: Pullback, leaves: list[Any], chunk_size: int | None, is_linear: bool) -> Any:
    """Return the Jacobian row by row, from a batch of cotangents for each output."""
    jac = []
    for j, y in enumerate(pull.values):

        def row(g: list[Any], j: int = j) -> list[Any]:
            return pull.of_leaves([g[0] if i == j else None for i in range(len(pull.values))])

        empty = [np.zeros((0, *shape_of(x)), dtype_of(x)) for x in leaves]
        of_output = images(row, [y], chunk_size, is_linear) if size_of(y) else empty
        jac.append(tree.unflatten(pull.structure, [split(r, [y], 0)[0] for r in of_output]))
    return tree.unflatten(pull.out_structure, jac)


def _transposed(pull: Pullback, out_leaves: list[Any]) -> Callable[[list[Any]], list[Any]]:
    """Return the pullback's own pullback, which pushes tangents: the function does not run again."""
    _, push = vjp(pull.of_leaves, list(map(np.zeros_like, out_leaves)))
    return lambda direction: push(direction)[0]


def _checked(f: Callable[..., Any], leaves: list[Any], selected: Any, options: Options) -> list[Any]:
    transformation, holomorphic = options.name, options.holomorphic
    leaves = differentiable(leaves, selected, transformation, *LEFT_OUT)
    for x in leaves:
        if (dtype_of(x).kind == "c") != holomorphic and (holomorphic or not options.takes_complex):
            raise TypeError(
                f"{transformation} of {name_of(f)}: an input is {dtype_of(x)}, but holomorphic={holomorphic}. Pass "
                f"holomorphic=True if the function is (and all inputs complex); else differentiate with respect to the "
                f"real and imaginary parts."
            )
    return leaves
