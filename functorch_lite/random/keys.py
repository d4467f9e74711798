"""Keys and the raw numbers that they stand for.

A key is the key of a Philox generator (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
SC 2011), which maps a counter to random bits. Samples are drawn from counter 0 on; new keys come from counters that no
sample reaches.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator, Philox, SeedSequence

from functorch_lite.core.errors import TracerConversionError, user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.trace import Tracer
from functorch_lite.transforms.plain_call import plain_call

__all__ = ["Shape", "draw", "fold_in", "key", "shape_like", "split"]

Shape = int | tuple[int, ...]

#: The highest word of the counters that give new keys: by `split` and by `fold_in`.
_SPLIT, _FOLD = 1 << 62, 1 << 63


def key(seed: int) -> Any:
    """Return the key of a seed.

    Parameters
    ----------
    seed
        An integer that is not negative.

    Returns
    -------
    ndarray
        Two ``uint64``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.random.key(0).dtype, ft.random.key(0).shape
    (dtype('uint64'), (2,))
    """
    given: Any = seed
    try:
        number = operator.index(given)
    except TypeError:
        if not isinstance(given, Tracer) or getattr(given, "dtype", np.dtype(float)).kind not in "iu":
            raise
        raise TracerConversionError(
            f"at {user_line()} ft.random.key was given a seed that is not known while a function is recorded or "
            f"batched. Make the key outside and pass it on; instead of many seeds take the keys of "
            f"ft.random.split(key, n), or ft.random.fold_in(key, i), whose integer i may be traced"
        ) from None
    return SeedSequence(number).generate_state(2, np.uint64)


def split(key: Any, n: int = 2) -> Any:
    """Return ``n`` new keys, independent of each other and of the numbers that ``key`` gives.

    Parameters
    ----------
    key
        A key: two ``uint64``.
    n
        How many keys.

    Returns
    -------
    array
        Of shape (n, 2); it can be unpacked, indexed, and mapped over by `vmap`.

    Raises
    ------
    ValueError
        If ``n`` is negative.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> keys = ft.random.split(ft.random.key(1), 3)
    >>> ft.vmap(ft.random.uniform)(keys).shape
    (3,)
    """
    count = operator.index(n)
    if count < 0:
        raise ValueError(f"split: the number of keys is not negative: {count}")

    def keys(raw: Any) -> tuple[Any]:
        return (_bits(raw, 0, _SPLIT, 2 * count).reshape(count, 2),)

    return plain_call.bind((_checked(key),), (keys,))[0]


def fold_in(key: Any, data: Any) -> Any:
    """Return a new key, made of a key and an integer.

    Parameters
    ----------
    key
        A key: two ``uint64``.
    data
        A step, an index; an integer scalar, which may be batched.

    Returns
    -------
    array
        Two ``uint64``.

    Raises
    ------
    TypeError
        If ``data`` is no integer scalar.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> key = ft.random.key(1)
    >>> bool((ft.random.fold_in(key, 1) != ft.random.fold_in(key, 2)).any())
    True
    >>> ft.vmap(lambda i: ft.random.fold_in(key, i))(np.arange(5)).shape
    (5, 2)
    """
    if np.dtype(getattr(data, "dtype", type(data))).kind not in "iu" or shape_of(data) != ():
        kind = type(data).__name__
        raise TypeError(f"fold_in at {user_line()} takes an integer, not {kind} of shape {shape_of(data)}")

    def folded(raw: Any, number: Any) -> tuple[Any]:
        return (_bits(raw, int(number) % 2**64, _FOLD, 2),)

    return plain_call.bind((_checked(key), data), (folded,))[0]


def draw(key: Any, sample: Callable[..., Any], *parameters: Any) -> Any:
    """Return ``sample(generator, *parameters)`` for NumPy's generator of a key: plain numbers, of no derivative.

    Under `vmap`, of a batch of keys or of parameters, it is drawn once for each example.
    """

    def drawn(raw: Any, *values: Any) -> tuple[Any]:
        return (sample(Generator(Philox(key=raw)), *values),)

    return plain_call.bind((_checked(key), *parameters), (drawn,))[0]


def shape_like(shape: Shape | None, *parameters: Any) -> tuple[int, ...]:
    """Return the shape of a sample: the given one, which parameters must broadcast to, or else that of parameters."""
    shapes = [shape_of(p) for p in parameters]
    broadcast = np.broadcast_shapes(*shapes)
    if shape is None:
        return broadcast
    wanted = (operator.index(shape),) if not isinstance(shape, tuple | list) else tuple(map(operator.index, shape))
    if np.broadcast_shapes(broadcast, wanted) != wanted:
        raise ValueError(f"at {user_line()} a sample of shape {wanted} was asked of parameters of shapes {shapes}")
    return wanted


def _bits(key: Any, lowest: int, highest: int, count: int) -> Any:
    """Return random words, from the counter with these lowest and highest words on."""
    counter = np.array([lowest, 0, 0, highest], dtype=np.uint64)
    return np.asarray(Philox(key=key, counter=counter).random_raw(count), np.uint64)


def _checked(key: Any) -> Any:
    if getattr(key, "dtype", None) != np.uint64 or shape_of(key) != (2,):
        kind = f"{key.dtype}{list(shape_of(key))}" if hasattr(key, "dtype") else type(key).__name__
        raise TypeError(
            f"at {user_line()} a random key was expected, an array of two uint64 as ft.random.key(seed) gives, not "
            f"{kind}. Take one of many keys by index, or map over them by ft.vmap"
        )
    return key
