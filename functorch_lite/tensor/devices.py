"""Devices, of which there is one, and what draws random numbers there, by PyTorch's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.errors import user_line

__all__ = ["Generator", "device"]


class device(str):  # noqa: N801 - PyTorch's name
    """The name of a device: the CPU's, as NumPy writes it, ``"cpu"``.

    Parameters
    ----------
    type
        ``"cpu"``, or ``"cpu:0"``.
    index
        None or 0.

    Raises
    ------
    RuntimeError
        If another device is named.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> cpu = ft.device("cpu")
    >>> cpu.type, cpu.index, ft.zeros(2, device=cpu).to(cpu).device == cpu
    ('cpu', None, True)
    """

    __slots__ = ()

    def __new__(cls, type: Any, index: int | None = None) -> device:
        name, _, number = str(type).partition(":")
        if name != "cpu" or number not in ("", "0") or index not in (None, 0):
            raise RuntimeError(
                f"device({str(type)!r}) at {user_line()}: the only device is 'cpu', since arrays are NumPy's; "
                f"ft.cuda.is_available() is False"
            )
        return super().__new__(cls, "cpu")

    def __repr__(self) -> str:
        return "device(type='cpu')"

    @property
    def type(self) -> str:
        """The name without a number."""
        return "cpu"

    @property
    def index(self) -> None:  # type: ignore[override] # what str has by this name is of no use here
        """The number; None, as there is one CPU."""
        return


_check = device


class Generator(np.random.Generator):
    """A generator of NumPy's that is made and seeded as PyTorch's are; its numbers are NumPy's.

    Parameters
    ----------
    device
        ``"cpu"``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> generator = ft.Generator().manual_seed(0)
    >>> state = generator.get_state()
    >>> x = ft.rand(2, generator=generator)
    >>> generator.set_state(state)
    >>> ft.equal(ft.rand(2, generator=generator), x), generator.initial_seed()
    (True, 0)
    """

    def __init__(self, device: Any = "cpu") -> None:
        _check(device)
        super().__init__(np.random.PCG64())
        self._seed = 0
        self.manual_seed(int(np.random.SeedSequence().generate_state(1)[0]))

    def manual_seed(self, seed: int) -> Generator:
        """Go on from a seed: with the numbers that `ft.manual_seed` gives random tensors; return the generator."""
        self.bit_generator.state = np.random.default_rng(seed).bit_generator.state
        self._seed = seed
        return self

    def initial_seed(self) -> int:
        """Return the seed that the numbers began with."""
        return self._seed

    def seed(self) -> int:
        """Go on from a seed of the system's entropy; return it.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> generator = ft.Generator()
        >>> generator.seed() == generator.initial_seed()
        True
        """
        return self.manual_seed(int(np.random.SeedSequence().generate_state(1)[0])).initial_seed()

    def get_state(self) -> Any:
        """Return where the generator stands, for `set_state`."""
        return self.bit_generator.state

    def set_state(self, new_state: Any) -> None:
        """Go on from where the generator stood when `get_state` was called."""
        self.bit_generator.state = new_state
