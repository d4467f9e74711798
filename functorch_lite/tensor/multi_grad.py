"""One hook for the gradients of several tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.tensor.engine import running_pass

__all__ = ["MultiHandle", "register_multi_grad_hook"]


class MultiHandle:
    """What `register_multi_grad_hook` gives: `remove` takes the hook away. A context manager, too."""

    def __init__(self, handles: Sequence[Any]) -> None:
        self._handles = tuple(handles)

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        for handle in self._handles:
            handle.remove()

    def __enter__(self) -> MultiHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def register_multi_grad_hook(tensors: Sequence[Any], fn: Callable[[Any], None], *, mode: str = "all") -> MultiHandle:
    """Call a function when a backward pass has the gradients of several tensors.

    Parameters
    ----------
    tensors
        Tensors that require grad.
    fn
        With ``mode="all"``: called once at the end of each pass that has reached one of the tensors, with a list of
        their gradients, None for those that it has not reached. With ``mode="any"``: called with the first of the
        gradients, when it is known. What it returns is ignored.
    mode
        ``"all"`` or ``"any"``.

    Returns
    -------
    MultiHandle
        Its `MultiHandle.remove` takes the hook away.

    Raises
    ------
    ValueError
        If the mode is another.
    RuntimeError
        If a tensor does not require grad.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite.autograd.graph import register_multi_grad_hook
    >>> x, y, z = (ft.tensor(v, requires_grad=True) for v in (2.0, 3.0, 4.0))
    >>> handle = register_multi_grad_hook((x, y, z), print)
    >>> (x * y).backward()
    [tensor(3.), tensor(2.), None]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"mode must be 'all' or 'any', not {mode!r}")
    count = len(tensors)
    key = object()

    def hook(i: int) -> Callable[[Any], None]:
        def arrived(g: Any) -> None:
            finishing = running_pass()
            if mode == "any":
                if key not in finishing:
                    finishing[key] = lambda: None
                    fn(g)
                return
            if key not in finishing:
                finishing[key] = _Gathered(fn, count)
            finishing[key].gradients[i] = g

        return arrived

    return MultiHandle([x.register_hook(hook(i)) for i, x in enumerate(tensors)])


class _Gathered:
    """The gradients that one pass has found so far; called at its end."""

    def __init__(self, fn: Callable[[Any], None], count: int) -> None:
        self.fn = fn
        self.gradients: list[Any] = [None] * count

    def __call__(self) -> None:
        self.fn(self.gradients)
