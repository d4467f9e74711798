"""Structured control flow: loops and branches that batch and differentiate.

Loops are Python's. Under `vmap` a condition may differ between the examples of the batch: then a loop runs until it is
over for all of them, and a branch is taken by all that need it. What the other examples see is told in `masked`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.operands import bottom, shape_of
from functorch_lite.core.tape import dtype_or_type
from functorch_lite.core.trace import Tracer, is_tracer
from functorch_lite.transforms.arguments import check_callable, described, dtype_of, name_of, returned
from functorch_lite.transforms.masked import flags_of, run_where
from functorch_lite.transforms.structured import Structures, is_staged, recorder, structured_or

__all__ = ["check_alike", "checked_carry", "checked_condition", "cond", "fori_loop", "switch", "while_loop"]


def cond(pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any) -> Any:
    """Apply one of two functions, as a scalar condition says.

    Parameters
    ----------
    pred
        A scalar: a boolean, or a number, which means true unless it is zero.
    true_fun, false_fun
        Functions of the operands, whose results have the same structure, shapes and dtypes.
    operands
        Pytrees.

    Returns
    -------
    tree
        ``true_fun(*operands)`` or ``false_fun(*operands)``. Where the condition differs between the examples of a batch
        both are computed and selected from.

    Raises
    ------
    TypeError
        If ``pred`` is no scalar, or both results were computed and differ in structure, shape or dtype.

    Notes
    -----
    In examples that do not take a branch, its function sees the values of one that does: nothing overflows there, and
    no NaN enters a derivative. That holds for operands and for traced values that the function holds: in variables that
    it closes over, defaults, bound arguments (``functools.partial``, methods), and in the pytrees, objects and
    functions there. A list, dict or object with traced values is seen as a copy, so that what is put into it is not
    kept; a buffer (``fnp.zeros``, ``x.copy()``) is written to for the examples that take the branch.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> f = lambda x: ft.cond(x > 0, np.sqrt, lambda x: 0.0 * x, x)
    >>> float(f(4.0))
    2.0
    >>> ft.vmap(ft.grad(f))(np.array([4.0, -1.0]))
    array([0.25, 0.  ])
    """
    for branch in (true_fun, false_fun):
        check_callable(branch, "cond", "(pred, f, g, x), for constants ft.cond(pred, lambda: a, lambda: b)")
    p = _condition(pred, "cond")
    if not is_tracer(p):
        return true_fun(*operands) if p else false_fun(*operands)
    trace = recorder.get()
    if trace is not None and is_staged(p):
        return trace.structures.switch("cond", p, (false_fun, true_fun), operands)
    return _selected("cond", [(p, true_fun), (~p, false_fun)], operands)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Apply one of several functions, by number.

    Parameters
    ----------
    index
        An integer scalar; one that is out of range means the first or the last function.
    branches
        Functions of the operands, whose results have the same structure, shapes and dtypes.
    operands
        Pytrees.

    Returns
    -------
    tree
        ``branches[index](*operands)``. Where the index differs between the examples of a batch, each function that is
        needed is computed once.

    Raises
    ------
    ValueError
        If there are no branches.
    TypeError
        If ``index`` is no integer scalar, or results that were computed differ in structure, shape or dtype.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> f = lambda i, x: ft.switch(i, [np.sin, np.cos, np.negative], x)
    >>> float(f(2, 1.5))
    -1.5
    >>> ft.vmap(f, (0, None))(np.array([0, 1, 2, 7]), 0.0)
    array([ 0.,  1., -0., -0.])
    """
    if not hasattr(branches, "__iter__"):
        raise TypeError(f"ft.switch needs a list of functions, not {described(branches)}: ft.switch(index, [f, g], x)")
    branches = tuple(branches)
    if not branches:
        raise ValueError("switch needs one branch at least")
    for branch in branches:
        check_callable(branch, "switch", "(index, [f, g], x)")
    if shape_of(index) != () or dtype_of(index).kind not in "iu":
        raise TypeError(f"switch needs an integer scalar as its index, not {_described(index)}")
    last = len(branches) - 1
    if not is_tracer(index):
        return branches[min(max(int(index), 0), last)](*operands)
    clamped = np.clip(index, 0, last)
    trace = recorder.get()
    if trace is not None and is_staged(index):
        return trace.structures.switch("switch", clamped, branches, operands)
    return _selected("switch", [(clamped == i, branch) for i, branch in enumerate(branches)], operands)


def while_loop(cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any) -> Any:
    """Repeat a function while a condition holds.

    Parameters
    ----------
    cond_fun
        From the carried value to a boolean scalar.
    body_fun
        From the carried value to the next one, of the same structure, shapes and dtypes.
    init_val
        The first carried value, a pytree.

    Returns
    -------
    tree
        The first carried value for which the condition does not hold. Where that differs between the examples of a
        batch the loop runs until it is over for all of them; those that are done keep their value.

    Raises
    ------
    TypeError
        If the condition is no boolean scalar, or the carried value changes its structure, shape or dtype.

    Notes
    -----
    Both modes of differentiation go through the iterations that were run. For the derivative of a limit, without its
    history, see ``fixed_point``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> def root(a):  # Newton's iteration for the square root
    ...     return ft.while_loop(lambda x: np.abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a)
    >>> round(float(ft.grad(root)(4.0)), 9)
    0.25
    >>> ft.vmap(root)(np.array([1.0, 4.0, 9.0])).round(9)
    array([1., 2., 3.])
    """
    for function in (cond_fun, body_fun):
        check_callable(function, "while_loop", "(cond_fun, body_fun, init_val)")

    def body(carry: Any) -> Any:
        return checked_carry("while_loop", body_fun, carry, body_fun(carry))

    def condition(carry: Any) -> Any:
        return checked_condition(cond_fun, cond_fun(carry))

    return structured_or(
        lambda structures: structures.while_loop(condition, body, init_val),
        lambda: _while(condition, body, body_fun, init_val),
    )


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """Repeat a function for each integer from ``lower`` up to but not including ``upper``.

    Parameters
    ----------
    lower, upper
        Integer scalars.
    body_fun
        From the integer and the carried value to the next carried value, of the same structure, shapes and dtypes.
    init_val
        The first carried value, a pytree.

    Returns
    -------
    tree
        The last carried value.

    Raises
    ------
    TypeError
        If a bound is no integer, or the carried value changes its structure, shape or dtype.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> power = lambda x: ft.fori_loop(0, 3, lambda i, y: y * x, 1.0)
    >>> power(2.0), ft.grad(power)(2.0)
    (8.0, 12.0)
    """
    check_callable(body_fun, "fori_loop", "(lower, upper, body_fun, init_val)")
    for bound in (lower, upper):
        if shape_of(bound) != () or dtype_of(bound).kind not in "iu":
            raise TypeError(f"fori_loop needs integer scalars as its bounds, not {_described(bound)}")
    if isinstance(lower, Tracer) or isinstance(upper, Tracer):

        def body(pair: tuple[Any, Any]) -> tuple[Any, Any]:
            i, carry = pair
            return i + 1, checked_carry("fori_loop", body_fun, carry, body_fun(i, carry))

        return while_loop(lambda pair: pair[0] < upper, body, (lower, init_val))[1]
    steps = range(operator.index(lower), operator.index(upper))
    if not steps:
        return init_val

    def step(i: Any, carry: Any, _: Any) -> tuple[Any, Any]:
        return checked_carry("fori_loop", body_fun, carry, body_fun(i, carry)), None

    def run() -> Any:
        carry = init_val
        for i in steps:
            carry, _ = step(i, carry, None)
        return carry

    def record(structures: Structures) -> Any:
        return structures.scan(step, init_val, [], tree.structure(None), steps, False)[0]

    return structured_or(record, run)


def checked_carry(construct: str, f: Callable[..., Any], old: Any, new: Any) -> Any:
    """Return the new carried value of a loop; raise if it is not like the old one.

    A Python number has no precision: it may become an array scalar of its kind or of a higher one.
    """
    leaves, structure = tree.flatten(new)
    old_leaves, old_structure = tree.flatten(old)
    if structure != old_structure:
        raise TypeError(
            f"{construct}: {name_of(f)} was given a carried value of structure {old_structure} and returned one of "
            f"structure {structure}; they must agree"
        )
    leaves = [returned(x, None) for x in leaves]
    for i, (x, before) in enumerate(zip(leaves, old_leaves, strict=True)):
        if shape_of(x) != shape_of(before) or not _absorbs(x, before):
            place = tree.paths(new)[i]
            raise TypeError(
                f"{construct}: {name_of(f)} was given a carried value of {_described(before)} and returned "
                f"{_described(x)}{' at ' + place if place else ''}; shape and dtype must stay the same. The structures "
                f"are {_sketch(old_leaves, structure)} and {_sketch(leaves, structure)}; start from an array of the "
                f"shape and dtype that the loop gives"
            )
    return tree.unflatten(structure, leaves)


def checked_condition(f: Callable[..., Any], p: Any) -> Any:
    """Return the condition of a loop as a bool, or as a traced boolean; raise if it is none."""
    if dtype_of(p).kind != "b":
        raise TypeError(
            f"while_loop: the condition {name_of(f)} must return a boolean scalar, not {_described(p)}; "
            f"compare it with something, such as x > 0"
        )
    return _condition(p, "while_loop")


# --- Examples that differ ---------------------------------------------------------------------------------------------


def _while(condition: Callable[[Any], Any], body: Callable[[Any], Any], body_fun: Callable[[Any], Any], x: Any) -> Any:
    """Run a loop until it is over for all examples; those that are done keep their values."""
    while True:
        p = condition(x)
        if not is_tracer(p):
            if not p:
                return x
            x = body(x)
            continue
        flags = flags_of(p)
        if not flags.any():
            return x
        if flags.all():
            x = body(x)
            continue
        after = checked_carry("while_loop", body_fun, x, run_where(p, body_fun, x))
        x = tree.map(lambda new, old, p=p: np.where(p, new, old), after, x)


def _condition(pred: Any, construct: str) -> Any:
    """Return a condition as a bool, or as a traced boolean where it differs between examples."""
    if tree.structure(pred) != tree.LEAF or shape_of(pred) != () or dtype_of(pred).kind not in "biuf":
        raise TypeError(f"{construct} needs a boolean scalar as its condition, not {_described(pred)}")
    p = pred if dtype_of(pred).kind == "b" else pred != 0
    return p if is_tracer(p) else bool(p)


def _selected(construct: str, cases: Sequence[tuple[Any, Callable[..., Any]]], operands: tuple[Any, ...]) -> Any:
    """Apply each function for the examples that it is for; exactly one of the masks holds in each example."""
    flags = [flags_of(mask) for mask, _ in cases]
    for (_, branch), flag in zip(cases, flags, strict=True):
        if flag.all():
            return branch(*operands)
    result, first = None, None
    for (mask, branch), flag in zip(cases, flags, strict=True):
        if not flag.any():
            continue
        out = run_where(mask, branch, *operands)
        if first is None:
            result, first = out, branch
            continue
        check_alike(construct, first, result, branch, out)
        result = tree.map(lambda new, old, mask=mask: np.where(mask, new, old), out, result)
    return result


# --- Checks -----------------------------------------------------------------------------------------------------------


def check_alike(construct: str, f: Callable[..., Any], a: Any, g: Callable[..., Any], b: Any) -> None:
    """Raise if the results of two branches differ in structure, shape or dtype."""
    (leaves, structure), (others, other) = tree.flatten(a), tree.flatten(b)
    if structure != other or any(
        shape_of(x) != shape_of(y) or not (_absorbs(x, y) or _absorbs(y, x))
        for x, y in zip(leaves, others, strict=True)
    ):
        raise TypeError(
            f"{construct}: the branches {name_of(f)} and {name_of(g)} return {_sketch(leaves, structure)} and "
            f"{_sketch(others, other)}; structure, shapes and dtypes must agree"
        )


def _absorbs(new: Any, old: Any) -> bool:
    """Say whether a value of the new dtype may take the place of one of the old."""
    a, b = dtype_or_type(bottom(new)), dtype_or_type(bottom(old))
    if a is b:
        return True
    if not isinstance(a, type):
        if not isinstance(b, type):
            return bool(a == b)
        return b in _KINDS and bool(np.result_type(a, b()) == a)
    if a not in _KINDS:
        return False
    if isinstance(b, type):
        return b in _KINDS and _KINDS.index(a) >= _KINDS.index(b)
    return bool(np.result_type(b, a()) == b)


_KINDS = (bool, int, float, complex)


def _described(x: Any) -> str:
    if tree.structure(x) != tree.LEAF:
        return f"a tree of structure {tree.structure(x)}"
    dtype = getattr(x, "dtype", None)
    return f"a Python {type(x).__name__}" if dtype is None else f"{dtype}{list(shape_of(x))}"


def _sketch(leaves: Sequence[Any], structure: tree.Structure) -> str:
    """Return a tree with a description of each leaf in its place."""
    return str(tree.unflatten(structure, [_Description(_described(x)) for x in leaves]))


class _Description(str):
    """A text that is shown without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
