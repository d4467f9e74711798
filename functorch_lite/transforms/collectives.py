"""Operations across the examples of a batch that `vmap` has named: sums, means, extremes, all values, the own number.

A collective operation is a primitive with the trace of the named axis as its first parameter. That trace sums over the
batch; all others treat the operation as linear, by rules that are collective operations again. The transpose of a sum
over all examples, given to each, is the same sum: each example's value contributes to the results of all.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.batching import same_axes
from functorch_lite.core import tree
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import Arrays, General, Linear, Params, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import FUNCTIONS
from functorch_lite.transforms.batching import ACROSS, NAMED, NamedBatchTrace
from functorch_lite.transforms.masked import is_run_by_some

__all__ = ["all_gather", "axis_index", "axis_size", "pmax", "pmean", "pmin", "psum"]


def psum(x: Any, axis_name: Hashable | tuple[Hashable, ...]) -> Any:
    """Return the sum over all examples of the batch that `vmap` has given a name.

    Parameters
    ----------
    x
        A pytree of arrays.
    axis_name
        The name, or a tuple of names: the sum is over all of them.

    Returns
    -------
    tree
        Like ``x``, the same for all examples. What does not differ between examples is multiplied by their number.

    Raises
    ------
    NameError
        If no `vmap` around has that name.
    ValueError
        In a branch or a loop that some of the examples do not run.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> share = ft.vmap(lambda x: x / ft.psum(x, "batch"), axis_name="batch")
    >>> share(np.array([1.0, 2.0, 5.0]))
    array([0.125, 0.25 , 0.625])
    """
    return _over_axes(_psum, x, axis_name)


def pmean(x: Any, axis_name: Hashable | tuple[Hashable, ...]) -> Any:
    """Return the mean over all examples of a named batch; see `psum`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.vmap(lambda x: x - ft.pmean(x, "i"), axis_name="i")(np.array([1.0, 2.0, 6.0]))
    array([-2., -1.,  3.])
    """
    size = axis_size(axis_name)
    return tree.map(lambda total: total / size, psum(x, axis_name))


def pmax(x: Any, axis_name: Hashable | tuple[Hashable, ...]) -> Any:
    """Return the largest value among all examples of a named batch, element by element; see `psum`.

    Its derivative is shared equally by the examples that attain it.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.vmap(lambda x: x - ft.pmax(x, "i"), axis_name="i")(np.array([1.0, 2.0, 6.0]))
    array([-5., -4.,  0.])
    """
    return _over_axes(_pmax, x, axis_name)


def pmin(x: Any, axis_name: Hashable | tuple[Hashable, ...]) -> Any:
    """Return the smallest value among all examples of a named batch, element by element; see `pmax`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.vmap(lambda x: x - ft.pmin(x, "i"), axis_name="i")(np.array([1.0, 2.0, 6.0]))
    array([0., 1., 5.])
    """
    return _over_axes(_pmin, x, axis_name)


def all_gather(x: Any, axis_name: Hashable, *, axis: int = 0, tiled: bool = False) -> Any:
    """Return the values of all examples of a named batch.

    Parameters
    ----------
    x
        A pytree of arrays.
    axis_name
        The name.
    axis
        Where the axis of the examples goes.
    tiled
        Whether to join the examples along that axis, which each of them has, instead of along a new one.

    Returns
    -------
    tree
        The same for all examples.

    Raises
    ------
    NameError
        If no `vmap` around has that name.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> rank = ft.vmap(lambda x: np.sum(ft.all_gather(x, "i") < x), axis_name="i")
    >>> rank(np.array([3.0, 1.0, 2.0]))
    array([2, 0, 1])
    """
    trace = _whole(axis_name)

    def gathered(leaf: Any) -> Any:
        leaf = as_array(leaf)
        rank = len(shape_of(leaf))
        place = normalize_axis_index(axis, rank if tiled else rank + 1)
        whole = np.moveaxis(_gather(leaf, trace), 0, place)
        if not tiled:
            return whole
        shape = shape_of(leaf)
        return whole.reshape((*shape[:place], trace.size * shape[place], *shape[place + 1 :]))

    return tree.map(gathered, x)


def axis_index(axis_name: Hashable) -> Any:
    """Return the number of the example within the named batch.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.vmap(lambda x: x * ft.axis_index("i"), axis_name="i")(np.ones(3))
    array([0., 1., 2.])
    """
    trace = _trace(axis_name)
    return trace.batched(np.arange(trace.size))


def axis_size(axis_name: Hashable | tuple[Hashable, ...]) -> int:
    """Return the number of examples in the named batch (in all of them together).

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.vmap(lambda x: x / ft.axis_size("i"), axis_name="i")(np.ones(4))
    array([0.25, 0.25, 0.25, 0.25])
    """
    size = 1
    for name in axis_name if isinstance(axis_name, tuple) else (axis_name,):
        size *= int(_trace(name).size)
    return size


# --- The primitives ---------------------------------------------------------------------------------------------------
# Their functions see what does not depend on the example; ACROSS says what is done to a whole batch.


def _trace(name: Hashable) -> NamedBatchTrace:
    named = NAMED.get({})
    if name not in named:
        known = ", ".join(map(repr, named)) or "none"
        raise NameError(
            f"at {user_line()} no batch is named {name!r} (named are: {known}); give ft.vmap(f, axis_name={name!r}) "
            f"around the function, in the same thread"
        )
    return named[name]


def _whole(name: Hashable) -> NamedBatchTrace:
    """Return the trace of a name whose examples are to be combined, which all of them take part in."""
    trace = _trace(name)
    if is_run_by_some(trace):
        raise ValueError(
            f"at {user_line()} the examples of the batch {name!r} are combined in a branch or a loop that some of them "
            f"do not run. Combine them before or behind it, or compute both results and choose with np.where."
        )
    return trace


def _over_axes(primitive: Primitive, x: Any, axis_name: Any) -> Any:
    names = axis_name if isinstance(axis_name, tuple) else (axis_name,)
    if len(set(names)) < len(names):
        raise ValueError(f"the axes {axis_name!r} name one axis twice; name each axis once")
    for trace in map(_whole, names):
        x = tree.map(lambda leaf, trace=trace: primitive(leaf, trace), x)
    return x


def _open(trace: Any) -> NamedBatchTrace:
    if not isinstance(trace, NamedBatchTrace):
        trace.touch("a collective operation was applied", "along the axis")
    return trace  # type: ignore[no-any-return]


def _sum(x: Any, trace: Any) -> Any:
    return x * int(_open(trace).size)


def _same(x: Any, trace: Any) -> Any:
    _open(trace)
    return x


def _repeated(x: Any, trace: Any) -> Any:
    return np.broadcast_to(x, (int(_open(trace).size), *shape_of(x)))


def _batch_of_gather(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    return np.moveaxis(primitive.bind(arrays, params), 1, 0)


def _extreme_jvp(t: Any, ans: Any, x: Any, trace: Any) -> Any:
    attained = x == ans
    return _psum(np.where(attained, t, 0), trace) / _psum(np.where(attained, 1, 0), trace)


def _own_part(g: Any, trace: Any) -> Any:
    """Return the sum of what all examples say of this one."""
    return FUNCTIONS[np.take](_psum(g, trace), trace.batched(np.arange(trace.size)), 0)


def _collective(primitive: Primitive, across: Callable[[Any], Any]) -> Primitive:
    ACROSS[primitive] = across
    return primitive


_psum: Primitive = _collective(
    Linear(_sum, ["x"], [lambda g, trace: _psum(g, trace)], parameters=["trace"], name="psum", batch=same_axes),
    lambda x: x.sum(0),
)
_pmax = _collective(
    General(_same, ["x"], [Rule(_extreme_jvp)], parameters=["trace"], name="pmax", batch=same_axes),
    lambda x: x.max(0),
)
_pmin = _collective(
    General(_same, ["x"], [Rule(_extreme_jvp)], parameters=["trace"], name="pmin", batch=same_axes),
    lambda x: x.min(0),
)
_gather = _collective(
    Linear(_repeated, ["x"], [_own_part], parameters=["trace"], name="all_gather", batch=_batch_of_gather),
    lambda x: x,
)
