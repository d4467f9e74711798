"""Which entries of a result depend on which entries of the input: sparsity patterns, found by tracing tangents.

Tangents flow through linear operations only, whatever the function; so a trace that carries, for each entry of a
tangent, the set of inputs that it depends on needs to know the structure of linear operations and nothing else. The
sets are the rows of a sparse boolean matrix, and an operation multiplies that by its own pattern, which is found

- for elementwise operations, by broadcasting;
- for a few products, by their definition;
- for whatever selects, copies or sums entries (indexing, reshaping, sums, scatters…), by applying the operation, or its
  transpose, to numbered entries;
- for the others, from their axes, or by the matrix when it is small. What is left depends on everything.

The pattern is that at the point: a branch that was not taken, and a zero in a matrix that multiplies, do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.contraction import contract
from functorch_lite.calculus.convolution import convolve
from functorch_lite.calculus.differences import difference
from functorch_lite.calculus.filters import convolution, filter_sums, transposed_convolution
from functorch_lite.calculus.matmul import matmul
from functorch_lite.calculus.pooling import meetings_along, spread_sums, window_sums
from functorch_lite.calculus.windows import meetings
from functorch_lite.core import tree
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.optional import scipy_module
from functorch_lite.core.primitive import Arrays, General, Params, Pointwise, Primitive
from functorch_lite.core.trace import Trace
from functorch_lite.core.tracer import ArrayTracer
from functorch_lite.transforms.arguments import dtype_of, returned
from functorch_lite.transforms.forward import jvp

__all__ = ["declare_pattern", "dependence"]

_new = object.__new__

#: Patterns of more entries than this are refused: nobody wants the result, and it does not fit into memory.
MOST_ENTRIES = 200_000_000
#: Operations whose matrix has at most so many entries are asked for the matrix itself.
SMALL_MATRIX = 250_000


def dependence(f: Callable[..., Any], leaves: Sequence[Any]) -> Any:
    """Return the pattern of the Jacobian of a function of leaves.

    Parameters
    ----------
    f
        A function of arrays, given as positional arguments, to a pytree of arrays.
    leaves
        Plain floating arrays.

    Returns
    -------
    scipy.sparse.csr_array
        Boolean, of shape (entries of all results, entries of all arguments).
    """
    sparse = _scipy_sparse()
    sizes = [prod(shape_of(x)) for x in leaves]
    whole = sparse.eye_array(sum(sizes), dtype=bool, format="csr")
    trace = _DependenceTrace(sum(sizes))
    bounds = np.cumsum([0, *sizes])
    tangents = [
        trace.carrying(np.ones_like(x), whole[start:stop])
        for x, (start, stop) in zip(leaves, pairwise(bounds), strict=True)
    ]
    _, pushed = jvp(f, tuple(leaves), tuple(tangents))
    rows = []
    for leaf in tree.leaves(pushed):
        t = returned(leaf, trace)
        own = isinstance(t, _Carrier) and t._trace is trace
        rows.append(t.rows if own else sparse.csr_array((prod(shape_of(t)), sum(sizes)), dtype=bool))
    trace.close()
    return sparse.vstack(rows, format="csr")


def declare_pattern(primitive: Primitive, pattern: Callable[..., Any]) -> None:
    """Declare the pattern of a linear primitive: ``pattern(i, values, params, out_shape)`` for its argument ``i``."""
    _PATTERNS[primitive] = pattern


class _Carrier(ArrayTracer):
    """A tangent with the inputs that each of its entries depends on: the rows of a sparse matrix."""

    __slots__ = ("rows",)

    rows: Any


class _DependenceTrace(Trace):
    transformation = "the detection of a sparsity pattern"

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.inputs = inputs

    def carrying(self, value: Any, rows: Any) -> _Carrier:
        result = _new(_Carrier)
        result._trace = self
        result.value = value
        result.rows = rows
        return result

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        if primitive.is_inlined:
            return primitive.function(arrays)
        active, values = self.unwrapped(arrays)
        with np.errstate(all="ignore"):
            ans = primitive.bind(values, params)
        if not primitive.differentiable:
            return ans
        results = ans if type(ans) is tuple else (ans,)
        carried: list[Any] = [None] * len(results)
        for i in active:
            if isinstance(primitive, Pointwise) and primitive.partials[i] is None:
                continue
            if isinstance(primitive, General) and primitive.rule(i) is None:
                continue
            for k in range(len(results)):
                rows = self.rows_of(primitive, i, k, values, params, results, arrays[i].rows)
                carried[k] = rows if carried[k] is None else carried[k] + rows
                self.check(primitive, carried[k].nnz)
        out = tuple(y if rows is None else self.carrying(y, rows) for y, rows in zip(results, carried, strict=True))
        return out if type(ans) is tuple else out[0]

    def rows_of(
        self, primitive: Primitive, i: int, k: int, values: Arrays, params: Params, results: Arrays, rows: Any
    ) -> Any:
        """Return what result ``k`` depends on through argument ``i``, whose own dependence is ``rows``."""
        shape, out_shape = shape_of(values[i]), shape_of(results[k])
        if isinstance(primitive, Pointwise) or (primitive.arity == 1 and getattr(primitive, "elementwise", False)):
            return rows if shape == out_shape else rows[_broadcast_places(shape, out_shape)]
        if primitive in _PATTERNS:
            pattern = _PATTERNS[primitive](i, values, params, out_shape)
        elif isinstance(primitive, General):
            operator = _Operator(primitive, i, k, values, params, results)
            pattern = operator.selection() or operator.transposed_selection() or operator.small_matrix()
            pattern = pattern[0] if pattern else None
        else:
            pattern = None
        if pattern is not None:
            self.check(primitive, pattern.nnz)
            return pattern @ rows
        collected, spread = _fibres(primitive, params, shape, out_shape)
        union = collected @ rows
        self.check(primitive, int(np.diff(union.indptr) @ spread.sum(axis=0, dtype=np.int64)))
        return spread @ union

    def check(self, primitive: Primitive, entries: int) -> None:
        """Raise if a pattern is too large to be sparse."""
        if entries > MOST_ENTRIES:
            raise ValueError(
                f"{primitive.name} at {user_line()} makes so much depend on so much that the pattern has {entries} "
                f"entries or more. If the Jacobian is sparse all the same, give its pattern as sparsity=; else use "
                f"ft.jacobian, or products with it (ft.jvp, ft.vjp)"
            )


class _Operator:
    """A primitive as a linear function of one of its arguments."""

    def __init__(
        self, primitive: General, i: int, k: int, values: Arrays, params: Params, results: Arrays
    ) -> None:
        self.primitive, self.i, self.k, self.params, self.results = primitive, i, k, params, results
        self.shape, self.out_shape = shape_of(values[i]), shape_of(results[k])
        jointly = getattr(primitive, "jointly", False)
        self.values = [
            np.zeros_like(v) if jointly and primitive.rule(j) is not None else v for j, v in enumerate(values)
        ]

    def selection(self) -> Any:
        """Return the pattern if each result is a multiple of one entry of the argument or zero; in a tuple, or None."""
        found = _selected(self.forward, self.shape, self.out_shape, _phase(self.values[self.i]))
        return found and (_matrix(found[0], found[1], (prod(self.out_shape), prod(self.shape))),)

    def transposed_selection(self) -> Any:
        """Return the pattern if each entry of the argument goes to one result at most: sums, scatters."""
        rule = self.primitive.rule(self.i)
        if rule is None or rule.vjp is None:
            return None
        found = _selected(self.backward, self.out_shape, self.shape, _phase(self.results[self.k]))
        return found and (_matrix(found[1], found[0], (prod(self.out_shape), prod(self.shape))),)

    def small_matrix(self) -> Any:
        """Return the pattern of the matrix itself, if it is small."""
        n = prod(self.shape)
        if n * prod(self.out_shape) > SMALL_MATRIX or not n:
            return None
        phase = _phase(self.values[self.i])
        columns = [np.ravel(self.forward(phase * e.reshape(self.shape))) for e in np.eye(n)]
        return (_scipy_sparse().csr_array(np.stack(columns, axis=-1) != 0),)

    def forward(self, x: Any) -> Any:
        """Apply the primitive to ``x`` in the place of the argument."""
        values = list(self.values)
        values[self.i] = x
        ans = self.primitive.bind(tuple(values), self.params)
        return ans[self.k] if type(ans) is tuple else ans

    def backward(self, g: Any) -> Any:
        """Apply the transpose."""
        primitive, rule = self.primitive, self.primitive.rule(self.i)
        assert rule is not None
        assert rule.vjp is not None
        several = len(self.results) > 1 or primitive.multiple
        environment = primitive.environment(self.results if several else self.results[0], self.values, self.params)
        cotangent = tuple(g if j == self.k else None for j in range(len(self.results))) if several else g
        position = (self.i,) if primitive.arity is None else ()
        return rule.vjp(cotangent, *position, *rule.read_vjp(environment))


def _phase(value: Any) -> Any:
    """Return a number of the kind of an array, so that multiples of it meet real and imaginary parts alike."""
    return np.exp(0.7j) if dtype_of(value).kind == "c" else 1.0


def _selected(
    function: Callable[[Any], Any], shape: tuple[int, ...], out_shape: tuple[int, ...], phase: Any
) -> Any:
    """Find which entry of ``x`` each entry of ``function(x)`` is a multiple of.

    The function is applied to ones, to the numbers of the entries and to random numbers. Where a linear function gives
    ``w``, ``w n`` and ``w r[n]``, it is ``w`` times entry n but for a coincidence of all digits, and that twice.

    Returns
    -------
    results, entries
        The flat places of the results that are not zero, and of the entries that they come from; None if some result
        is anything else.
    """
    n = prod(shape)
    random = np.random.default_rng(n)
    probes = [np.ones(n), np.arange(1.0, n + 1), random.uniform(1.0, 2.0, n), random.uniform(1.0, 2.0, n)]
    with np.errstate(all="ignore"):
        weight, numbered, *rest = (
            np.broadcast_to(function(phase * p.reshape(shape)), out_shape).ravel() for p in probes
        )
        is_zero = (weight == 0) & (numbered == 0) & (rest[0] == 0) & (rest[1] == 0)
        places = np.flatnonzero(~is_zero)
        weight, quotient = weight[places], (numbered[places] / weight[places]).real
    entries = np.rint(np.where((quotient > 0.5) & (quotient < n + 0.5), quotient, 0)).astype(np.intp) - 1
    if not (np.all(np.abs(weight) > 0) and np.all(entries >= 0)):
        return None
    for probe, image in zip(probes[2:], rest, strict=True):
        if not np.all(np.abs(image[places] - weight * probe[entries]) <= 1e-12 * np.abs(weight)):
            return None
    return places, entries


def _scipy_sparse() -> Any:
    return scipy_module("sparse", "the detection of a sparsity pattern")


def _matrix(rows: Any, columns: Any, shape: tuple[int, int]) -> Any:
    return _scipy_sparse().csr_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=shape)


def _broadcast_places(shape: tuple[int, ...], out_shape: tuple[int, ...]) -> Any:
    return np.broadcast_to(np.arange(prod(shape)).reshape(shape), out_shape).ravel()


def _fibres(primitive: Primitive, params: Params, shape: tuple[int, ...], out_shape: tuple[int, ...]) -> Any:
    """Return two patterns: of the sums along the axis of a primitive, and of what is spread along it.

    An operation with a parameter ``axis`` does not mix entries that differ in other axes. Where there is no such
    parameter, or the shapes say that it means something else, everything is one fibre.
    """
    named = dict(zip(primitive.parameters, params, strict=False))
    axis = named.get("axis", -1)
    fits = isinstance(axis, int) and 0 <= axis < len(shape) == len(out_shape)
    if fits and shape[:axis] + shape[axis + 1 :] == out_shape[:axis] + out_shape[axis + 1 :]:
        lengths = (*shape[:axis], 1, *shape[axis + 1 :])
        places, out_places = _broadcast_places(lengths, shape), _broadcast_places(lengths, out_shape)
    else:
        lengths, places, out_places = (1,), np.zeros(prod(shape), np.intp), np.zeros(prod(out_shape), np.intp)
    return (
        _matrix(places, np.arange(prod(shape)), (prod(lengths), prod(shape))),
        _matrix(np.arange(prod(out_shape)), out_places, (prod(out_shape), prod(lengths))),
    )


# --- Products and differences -----------------------------------------------------------------------------------------


def _of_contraction(i: int, values: Arrays, params: Params, out_shape: tuple[int, ...]) -> Any:
    """Each entry of the constant links the results to the entries of the argument that have its letters."""
    *inputs, output = params[0].replace("->", ",").split(",")
    letters, constant = inputs[i], values[1 - i]
    lengths = dict(zip(letters, shape_of(values[i]), strict=True))
    found = dict(zip(inputs[1 - i], np.nonzero(constant), strict=True)) if inputs[1 - i] else {}
    free = [letter for letter in letters if letter not in found]
    count = prod(lengths[letter] for letter in free)
    grid = dict(zip(free, np.indices([lengths[letter] for letter in free]).reshape(len(free), count), strict=True))
    entries = np.count_nonzero(constant)
    places = {letter: np.repeat(index, count) for letter, index in found.items()}
    places.update({letter: np.tile(index, entries) for letter, index in grid.items()})

    def flat(letters: str, shape: tuple[int, ...]) -> Any:
        if not letters:
            return np.zeros(entries * count, np.intp)
        return np.ravel_multi_index([places[letter] for letter in letters], shape)

    rows, columns = flat(output, out_shape), flat(letters, shape_of(values[i]))
    return _matrix(rows, columns, (prod(out_shape), prod(shape_of(values[i]))))


def _of_matmul(i: int, values: Arrays, params: Params, out_shape: tuple[int, ...]) -> Any:
    """A matrix product is a contraction, of constants that are broadcast as far as they need be."""
    x, y = values
    batch = out_shape[: len(out_shape) - (x.ndim > 1) - (y.ndim > 1)]
    letters = "abcdefghijklmnopqrstuvw"[: len(batch)]
    own = values[i]
    core = min(own.ndim, 2)
    broadcast = _broadcast_places(shape_of(own), (*batch, *shape_of(own)[own.ndim - core :]))
    x = np.broadcast_to(x, (*batch, *x.shape[-2:])) if x.ndim > 1 else x
    y = np.broadcast_to(y, (*batch, *y.shape[-2:])) if y.ndim > 1 else y
    if own.ndim == 1 and batch:  # a vector that all matrices multiply has no axis of theirs
        broadcast = np.arange(own.size)
    first = "x" + "y" if values[0].ndim > 1 else "y"
    second = "y" + "z" if values[1].ndim > 1 else "y"
    first = letters + first if values[0].ndim > 1 else first
    second = letters + second if values[1].ndim > 1 else second
    out = letters + "x" * (values[0].ndim > 1) + "z" * (values[1].ndim > 1)
    pattern = _of_contraction(i, (x, y), (f"{first},{second}->{out}",), out_shape)
    spread = _matrix(np.arange(len(broadcast)), broadcast, (len(broadcast), own.size))
    return pattern @ spread


def _of_convolution(i: int, values: Arrays, params: Params, out_shape: tuple[int, ...]) -> Any:
    """Result k of a full convolution takes entry j where the other has k - j; of a valid one, k + overlap - 1 - j."""
    constant, n = values[1 - i], shape_of(values[i])[-1]
    if len(out_shape) != 1 or constant.ndim != 1:
        size, count = prod(shape_of(values[i])), prod(out_shape)
        return _matrix(np.repeat(np.arange(count), size), np.tile(np.arange(size), count), (count, size))
    offsets = np.flatnonzero(constant)
    rows = (np.arange(n)[:, None] + offsets).ravel()
    columns = np.repeat(np.arange(n), len(offsets))
    shift = 0 if params[0] else min(n, len(constant)) - 1
    inside = (rows >= shift) & (rows < shift + out_shape[0])
    return _matrix(rows[inside] - shift, columns[inside], (out_shape[0], n))


def _of_difference(i: int, values: Arrays, params: Params, out_shape: tuple[int, ...]) -> Any:
    """A difference of order n at k takes the entries k to k + n along its axis."""
    order, axis = params
    shape = shape_of(values[0])
    places = np.arange(prod(shape)).reshape(shape)
    results = np.arange(prod(out_shape))
    windows = [
        np.take(places, np.arange(start, start + out_shape[axis]), axis=axis).ravel() for start in range(order + 1)
    ]
    return _matrix(np.tile(results, order + 1), np.concatenate(windows), (prod(out_shape), prod(shape)))


def _of_window_sums(i: int, values: Arrays, params: Params, out_shape: tuple[int, ...]) -> Any:
    """Each sum takes the elements of its window, along an axis."""
    axis, _, *how = params
    shape = shape_of(values[0])
    of_all = [np.arange(prod(n)).reshape(n) for n in (out_shape, shape)]
    met = meetings_along(axis, shape[axis], out_shape[axis], *how)
    sums, places = (np.concatenate([a[key[k]].ravel() for key in met]) for k, a in enumerate(of_all))
    return _matrix(sums, places, (prod(out_shape), prod(shape)))


def _of_spread_sums(i: int, values: Arrays, params: Params, out_shape: tuple[int, ...]) -> Any:
    """The transpose of window sums."""
    return _of_window_sums(i, (np.broadcast_to(False, out_shape),), params, shape_of(values[0])).T.tocsr()


def _of_filters(roles: str) -> Callable[..., Any]:
    """Each term of the trilinear form is of one input, one filter's element and one result."""

    def pattern(i: int, values: Arrays, params: Params, out_shape: tuple[int, ...]) -> Any:
        shapes = dict(zip(roles, (*map(shape_of, values), out_shape), strict=True))
        groups, examples, channels, *lengths = shapes["x"]
        outputs, counts, sizes = shapes["y"][2], shapes["y"][3:], shapes["w"][3:]
        grids = {role: np.arange(prod(n)).reshape(n) for role, n in zip("xwy", (lengths, sizes, counts), strict=True)}
        met: dict[str, list[Any]] = {"x": [], "w": [], "y": []}
        for place, windows, elements in meetings(tuple(lengths), counts, sizes, *params[1:]):
            met["y"].append(grids["y"][windows].ravel())
            met["x"].append(grids["x"][elements].ravel())
            met["w"].append(np.full(met["x"][-1].size, grids["w"][place]))
        at = {role: np.concatenate([np.zeros(0, np.intp), *found]) for role, found in met.items()}
        g, n, o, c, _ = np.ogrid[:groups, :examples, :outputs, :channels, :1]
        flat = {
            "x": ((g * examples + n) * channels + c) * grids["x"].size + at["x"],
            "w": ((g * outputs + o) * channels + c) * grids["w"].size + at["w"],
            "y": ((g * examples + n) * outputs + o) * grids["y"].size + at["y"],
        }
        whole = (groups, examples, outputs, channels, at["x"].size)
        is_there = np.broadcast_to((values[1 - i] != 0).ravel()[flat[roles[1 - i]]], whole)
        rows, columns = (np.broadcast_to(flat[role], whole)[is_there] for role in (roles[2], roles[i]))
        return _matrix(rows, columns, (prod(out_shape), prod(shape_of(values[i]))))

    return pattern


_PATTERNS: dict[Primitive, Callable[..., Any]] = {
    contract: _of_contraction,
    matmul: _of_matmul,
    convolve: _of_convolution,
    difference: _of_difference,
    window_sums: _of_window_sums,
    spread_sums: _of_spread_sums,
    # Inputs, filters and results: which of them the operands are, and which the result is.
    convolution: _of_filters("xwy"),
    transposed_convolution: _of_filters("ywx"),
    filter_sums: _of_filters("xyw"),
}
