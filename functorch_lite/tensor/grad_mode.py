"""Grad modes: whether operations on tensors are recorded, for each thread and each asynchronous task.

They concern tensors only. A functional transformation differentiates what it was asked to, in any mode.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar, Token
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

import numpy as np

__all__ = [
    "GradMode",
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "observer",
    "observing",
    "recording",
    "restore",
    "set_grad_enabled",
    "switch",
]

F = TypeVar("F", bound=Callable[..., Any])

#: Whether operations are recorded: False, True, or an object that observes each of them (see `observing`).
_recording: ContextVar[Any] = ContextVar("recording", default=True)
_inference: ContextVar[bool] = ContextVar("inference", default=False)
#: What observes operations where they are recorded.
observer: ContextVar[Any] = ContextVar("observer", default=True)

#: Asked at every operation: the bound method of the variable itself.
recording = _recording.get


def is_grad_enabled() -> bool:
    """Say whether operations on tensors that require grad are recorded.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.is_grad_enabled()
    True
    >>> with ft.no_grad():
    ...     ft.is_grad_enabled()
    False
    """
    return bool(_recording.get())


def is_inference_mode_enabled() -> bool:
    """Say whether inference mode is on.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> with ft.inference_mode():
    ...     ft.is_inference_mode_enabled()
    True
    """
    return _inference.get()


class GradMode:
    """A grad mode: a context manager, reusable and nestable, and a decorator of functions of every sort."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self._tokens: list[Any] = []

    def __enter__(self) -> None:
        self._tokens.append(self._enter())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave(self._tokens.pop())

    def __call__(self, function: F) -> F:
        """Decorate a function, a generator function or a coroutine function: its body runs in this mode."""
        return _decorated(function, self._fresh)  # type: ignore[no-any-return]

    def _fresh(self) -> GradMode:
        """Return a mode of its own for each call: calls may run at once in several threads and tasks."""
        made: GradMode = object.__new__(type(self))
        made.mode, made._tokens = self.mode, []
        return made

    def _enter(self) -> Any:
        return switch(self.mode)

    def _leave(self, previous: Any) -> None:
        restore(previous)


class _Bare(type):
    """Lets ``@no_grad`` stand for ``@no_grad()``."""

    def __call__(cls, function: Any = None, /, **kwargs: Any) -> Any:
        mode = type.__call__(cls, **kwargs)
        return mode if function is None else mode(function)


if TYPE_CHECKING:

    class _Parameterless(Protocol):
        """What type checkers are told of a mode that decorates with or without parentheses."""

        @overload
        def __call__(self) -> GradMode: ...
        @overload
        def __call__(self, function: F, /) -> F: ...

    class _Switched(Protocol):
        @overload
        def __call__(self, mode: bool = True) -> GradMode: ...
        @overload
        def __call__(self, mode: F) -> F: ...

    no_grad: _Parameterless
    enable_grad: _Parameterless
    inference_mode: _Switched

else:

    class no_grad(GradMode, metaclass=_Bare):  # noqa: N801 - PyTorch's name
        """Do not record: results do not require grad, and nothing is kept for a backward pass.

        A context manager, and a decorator with or without parentheses. Tensors that are *created* with
        ``requires_grad=True`` inside still require grad.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x = ft.tensor(1.0, requires_grad=True)
        >>> with ft.no_grad():
        ...     y = x * 2.0
        >>> y.requires_grad
        False
        """

        def __init__(self) -> None:
            super().__init__(False)


    class enable_grad(GradMode, metaclass=_Bare):  # noqa: N801 - PyTorch's name
        """Record again inside `no_grad`; used as it is.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x = ft.tensor(1.0, requires_grad=True)
        >>> with ft.no_grad(), ft.enable_grad():
        ...     y = x * 2.0
        >>> y.requires_grad
        True
        """

        def __init__(self) -> None:
            super().__init__(True)

    class inference_mode(GradMode):  # noqa: N801 - PyTorch's name
        """`no_grad` for good: tensors made inside can never become part of a graph.

        Parameters
        ----------
        mode
            Whether to switch it on; a function when used as a bare decorator.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> with ft.inference_mode():
        ...     y = ft.ones(2) * 2.0
        >>> y.is_inference()
        True
        """

        def __new__(cls, mode: Any = True) -> Any:
            made = super().__new__(cls)
            if callable(mode):
                made.__init__()  # type: ignore[misc]
                return made(mode)
            return made

        def __init__(self, mode: bool = True) -> None:
            super().__init__(_as_bool(mode, "inference_mode"))

        def _enter(self) -> Any:
            token: Token[bool] = _inference.set(self.mode)
            return token.old_value if token.old_value is not Token.MISSING else False, switch(not self.mode)

        def _leave(self, previous: Any) -> None:
            was_inference, mode = previous
            _inference.set(was_inference)
            _recording.set(mode)


class set_grad_enabled(GradMode):  # noqa: N801 - PyTorch's name
    """Switch recording on or off: at once as a plain call, for a block as a context manager, or as a decorator.

    Parameters
    ----------
    mode
        Whether to record.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor(1.0, requires_grad=True)
    >>> with ft.set_grad_enabled(False):
    ...     y = x * 2.0
    >>> y.requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__(_as_bool(mode, "set_grad_enabled"))
        self._tokens.append(switch(mode))

    def __enter__(self) -> None:
        if len(self._tokens) == 1 and bool(_recording.get()) == self.mode:
            return  # the constructor has switched already, and knows what was before
        super().__enter__()

    def __call__(self, function: F) -> F:
        """Decorate a function; the constructor's switch is undone."""
        self._leave(self._tokens.pop())
        return super().__call__(function)


def observing(observe: Any) -> Any:
    """Set what observes operations (True for nothing); return what did, for `observing` to set again."""
    previous = observer.get()
    observer.set(observe)
    if _recording.get():
        _recording.set(observe)
    return previous


def restore(previous: Any) -> None:
    """Undo a `switch`."""
    _recording.set(previous)


def switch(mode: bool) -> Any:
    """Switch recording on or off; return what `restore` needs."""
    previous = _recording.get()
    _recording.set(observer.get() if mode else False)
    return previous


def _as_bool(mode: Any, name: str) -> bool:
    if not isinstance(mode, bool | np.bool):
        raise TypeError(f"{name} takes True or False, not {mode!r}")
    return bool(mode)


def _decorated(function: Any, mode: Callable[[], GradMode]) -> Any:
    if inspect.isclass(function):
        raise TypeError(f"a grad mode decorates functions, not the class {function.__name__}; decorate its methods")
    if inspect.isgeneratorfunction(function):
        return _decorated_generator(function, mode)
    if inspect.isasyncgenfunction(function):
        return _decorated_async_generator(function, mode)
    if inspect.iscoroutinefunction(function):
        return _decorated_coroutine(function, mode)

    @wraps(function)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        with mode():
            return function(*args, **kwargs)

    return decorated


def _decorated_coroutine(function: Any, mode: Callable[[], GradMode]) -> Any:
    @wraps(function)
    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        with mode():
            return await function(*args, **kwargs)

    return coroutine


def _decorated_async_generator(function: Any, mode: Callable[[], GradMode]) -> Any:
    @wraps(function)
    async def async_generator(*args: Any, **kwargs: Any) -> Any:
        inner = function(*args, **kwargs)
        while True:
            try:
                with mode():
                    item = await anext(inner)
            except StopAsyncIteration:
                return
            yield item

    return async_generator


def _decorated_generator(function: Any, mode: Callable[[], GradMode]) -> Any:
    """Decorate a generator function: the mode is in force while its body runs, and not while it waits at a yield."""

    @wraps(function)
    def generator(*args: Any, **kwargs: Any) -> Any:
        inner = function(*args, **kwargs)
        resume: Callable[[], Any] = lambda: next(inner)  # noqa: E731
        while True:
            try:
                with mode():
                    item = resume()
            except StopIteration as stop:
                return stop.value
            try:
                sent = yield item
            except GeneratorExit:
                with mode():
                    inner.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is the generator's to handle
                resume = _thrower(inner, error)
            else:
                resume = _sender(inner, sent)

    return generator


def _sender(generator: Any, value: Any) -> Callable[[], Any]:
    return lambda: generator.send(value)


def _thrower(generator: Any, error: BaseException) -> Callable[[], Any]:
    return lambda: generator.throw(error)
