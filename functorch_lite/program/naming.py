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
        self._given = dict.fromkeys(taken, 1)

    def copy(self) -> Names:
        """Return other identifiers that are told apart from all of these."""
        return Names(self._given)

    def fresh(self, base: str) -> str:
        """Return an identifier that was not given yet."""
        base = base if base.isidentifier() and not keyword.iskeyword(base) else f"{base}_"
        name = base
        while name in self._given:
            self._given[base] += 1
            name = f"{base}_{self._given[base]}"
        self._given[name] = 1
        return name
