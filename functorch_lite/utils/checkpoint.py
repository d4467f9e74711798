"""Recomputation in PyTorch's words: a function is checkpointed and called at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.core.errors import user_line
from functorch_lite.transforms import checkpointing

__all__ = ["checkpoint", "checkpoint_sequential"]


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Call a function whose intermediate values are not kept for the backward pass, but computed again.

    Parameters
    ----------
    function
        The function; see `functorch_lite.checkpoint`, of which ``checkpoint(f, x)`` is ``ft.checkpoint(f)(x)``.
    *args, **kwargs
        Its arguments.
    use_reentrant, preserve_rng_state
        Accepted for PyTorch's sake: there is one implementation, and random tensors are drawn again as they were.

    Returns
    -------
    object
        What the function returns.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite.utils.checkpoint import checkpoint
    >>> x = ft.tensor(2.0, requires_grad=True)
    >>> checkpoint(lambda x: (x * x).exp().log(), x, use_reentrant=False).backward()
    >>> x.grad
    tensor(4.)
    """
    return checkpointing.checkpoint(function)(*args, **kwargs)


def checkpoint_sequential(
    functions: Sequence[Callable[[Any], Any]],
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """Call functions one after the other, in segments of which all but the last are checkpointed.

    Parameters
    ----------
    functions
        Each takes what the one before it returns.
    segments
        Into how many parts they are divided.
    input
        The argument of the first.
    use_reentrant, preserve_rng_state
        As for `checkpoint`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite.utils.checkpoint import checkpoint_sequential
    >>> x = ft.tensor(0.0, requires_grad=True)
    >>> checkpoint_sequential([ft.sin, ft.sin, ft.sin, ft.sin], 2, x).backward()
    >>> x.grad
    tensor(1.)
    """
    if not 1 <= segments <= len(functions):
        raise ValueError(
            f"checkpoint_sequential at {user_line()}: {len(functions)} functions cannot be divided into {segments} "
            f"segments"
        )
    size = len(functions) // segments
    last = size * (segments - 1)
    for start in range(0, last, size):
        input = checkpoint(_one_after_the_other(functions[start : start + size]), input)
    return _one_after_the_other(functions[last:])(input)


def _one_after_the_other(functions: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        for function in functions:
            x = function(x)
        return x

    return run
