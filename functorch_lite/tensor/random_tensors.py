"""Random tensors, of the generator that `manual_seed` seeds or of one of NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.generator import seed_generator, shared_generator
from functorch_lite.tensor.creation import asked_shape, get_default_dtype, made, only_device
from functorch_lite.tensor.tensor import Tensor

__all__ = [
    "get_rng_state",
    "manual_seed",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "set_rng_state",
]


def manual_seed(seed: int) -> Any:
    """Seed the generator of the random tensors, whose numbers are NumPy's, not PyTorch's; return it.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> generator = ft.manual_seed(0)
    >>> x = ft.rand(2)
    >>> generator = ft.manual_seed(0)
    >>> ft.equal(ft.rand(2), x)
    True
    """
    return seed_generator(seed)


def get_rng_state() -> Any:
    """Return where the generator of the random tensors stands, for `set_rng_state`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> state = ft.get_rng_state()
    >>> x = ft.rand(2)
    >>> ft.set_rng_state(state)
    >>> ft.equal(ft.rand(2), x)
    True
    """
    return shared_generator().bit_generator.state


def set_rng_state(new_state: Any) -> None:
    """Let the generator of the random tensors go on from where it stood when `get_rng_state` was called.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.set_rng_state(ft.get_rng_state())
    """
    shared_generator().bit_generator.state = new_state


def rand(*shape: Any, dtype: Any = None, requires_grad: bool = False, generator: Any = None, **ignored: Any) -> Tensor:
    """Make a tensor of random numbers, uniform between 0 and 1.

    Parameters
    ----------
    *shape, dtype, requires_grad, **ignored
        As for `zeros`.
    generator
        A generator of NumPy's; by default the one that `manual_seed` seeds.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.rand(2, 3, generator=np.random.default_rng(0)).shape
    (2, 3)
    """
    sizes = asked_shape(shape, ignored)
    return made(_random(lambda g: g.random(sizes), dtype, generator), requires_grad)


def randn(*shape: Any, dtype: Any = None, requires_grad: bool = False, generator: Any = None, **ignored: Any) -> Tensor:
    """Make a tensor of random numbers of the standard normal distribution; the arguments are those of `rand`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.randn(2, 3).shape
    (2, 3)
    """
    sizes = asked_shape(shape, ignored)
    return made(_random(lambda g: g.standard_normal(sizes), dtype, generator), requires_grad)


def randint(
    *bounds_and_shape: Any,
    low: int | None = None,
    high: int | None = None,
    size: Any = None,
    dtype: Any = None,
    requires_grad: bool = False,
    generator: Any = None,
    **ignored: Any,
) -> Tensor:
    """Make a tensor of random integers, int64 by default: ``randint(high, size)``, ``randint(low, high, size)``.

    ``high`` itself is left out, and ``size`` is a tuple; the rest is as for `rand`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.randint(0, 1, (3,)), ft.randint(high=1, size=(2,))
    (tensor([0, 0, 0]), tensor([0, 0]))
    """
    only_device(ignored)
    given = list(bounds_and_shape)
    if size is None and given:
        size = given.pop()
    if high is None and given:
        high = given.pop()
    if low is None:
        low = given.pop() if given else 0
    if given or high is None or size is None:
        raise TypeError(f"randint at {user_line()} takes (high, size) or (low, high, size), not {bounds_and_shape}")
    source: Any = generator or shared_generator()
    return made(source.integers(low, high, size=size).astype(dtype or np.int64), requires_grad)


def randperm(
    n: int, generator: Any = None, *, dtype: Any = None, requires_grad: bool = False, **ignored: Any
) -> Tensor:
    """Make a random permutation of ``0 … n - 1``, int64 by default, by NumPy's ``generator`` if one is given.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.randperm(5).sort(dim=0).values
    tensor([0, 1, 2, 3, 4])
    """
    only_device(ignored)
    numbers = (generator or shared_generator()).permutation(n)
    return made(numbers if dtype is None else numbers.astype(dtype), requires_grad)


def _like(random: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def like(x: Any, dtype: Any = None, requires_grad: bool = False, generator: Any = None, **ignored: Any) -> Tensor:
        shape, dtype = np.shape(x), dtype or x.dtype
        return random(shape, dtype=dtype, requires_grad=requires_grad, generator=generator, **ignored)

    like.__name__ = like.__qualname__ = f"{random.__name__}_like"
    like.__doc__ = f"""Make `{random.__name__}` of another's shape and dtype.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.{random.__name__}_like(ft.zeros(2, 3, dtype=ft.float32))
    >>> x.shape, x.dtype
    ((2, 3), dtype('float32'))
    """
    return like


rand_like, randn_like = map(_like, (rand, randn))


def randint_like(x: Any, *bounds: Any, dtype: Any = None, generator: Any = None, **ignored: Any) -> Tensor:
    """Make `randint` of another's shape and dtype: ``randint_like(x, high)``, ``randint_like(x, low, high)``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.randint_like(ft.zeros(2, 3), 10).shape
    (2, 3)
    """
    return randint(*bounds, np.shape(x), dtype=dtype or x.dtype, generator=generator, **ignored)


def _random(draw: Callable[[Any], Any], dtype: Any, generator: Any) -> Any:
    return np.array(draw(generator or shared_generator())).astype(dtype or get_default_dtype())
