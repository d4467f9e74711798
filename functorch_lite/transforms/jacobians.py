"""Jacobians and Hessians: one batched pass over a basis.

The basis is that of the inputs in forward mode, that of the outputs in reverse mode. The function itself runs once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.backward import Walk
from functorch_lite.core.operands import shape_of
from functorch_lite.core.tape import ReverseTrace
from functorch_lite.transforms.arguments import (
    LEFT_OUT,
    Argnames,
    Argnums,
    Selection,
    check_callable,
    differentiable,
    dtype_of,
    like_primal,
    name_of,
    named_like,
)
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.directions import Space
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.many_tangents import ManyTangentsTrace, columns_of, push_many
from functorch_lite.transforms.pullback import Pullback, recorded
from functorch_lite.transforms.reverse import vjp
from functorch_lite.transforms.second_order import SecondOrderWalk, reverse_over
from functorch_lite.transforms.tangent_arrays import SparseTangents, as_tangents

__all__ = ["basis", "hessian", "jacfwd", "jacobian", "jacrev", "split", "value_and_jacobian"]


#: From so many outputs on, a pass that also computes the cotangent of zero costs less than keeping zeros.
FEWEST_PUSHED = 64


def jacfwd(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian in forward mode: one batch of tangents, as many as inputs.

    Parameters
    ----------
    f
        A function of pytrees of arrays.
    argnums, argnames
        The arguments to differentiate with respect to; see `grad`.
    has_aux
        Whether ``f`` returns a pair of which only the first is differentiated.
    holomorphic
        Whether ``f`` is holomorphic; required when an input is complex. In reverse mode (`jacrev`, `jacobian`) a real
        function of complex inputs may do without: its rows are then gradients as `grad` gives them.
    chunk_size
        Push at most this many tangents at a time, which bounds memory.

    Returns
    -------
    callable
        With the arguments of ``f``. It gives a tree with the structure of the output, whose leaves are trees with the
        structure of the argument (a tuple of them for several), whose leaves have shape ``out.shape + in.shape``. With
        ``has_aux`` a pair ``(jacobian, aux)``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.jacfwd(lambda x: np.stack([x[0] * x[1], x[1] ** 2]))(np.array([2.0, 3.0]))
    array([[3., 2.],
           [0., 6.]])
    """
    check_callable(f, "jacfwd")
    options = _Options("jacfwd", has_aux, holomorphic, chunk_size)
    return _without_value(f, _value_and_jacfwd(f, Selection(f, argnums, argnames), options), has_aux)


def jacrev(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian in reverse mode: one batch of cotangents, as many as outputs.

    Parameters
    ----------
    f, argnums, argnames, has_aux, holomorphic
        As for `jacfwd`.
    chunk_size
        Pull back at most this many cotangents at a time, which bounds memory.

    Returns
    -------
    callable
        As of `jacfwd`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.jacrev(lambda x: np.stack([x[0] * x[1], x[1] ** 2]))(np.array([2.0, 3.0]))
    array([[3., 2.],
           [0., 6.]])
    """
    check_callable(f, "jacrev")
    options = _Options("jacrev", has_aux, holomorphic, chunk_size, takes_complex=True)
    return _without_value(f, _value_and_jacrev(f, Selection(f, argnums, argnames), options), has_aux)


def jacobian(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian in the mode that takes fewer passes.

    The function runs once, on the tape; then the sizes of output and input decide whether cotangents are pulled back
    through the tape or tangents pushed along it.

    Parameters
    ----------
    f, argnums, argnames, has_aux, holomorphic, chunk_size
        As for `jacfwd`.

    Returns
    -------
    callable
        As of `jacfwd`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    check_callable(f, "jacobian")
    options = _Options("jacobian", has_aux, holomorphic, chunk_size, takes_complex=True)
    transform = _value_and_jacrev(f, Selection(f, argnums, argnames), options, choose=True)
    return _without_value(f, transform, has_aux)


def value_and_jacobian(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that computes value and Jacobian in one pass.

    Parameters
    ----------
    f, argnums, argnames, has_aux, holomorphic, chunk_size
        As for `jacobian`.

    Returns
    -------
    callable
        With the arguments of ``f``. It gives ``(value, jacobian)``, with ``has_aux`` ``((value, aux), jacobian)``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.value_and_jacobian(np.square)(np.array([1.0, 2.0]))
    (array([1., 4.]), array([[2., 0.],
           [0., 4.]]))
    """
    check_callable(f, "value_and_jacobian")
    options = _Options("value_and_jacobian", has_aux, holomorphic, chunk_size, takes_complex=True)
    transform = _value_and_jacrev(f, Selection(f, argnums, argnames), options, choose=True)

    @wraps(f, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        value, aux, jac = transform(*args, **kwargs)
        return ((value, aux), jac) if has_aux else (value, jac)

    return transformed


def hessian(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that computes the Hessian: forward over reverse mode, all columns in one batch.

    Parameters
    ----------
    f
        A function of pytrees of arrays, of a scalar result as a rule.
    argnums, argnames, has_aux, holomorphic, chunk_size
        As for `jacfwd`.

    Returns
    -------
    callable
        It gives a tree of the output, of the argument, of the argument again; leaves have shape
        ``out.shape + in.shape + in.shape``. With ``has_aux`` a pair ``(hessian, aux)``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    check_callable(f, "hessian")
    options = _Options("hessian", has_aux, holomorphic, chunk_size)
    return _without_value(f, _gradient_and_hessian(f, Selection(f, argnums, argnames), options), has_aux)


def basis(leaves: Sequence[Any], sparse: bool = False) -> list[Any]:
    """Return the standard basis of the space of the leaves: for each leaf, its part of all vectors.

    They are stacked, or `SparseTangents` except for Python's numbers.
    """
    total, start = _total(leaves), 0
    space = Space(total)
    parts: list[Any] = []
    for x in leaves:
        n = _size(x)
        if sparse and hasattr(x, "dtype"):
            parts.append(SparseTangents.basis(x, start, space))
            start += n
            continue
        part = np.zeros((total, n), dtype_of(x))
        part.reshape(-1)[start * n : (start + n) * n : n + 1] = 1
        parts.append(part.reshape(total, *shape_of(x)))
        start += n
    return parts


def split(x: Any, leaves: Sequence[Any], axis: int) -> list[Any]:
    """Split an axis that runs over all elements of the leaves, and give each part its leaf's shape there."""
    start, parts, shape = 0, [], shape_of(x)
    for leaf in leaves:
        stop = start + _size(leaf)
        if axis == 0:
            part = x if len(leaves) == 1 else x[start:stop]
            part = part.reshape((*shape_of(leaf), *shape[1:]))
        else:
            part = x if len(leaves) == 1 else x[..., start:stop]
            part = part.reshape((*shape[:-1], *shape_of(leaf)))
        parts.append(like_primal(_writable(part), leaf))
        start = stop
    return parts


class _Options(NamedTuple):
    """How a Jacobian is to be computed, and under which name its errors go."""

    name: str
    has_aux: bool
    holomorphic: bool
    chunk_size: int | None
    #: Whether inputs may be complex though the function is not holomorphic.
    takes_complex: bool = False


def _value_and_jacfwd(
    f: Callable[..., Any], selection: Selection, options: _Options
) -> Callable[..., Any]:
    def transformed(*args: Any, **kwargs: Any) -> Any:
        of_leaves, leaves, structure = _of_leaves(f, selection, options, args, kwargs)
        value, aux, jac = _forward(of_leaves, leaves, structure, options)
        for y in tree.leaves(value):
            if dtype_of(y).kind not in "fc":
                _check_output(f, y, options)
        return value, aux, jac

    return transformed


def _value_and_jacrev(
    f: Callable[..., Any], selection: Selection, options: _Options, choose: bool = False
) -> Callable[..., Any]:
    def transformed(*args: Any, **kwargs: Any) -> Any:
        return _reverse(ReverseTrace(), Walk(), f, *_of_leaves(f, selection, options, args, kwargs), options, choose)

    return transformed


def _gradient_and_hessian(
    f: Callable[..., Any], selection: Selection, options: _Options
) -> Callable[..., Any]:
    def transformed(*args: Any, **kwargs: Any) -> Any:
        of_leaves, leaves, structure = _of_leaves(f, selection, options, args, kwargs)
        size = _total(leaves)
        if size and options.chunk_size is None:
            return None, *_hessian(f, of_leaves, leaves, structure, size, options)

        def gradient(duals: list[Any]) -> Any:
            _, aux, jac = _reverse(*reverse_over(duals), f, of_leaves, duals, structure, options)
            return (jac, aux) if options.has_aux else jac

        return _forward(gradient, leaves, structure, options)

    return transformed


def _hessian(
    f: Callable[..., Any],
    of_leaves: Callable[[list[Any]], Any],
    leaves: list[Any],
    structure: tree.Structure,
    size: int,
    options: _Options,
) -> tuple[Any, Any]:
    """Return auxiliary output and Hessian of a function of leaves, all directions at once: it runs once."""
    trace = ManyTangentsTrace(size)
    try:
        duals = [trace.dual(x, as_tangents(t)) for x, t in zip(leaves, basis(leaves, sparse=True), strict=True)]
        recording, walk = reverse_over(duals)
        pull, aux = recorded(recording, f, of_leaves, duals, structure, options.has_aux)
        for y in pull.values:
            _check_output(f, y, options)
        if isinstance(walk, SecondOrderWalk) and len(pull.values) == 1 and shape_of(pull.values[0]) == ():
            columns = walk.columns(pull)
        else:
            gradients = tree.leaves(_rows(pull, recording, walk, duals, structure, options))
            seen: set[int] = set()
            columns = [columns_of(*trace.parts(g), size, True, seen) for g in gradients]
        if options.has_aux:
            aux = tree.map(lambda a: trace.parts(a)[0], aux)
    finally:
        trace.close()
    rows = [tree.unflatten(structure, split(c, leaves, -1)) for c in columns]
    by_output = [tree.unflatten(structure, rows[i : i + len(leaves)]) for i in range(0, len(rows), len(leaves))]
    return aux, tree.unflatten(pull.out_structure, by_output)


def _of_leaves(
    f: Callable[..., Any], selection: Selection, options: _Options, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Callable[[list[Any]], Any], list[Any], tree.Structure]:
    """Return a call of a function as one of the leaves of the selected arguments; these; and their structure."""
    selected, places = selection.take(args, kwargs)
    leaves, structure = tree.flatten(selected)

    def of_leaves(xs: list[Any]) -> Any:
        new_args, new_kwargs = selection.put(tree.unflatten(structure, xs), places, args, kwargs)
        return f(*new_args, **new_kwargs)

    return named_like(f, of_leaves), _checked(f, leaves, selected, options), structure


def _forward(
    f: Callable[[list[Any]], Any], leaves: list[Any], structure: tree.Structure, options: _Options
) -> tuple[Any, Any, Any]:
    """Return value, auxiliary output and Jacobian of a function of leaves, by their basis."""
    if _total(leaves):
        directions = basis(leaves, sparse=options.chunk_size is None)
        value, columns, aux = push_many(f, leaves, directions, options.has_aux, options.chunk_size)
    else:
        out = jvp(f, (leaves,), (list(map(np.zeros_like, leaves)),), has_aux=options.has_aux)
        value, tangents, aux = out if options.has_aux else (*out, None)
        columns = tree.map(lambda t: np.zeros((*shape_of(t), 0), dtype_of(t)), tangents)
    return value, aux, tree.map(lambda c: tree.unflatten(structure, split(c, leaves, -1)), columns)


def _reverse(
    trace: ReverseTrace,
    walk: Walk,
    f: Callable[..., Any],
    of_leaves: Callable[[list[Any]], Any],
    leaves: list[Any],
    structure: tree.Structure,
    options: _Options,
    choose: bool = False,
) -> tuple[Any, Any, Any]:
    """Return value, auxiliary output and Jacobian of a function of leaves, by the basis of its outputs.

    The function is recorded on the trace; from a single output the walk goes back. Where it may ``choose``, and the
    outputs are more than the leaves' elements, the basis is that of the leaves.
    """
    pull, aux = recorded(trace, f, of_leaves, leaves, structure, options.has_aux)
    for y in pull.values:
        _check_output(f, y, options)
    return pull.value, aux, _rows(pull, trace, walk, leaves, structure, options, choose)


def _rows(
    pull: Pullback,
    trace: ReverseTrace,
    walk: Walk,
    leaves: list[Any],
    structure: tree.Structure,
    options: _Options,
    choose: bool = False,
) -> Any:
    """Return the Jacobian of what was recorded; see `_reverse`."""
    out_leaves, out_structure = pull.values, pull.out_structure
    if len(out_leaves) == 1 and shape_of(out_leaves[0]) == ():
        gradients = pull.of_leaves([dtype_of(out_leaves[0]).type(1)], walk)
        return tree.unflatten(out_structure, [tree.unflatten(structure, gradients)])
    is_differential = options.holomorphic or all(dtype_of(x).kind != "c" for x in leaves)
    if choose and is_differential and 0 < _total(leaves) < _total(out_leaves):
        push = _transposed(pull, out_leaves)
        columns = _by_basis(push, leaves, options.chunk_size, trace.is_linear_back, last=True)
        return tree.unflatten(out_structure, [tree.unflatten(structure, split(c, leaves, -1)) for c in columns])
    return _pulled(pull, leaves, options.chunk_size, trace.is_linear_back)


def _pulled(pull: Pullback, leaves: list[Any], chunk_size: int | None, is_linear: bool) -> Any:
    """Return the Jacobian row by row, from a batch of cotangents for each output."""
    jac = []
    for j, y in enumerate(pull.values):

        def row(g: list[Any], j: int = j) -> list[Any]:
            return pull.of_leaves([g[0] if i == j else None for i in range(len(pull.values))])

        empty = [np.zeros((0, *shape_of(x)), dtype_of(x)) for x in leaves]
        rows = _by_basis(row, [y], chunk_size, is_linear) if _size(y) else empty
        jac.append(tree.unflatten(pull.structure, [split(r, [y], 0)[0] for r in rows]))
    return tree.unflatten(pull.out_structure, jac)


def _transposed(pull: Pullback, out_leaves: list[Any]) -> Callable[[list[Any]], list[Any]]:
    """Return the pullback's own pullback, which pushes tangents: the function does not run again."""
    _, push = vjp(pull.of_leaves, list(map(np.zeros_like, out_leaves)))
    return lambda direction: push(direction)[0]


def _by_basis(
    f: Callable[[list[Any]], list[Any]], leaves: list[Any], chunk_size: int | None, is_linear: bool, last: bool = False
) -> list[Any]:
    """Apply a function of leaves to each vector of their basis; the vectors are on the first axis, or on the last.

    One that ``is_linear`` is its own derivative: pushing the basis along it keeps sparse what is.
    """
    if is_linear and chunk_size is None and _total(leaves) >= FEWEST_PUSHED:
        zeros = [np.zeros_like(x) if hasattr(x, "dtype") else 0.0 for x in leaves]
        images: list[Any] = push_many(f, zeros, basis(leaves, sparse=True), last=last)[1]
        return images
    images = vmap(f, out_axes=-1 if last else 0, chunk_size=chunk_size)(basis(leaves))
    return images


def _without_value(f: Callable[..., Any], transform: Callable[..., Any], has_aux: bool) -> Callable[..., Any]:
    @wraps(f, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        _, aux, jac = transform(*args, **kwargs)
        return (jac, aux) if has_aux else jac

    return transformed


def _total(leaves: Sequence[Any]) -> int:
    return sum(_size(x) for x in leaves)


def _size(x: Any) -> int:
    size = 1
    for n in shape_of(x):
        size *= n
    return size


def _writable(x: Any) -> Any:
    """Return the array as one that the caller may write to; of no axes, as the scalar that NumPy would give."""
    if type(x) is not np.ndarray:
        return x
    return x[()] if x.ndim == 0 else x if x.flags.writeable else x.copy()


def _checked(f: Callable[..., Any], leaves: list[Any], selected: Any, options: _Options) -> list[Any]:
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


def _check_output(f: Callable[..., Any], y: Any, options: _Options) -> None:
    kind = dtype_of(y).kind
    if kind == "c" and not options.holomorphic:
        raise TypeError(
            f"the Jacobian of {name_of(f)} in reverse mode: the output is {dtype_of(y)}. Use jacfwd for a complex "
            f"function of real inputs, holomorphic=True for one of complex inputs that is, and np.real and np.imag of "
            f"the result for one that is not."
        )
    if kind not in "fc":
        raise TypeError(f"the Jacobian of {name_of(f)}: an output is {dtype_of(y)}, which has no derivative")
