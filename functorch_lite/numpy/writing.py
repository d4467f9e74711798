"""NumPy's functions that copy an array to be written to, and those that write into an array themselves."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from functorch_lite.calculus.creation import copied
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
    values = FUNCTIONS[np.array](val) if isinstance(val, list | tuple) else present(val)
    places[...] = np.resize(values, len(places))


def _refuse_write(name: str) -> NoReturn:
    raise TypeError(
        f"np.{name} at {user_line()} writes into an array that is no buffer; make it by fnp.zeros or x.copy() (import "
        f"functorch_lite.numpy as fnp)"
    )
