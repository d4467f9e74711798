"""Names: what the inputs and the results of a program are called where a person reads it."""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from functorch_lite.core import tree

__all__ = ["Names", "input_names"]


def input_names(
    f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], static: Sequence[int] = ()
) -> tuple[str, ...]:
    """Return a name for each leaf of the arguments of a function: its parameter's, and where it stands in it.

    The positions of static arguments, which are not among ``args``, are passed over.

    Examples
    --------
    >>> def loss(params, x, *rest): ...
    >>> input_names(loss, ({"w": 1.0, "b": [2.0, 3.0]}, 4.0, 5.0), {})
    ('params_b_0', 'params_b_1', 'params_w', 'x', 'rest_0')
    """
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # a ufunc, a builtin
        parameters = []
    parameters = [p for i, p in enumerate(parameters) if i not in static]
    names = []
    for i, value in enumerate(args):
        rest = next((k for k, p in enumerate(parameters) if p.kind is p.VAR_POSITIONAL and k <= i), None)
        if rest is not None:
            base = f"{parameters[rest].name}_{i - rest}"
        else:
            base = parameters[i].name if i < len(parameters) else ""
        names += [base + path for path in tree.paths(value)]
    names += [path.partition("[")[2] for path in tree.paths(kwargs)] if kwargs else []
    return tuple(map(_identifier, names))


def _identifier(text: str) -> str:
    name = re.sub(r"\W+", "_", text).strip("_")
    return f"_{name}" if name[:1].isdigit() else name


class Names:
    """Identifiers, each given once: a second ``total`` is ``total_2``."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._given = set(taken)
        self._counts: dict[str, int] = {}
        self._outer: Names | None = None
        #: What was given in scopes within this one.
        self._within: set[str] = set()

    def scope(self) -> Names:
        """Return the identifiers of a function in this scope, told apart from all of these, given before or later."""
        inner = Names(())
        inner._outer = self
        return inner

    def fresh(self, base: str) -> str:
        """Return an identifier that was not given yet."""
        base = base if base.isidentifier() and not keyword.iskeyword(base) else f"{base}_"
        name = base
        while name in self._within or self._is_seen(name):
            self._counts[base] = count = self._counts.get(base, 1) + 1
            name = f"{base}_{count}"
        self._given.add(name)
        outer = self._outer
        while outer is not None:
            outer._within.add(name)
            outer = outer._outer
        return name

    def _is_seen(self, name: str) -> bool:
        return name in self._given or (self._outer is not None and self._outer._is_seen(name))
