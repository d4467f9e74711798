"""What may watch operations while they are recorded: anomaly mode and the hooks of saved tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.memory import version
from functorch_lite.core.tape import FIRST_PARENT
from functorch_lite.tensor.ambient import constant, is_tensor, note_made
from functorch_lite.tensor.grad_mode import observer, observing, recording, restore
from functorch_lite.tensor.graph import Packed, observed
from functorch_lite.transforms.structured import surroundings

__all__ = [
    "checks_nan",
    "detect_anomaly",
    "disable_saved_tensors_hooks",
    "is_anomaly_enabled",
    "packed_by",
    "save_on_cpu",
    "saved_hooks",
    "saved_tensors_hooks",
    "set_detect_anomaly",
]


class _Observer:
    """Called with each result that is recorded, in the place of nothing at all."""

    def __init__(
        self, anomaly: bool, hooks: tuple[Callable[..., Any], Callable[..., Any]] | None, check_nan: bool
    ) -> None:
        self.anomaly, self.hooks, self.check_nan = anomaly, hooks, check_nan

    def __call__(self, result: Any) -> Any:
        """Look at the node of a result."""
        node = getattr(result, "node", None)
        if not is_tensor(result) or node is None or node[1] is None:
            return result
        note_made(result)
        if self.anomaly:
            observed(node).line = user_line()
        if self.hooks is not None:
            pack, unpack = self.hooks
            changed = False
            for k in range(FIRST_PARENT + 2, len(node), 3):
                packed = _packed(node[k], pack)
                changed = changed or packed is not node[k]
                node[k] = packed
            if changed:
                observed(node).unpack = lambda kept: _unpacked(kept, unpack)
        return result


@contextmanager
def _watched() -> Iterator[None]:
    """Let an observer see what is done while a program is recorded, so that nothing takes the short ways past it."""
    before, mode = observer.get(), recording()
    if before is True:
        observing(_Observer(anomaly=False, hooks=None, check_nan=False))
    try:
        yield
    finally:
        observing(before)
        restore(mode)


surroundings.append(_watched)


def _packed(kept: Any, pack: Callable[..., Any]) -> Any:
    if type(kept) is tuple:
        packed = tuple(_packed(entry, pack) for entry in kept)
        return kept if all(a is b for a, b in zip(packed, kept, strict=True)) else packed
    return packed_by(pack, kept) if isinstance(kept, np.ndarray | np.generic) else kept


def packed_by(pack: Callable[..., Any], kept: Any) -> Packed:
    """Return what a hook makes of an array that is to be kept."""
    before = version(kept)
    packed = Packed(pack(constant(kept)))
    if version(kept) != before:
        raise RuntimeError("A saved tensor pack hook is modifying its input in-place. It must not: the value is used.")
    return packed


def _unpacked(kept: Any, unpack: Callable[..., Any]) -> Any:
    if type(kept) is tuple:
        return tuple(_unpacked(entry, unpack) for entry in kept)
    if type(kept) is not Packed:
        return kept
    value = unpack(kept.content)
    return value.value if is_tensor(value) else value


def is_anomaly_enabled() -> bool:
    """Say whether anomaly mode is on.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> with ft.autograd.detect_anomaly():
    ...     ft.is_anomaly_enabled()
    True
    """
    current = observer.get()
    return current is not True and current.anomaly


def checks_nan() -> bool:
    """Say whether a backward pass looks for NaN."""
    current = observer.get()
    return current is not True and current.anomaly and current.check_nan


def saved_hooks() -> Any:
    """Return the hooks of saved tensors that are in force, as a pair; None if there are none."""
    current = observer.get()
    return None if current is True else current.hooks


def _observe(anomaly: bool, hooks: Any, check_nan: bool = True) -> Any:
    return observing(_Observer(anomaly, hooks, check_nan) if anomaly or hooks is not None else True)


class set_detect_anomaly:  # noqa: N801 - PyTorch's name
    """Switch anomaly mode on or off, at once; as a context manager, for a block.

    In anomaly mode each operation on tensors remembers the line that applied it, and a backward pass raises at the
    first derivative that is NaN and names that line.

    Parameters
    ----------
    mode
        Whether to switch it on.
    check_nan
        Whether NaN raises; else operations only remember their lines.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> with ft.autograd.set_detect_anomaly(True):
    ...     ft.is_anomaly_enabled()
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._previous = _observe(mode, saved_hooks(), check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        observing(self._previous)


class detect_anomaly:  # noqa: N801 - PyTorch's name
    """Anomaly mode for a block; see `set_detect_anomaly`.

    Parameters
    ----------
    check_nan
        Whether NaN raises; else operations only remember their lines.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor(0.0, requires_grad=True)
    >>> with ft.autograd.detect_anomaly():
    ...     (ft.sqrt(x) * 0.0).backward()
    Traceback (most recent call last):
        ...
    RuntimeError: sqrtBackward returned nan values; the operation was applied at ...
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan

    def __enter__(self) -> None:
        self._previous = _observe(True, saved_hooks(), self.check_nan)

    def __exit__(self, *error: object) -> None:
        observing(self._previous)


class saved_tensors_hooks:  # noqa: N801 - PyTorch's name
    """Change how arrays are kept for the backward pass, for the operations of a block.

    Parameters
    ----------
    pack_hook
        ``pack_hook(tensor)`` returns what is to be kept in the place of the array.
    unpack_hook
        ``unpack_hook(packed)`` gives the tensor back.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x = ft.tensor([1.0, 2.0], requires_grad=True)
    >>> half = lambda t: t.numpy().astype(np.float16)
    >>> with ft.autograd.graph.saved_tensors_hooks(half, lambda a: ft.tensor(a.astype(float))):
    ...     y = ft.exp(x).sum()
    >>> y.backward()
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if (message := _why_no_hooks.get()) is not None:
            raise RuntimeError(message)
        self._previous = _observe(is_anomaly_enabled(), (self.pack_hook, self.unpack_hook))

    def __exit__(self, *error: object) -> None:
        observing(self._previous)


class save_on_cpu(saved_tensors_hooks):  # noqa: N801 - PyTorch's name
    """Keep copies in main memory, where NumPy's arrays are anyway: writes in place do not reach them.

    Parameters
    ----------
    pin_memory
        Accepted for PyTorch's sake; it changes nothing.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor([1.0, 2.0], requires_grad=True)
    >>> y = x * 1.0
    >>> with ft.autograd.graph.save_on_cpu():
    ...     z = (y * y).sum()
    >>> y.data[:] = 100.0
    >>> z.backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self, pin_memory: bool = False) -> None:
        super().__init__(lambda tensor: tensor.value.copy(), lambda kept: kept)


#: What `saved_tensors_hooks` raises with; None where they are allowed.
_why_no_hooks: ContextVar[str | None] = ContextVar("why_no_hooks", default=None)


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Let `saved_tensors_hooks` raise within a block: `RuntimeError` with a message.

    Raises
    ------
    RuntimeError
        If the block is within one of such hooks.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> with ft.autograd.graph.disable_saved_tensors_hooks("values must be kept as they are"):
    ...     with ft.autograd.graph.save_on_cpu():
    ...         pass
    Traceback (most recent call last):
        ...
    RuntimeError: values must be kept as they are
    """
    if saved_hooks() is not None:
        raise RuntimeError(error_message)
    token = _why_no_hooks.set(error_message)
    try:
        yield
    finally:
        _why_no_hooks.reset(token)
