"""``torch.cuda`` for scripts that ask whether there is a graphics card: there is none to this library.

Examples
--------
>>> import functorch_lite as ft
>>> ft.device("cuda" if ft.cuda.is_available() else "cpu")
device(type='cpu')
"""

from __future__ import annotations

__all__ = ["device_count", "is_available", "manual_seed", "manual_seed_all"]


def is_available() -> bool:
    """Say that there is no graphics card.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.cuda.is_available()
    False
    """
    return False


def device_count() -> int:
    """Return how many graphics cards there are: none.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.cuda.device_count()
    0
    """
    return 0


def manual_seed(seed: int) -> None:
    """Do nothing, as PyTorch does where there is no graphics card; the numbers of the CPU are `ft.manual_seed`'s.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.cuda.manual_seed(0)
    """


def manual_seed_all(seed: int) -> None:
    """Do nothing, as PyTorch does where there is no graphics card.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.cuda.manual_seed_all(0)
    """
