"""NumPy's functions that copy an array to be written to, and those that write into an array themselves."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from functorch_lite.calculus.creation import copied
from functorch_lite.calculus.taking import put_along_axis
from functorch_lite.core.errors import user_line
from functorch_lite.core.tables import FUNCTIONS, implements
from functorch_lite.core.trace import Tracer, running
from functorch_lite.numpy.buffers import Buffer, own, present


@implements(np.copy)
def _copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    return Buffer(own(present(a))) if running.get() else copied(a)


_converted = FUNCTIONS[np.astype]


@implements(np.astype)
def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    result = _converted(x, dtype, copy=copy, device=device)
    return result.copy() if copy and isinstance(result, Buffer) else result


@implements(np.copyto)
def _copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    if not isinstance(dst, Buffer):
        _refuse_write("copyto")
    src = present(src)
    dst._write(src if where is True else np.where(where, src, dst.value))


_numbers = FUNCTIONS[np.nan_to_num]


@implements(np.nan_to_num)
def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    result = _numbers(x, True, nan, posinf, neginf)
    if copy or not np.ndim(x) or not isinstance(x, Tracer):
        return result
    if not isinstance(x, Buffer):
        _refuse_write("nan_to_num(…, copy=False)")
    x._write(result)
    return x


@implements(np.putmask)
def _putmask(a: Any, mask: Any, values: Any) -> None:
    if not isinstance(a, Buffer):
        _refuse_write("putmask")
    a[...] = np.where(mask, np.resize(values, a.shape), a.value)


@implements(np.place)
def _place(arr: Any, mask: Any, vals: Any) -> None:
    if not isinstance(arr, Buffer):
        _refuse_write("place")
    if np.size(mask) != arr.size:
        raise ValueError("place: mask and data must be the same size")
    chosen = np.flatnonzero(mask)
    if not chosen.size:
        return
    values = _as_values(vals)
    if not np.size(values):
        raise ValueError("Cannot insert from an empty array!")
    arr.flat[chosen] = np.resize(values, chosen.size)


@implements(np.put)
def _put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    if not isinstance(a, Buffer):
        _refuse_write("put")
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got '{mode}')")
    values = _as_values(v)
    ind = np.ravel(_as_values(ind))
    if not np.size(values) or not ind.size:
        return
    ind = ind % a.size if mode == "wrap" else np.clip(ind, 0, a.size - 1) if mode == "clip" else ind
    a.flat[ind] = np.resize(values, ind.size)


@implements(np.put_along_axis)
def _put_along_axis(arr: Any, indices: Any, values: Any, axis: Any = -1) -> None:
    if not isinstance(arr, Buffer):
        _refuse_write("put_along_axis")
    arr._write(put_along_axis(arr.value, present(indices), _as_values(values), axis))


def _as_values(given: Any) -> Any:
    return FUNCTIONS[np.array](given) if isinstance(given, list | tuple) else present(given)


@implements(np.fill_diagonal)
def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    if not isinstance(a, Buffer):
        _refuse_write("fill_diagonal")
    rank, length = len(a.shape), a.shape[-1]
    if rank < 2:
        raise ValueError("array must be at least 2-d")
    if rank > 2 and len(set(a.shape)) > 1:
        raise ValueError("All dimensions of input must be of equal length")
    stop = length * length if rank == 2 and not wrap else a.size
    places = a.flat[: stop : sum(length**i for i in range(rank))]
    places[...] = np.resize(_as_values(val), len(places))


def _refuse_write(name: str) -> NoReturn:
    raise TypeError(
        f"np.{name} at {user_line()} writes into an array that is no buffer; make it by fnp.zeros or x.copy() (import "
        f"functorch_lite.numpy as fnp)"
    )
