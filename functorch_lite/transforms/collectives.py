"""Operations across the examples of a batch that `vmap` has named: sums, means, extremes, all values, the own number.

A collective operation is a primitive with the `Axis` as its first parameter. The trace that batches along that axis
combines the examples; all others treat the operation as linear, by rules that are collective operations again. The
transpose of a sum over all examples, given to each, is the same sum: each example's value contributes to the results of
all.
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
from functorch_lite.core.primitive import Arrays, General, Linear, Params, Primitive, Zero
from functorch_lite.core.rules import Rule
from functorch_lite.core.trace import Tracer
from functorch_lite.transforms.axes import Axis, is_one_by_one, trace_apart, trace_named, trace_of
from functorch_lite.transforms.batching import ACROSS, NamedBatchTrace
from functorch_lite.transforms.masked import is_run_by_some

__all__ = [
    "APART",
    "COMBINING",
    "SHARED",
    "all_gather",
    "axis_index",
    "axis_size",
    "combined_by_some",
    "pmax",
    "pmean",
    "pmin",
    "psum",
]


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
        In a branch or a loop that some of the examples do not run, or in what a solver runs for one at a time.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> share = ft.vmap(lambda x: x / ft.psum(x, "batch"), axis_name="batch")
    >>> share(np.array([1.0, 2.0, 5.0]))
    array([0.125, 0.25 , 0.625])
    """
    return _over_axes(_psum, x, axis_name)


def pmean(x: Any, axis_name: Hashable | tuple[Hashable, ...]) -> Any:
    """Return the mean over all examples of a named batch.

    Parameters
    ----------
    x, axis_name
        As for `psum`, which also says what is raised.

    Returns
    -------
    tree
        Like ``x``, the same for all examples.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.vmap(lambda x: x - ft.pmean(x, "i"), axis_name="i")(np.array([1.0, 2.0, 6.0]))
    array([-2., -1.,  3.])
    """
    size = axis_size(axis_name)
    return tree.map(lambda total: total / size, psum(x, axis_name))


def pmax(x: Any, axis_name: Hashable | tuple[Hashable, ...]) -> Any:
    """Return the largest value among all examples of a named batch, element by element.

    Its derivative is shared equally by the examples that attain it.

    Parameters
    ----------
    x, axis_name
        As for `psum`, which also says what is raised.

    Returns
    -------
    tree
        Like ``x``, the same for all examples.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.vmap(lambda x: x - ft.pmax(x, "i"), axis_name="i")(np.array([1.0, 2.0, 6.0]))
    array([-5., -4.,  0.])
    """
    return _over_axes(_pmax, x, axis_name)


def pmin(x: Any, axis_name: Hashable | tuple[Hashable, ...]) -> Any:
    """Return the smallest value among all examples of a named batch, element by element; see `pmax`.

    Parameters
    ----------
    x, axis_name
        As for `psum`, which also says what is raised.

    Returns
    -------
    tree
        Like ``x``, the same for all examples.

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
    axis_of_batch = _whole(axis_name)

    def gathered(leaf: Any) -> Any:
        leaf = as_array(leaf)
        rank = len(shape_of(leaf))
        place = normalize_axis_index(axis, rank if tiled else rank + 1)
        whole = np.moveaxis(_gather(leaf, axis_of_batch), 0, place)
        if not tiled:
            return whole
        shape = shape_of(leaf)
        return whole.reshape((*shape[:place], axis_of_batch.size * shape[place], *shape[place + 1 :]))

    return tree.map(gathered, x)


def axis_index(axis_name: Hashable) -> Any:
    """Return the number of the example within the named batch.

    Parameters
    ----------
    axis_name
        The name.

    Returns
    -------
    array
        An integer scalar, different in each example.

    Raises
    ------
    NameError
        If no `vmap` around has that name.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.vmap(lambda x: x * ft.axis_index("i"), axis_name="i")(np.ones(3))
    array([0., 1., 2.])
    """
    return _index(trace_named(axis_name).size.axis)


def axis_size(axis_name: Hashable | tuple[Hashable, ...]) -> int:
    """Return the number of examples in the named batch.

    Parameters
    ----------
    axis_name
        The name, or a tuple of names: the number in all of them together, their product.

    Returns
    -------
    int
        The number.

    Raises
    ------
    NameError
        If no `vmap` around has that name.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.vmap(lambda x: x / ft.axis_size("i"), axis_name="i")(np.ones(4))
    array([0.25, 0.25, 0.25, 0.25])
    """
    size = 1
    for name in axis_name if isinstance(axis_name, tuple) else (axis_name,):
        size *= int(trace_named(name).size)
    return size


# --- The primitives ---------------------------------------------------------------------------------------------------
# Their functions see what does not depend on the example; ACROSS says what is done to a whole batch.


def _whole(name: Hashable) -> Axis:
    """Return the axis of a name whose examples are to be combined, which all of them take part in."""
    axis = trace_named(name).size.axis
    _check_whole(axis)
    return axis


def _check_whole(axis: Axis) -> None:
    if is_run_by_some(axis):
        raise combined_by_some(axis)
    if is_one_by_one(axis):
        raise ValueError(
            f"at {user_line()} the examples of the batch {axis.name!r} are combined in a function that runs for one at "
            f"a time, such as what a solver solves. Combine them outside, and give it the result as an argument."
        )


def combined_by_some(axis: Axis) -> ValueError:
    """Return the error of a function that combines examples of which only some run it."""
    return ValueError(
        f"at {user_line()} the examples of the batch {axis.name!r} are combined in a branch or a loop that some of "
        f"them do not run. Combine them before or behind it, or compute both results and choose with np.where."
    )


def _over_axes(primitive: Primitive, x: Any, axis_name: Any) -> Any:
    names = axis_name if isinstance(axis_name, tuple) else (axis_name,)
    if len(set(names)) < len(names):
        raise ValueError(f"the axes {axis_name!r} name one axis twice; name each axis once")
    for axis in map(_whole, names):
        x = tree.map(lambda leaf, axis=axis: primitive(leaf, axis), x)
    return x


def _sum(x: Any, axis: Axis) -> Any:
    return x * int(trace_of(axis).size)


def _same(x: Any, axis: Axis) -> Any:
    trace_of(axis)
    return x


def _repeated(x: Any, axis: Axis) -> Any:
    return np.broadcast_to(x, (int(trace_of(axis).size), *shape_of(x)))


def _first_part(x: Any, axis: Axis) -> Any:
    return x.sum(0)


def _gathered_batch(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    return np.moveaxis(primitive.bind(arrays, params), 1, 0)


def _own_part_batch(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    return primitive.bind((np.moveaxis(arrays[0], 0, 1),), params)


def _extreme_jvp(t: Any, ans: Any, x: Any, axis: Axis) -> Any:
    attained = x == ans
    return _psum(np.where(attained, t, 0), axis) / _psum(np.where(attained, 1, 0), axis)


class _Collective(Primitive):
    """A primitive across an axis; of what is traced outside of the batch alone it is what ordinary operations do.

    A trace outside would apply its transpose when the axis is closed.
    """

    def bind(self, arrays: Arrays, params: Params) -> Any:
        (x,), (axis,) = arrays, params
        if isinstance(x, Tracer) and x._trace.number < trace_of(axis).number:
            return self.function(x, axis)
        return super().bind(arrays, params)


class _LinearCollective(_Collective, Linear):
    pass


class _Apart(Primitive):
    """A primitive whose results differ between the examples of an axis, even if its operands do not."""

    def bind(self, arrays: Arrays, params: Params) -> Any:
        return self.bind_at(trace_apart(params[0]), arrays, params)

    def of_raw(self, arrays: Arrays, params: Params) -> Any:
        return self.function(*arrays, *params)


class _LinearApart(_Apart, Linear):
    pass


class _ZeroApart(_Apart, Zero):
    pass


class _Extreme(_Collective, General):
    pass


def _collective(primitive: Primitive, across: Callable[[NamedBatchTrace, Any], Any]) -> Primitive:
    def checked(trace: NamedBatchTrace, x: Any) -> Any:
        _check_whole(trace.size.axis)
        return across(trace, x)

    ACROSS[primitive] = checked
    return primitive


_psum: Primitive = _collective(
    _LinearCollective(_sum, ["x"], [lambda g, axis: _psum(g, axis)], parameters=["axis"], name="psum", batch=same_axes),
    lambda trace, x: x.value.sum(0),
)
_pmax = _collective(
    _Extreme(_same, ["x"], [Rule(_extreme_jvp)], parameters=["axis"], name="pmax", batch=same_axes),
    lambda trace, x: x.value.max(0),
)
_pmin = _collective(
    _Extreme(_same, ["x"], [Rule(_extreme_jvp)], parameters=["axis"], name="pmin", batch=same_axes),
    lambda trace, x: x.value.min(0),
)
_gather: Primitive = _collective(
    _LinearCollective(
        _repeated,
        ["x"],
        [lambda g, axis: _scatter(g, axis)],
        parameters=["axis"],
        name="all_gather",
        batch=_gathered_batch,
    ),
    lambda trace, x: x.value,
)
#: The transpose of `_gather`: of rows, one for each example, each gets the sum of its own over all examples.
_scatter: Primitive = _collective(
    _LinearApart(
        _first_part,
        ["x"],
        [lambda g, axis: _gather(g, axis)],
        parameters=["axis"],
        name="psum_scatter",
        batch=_own_part_batch,
    ),
    lambda trace, x: trace.batched(x.value.sum(0) if getattr(x, "_trace", None) is trace else x * int(trace.size)),
)
_index = _ZeroApart(lambda axis: np.int_(0), [], ["axis"], name="axis_index")
ACROSS[_index] = lambda trace: trace.batched(np.arange(int(trace.size)))

#: The collective operations whose results are the same for all examples.
SHARED = frozenset({_psum, _pmax, _pmin, _gather})
#: Those whose results differ, even if the operands do not.
APART = frozenset({_scatter, _index})
#: Those that combine the examples.
COMBINING = SHARED | {_scatter}
