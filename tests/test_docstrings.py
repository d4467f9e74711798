"""Every public name has a docstring with an example, which the doctests of the package run.

A name is held to it where this package defines it. Its example may also stand elsewhere:

- of a method or a property, in the docstring of its class or of a base, if that uses it; or at what it overrides;
- of what a factory makes in many forms (``x.add_`` of ``x.add``, ``x.float`` of ``x.to``), at what it is a form of.

Not held to it: what NumPy defines; dtypes and constants; modules; errors, whose messages are tested where they arise.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytest

#: The modules that have public names, all in ``__all__``.
NAMESPACES = (
    "functorch_lite",
    "functorch_lite.autograd",
    "functorch_lite.autograd.forward_ad",
    "functorch_lite.autograd.function",
    "functorch_lite.autograd.functional",
    "functorch_lite.autograd.graph",
    "functorch_lite.core.tree",
    "functorch_lite.cuda",
    "functorch_lite.debug",
    "functorch_lite.fft",
    "functorch_lite.func",
    "functorch_lite.linalg",
    "functorch_lite.nn.functional",
    "functorch_lite.nn.init",
    "functorch_lite.nn.parameters",
    "functorch_lite.numpy",
    "functorch_lite.optim",
    "functorch_lite.optim.functional",
    "functorch_lite.optim.lr_scheduler",
    "functorch_lite.program.jit",
    "functorch_lite.program.program",
    "functorch_lite.random",
    "functorch_lite.scipy.fft",
    "functorch_lite.scipy.integrate",
    "functorch_lite.scipy.interpolate",
    "functorch_lite.scipy.linalg",
    "functorch_lite.scipy.ndimage",
    "functorch_lite.scipy.optimize",
    "functorch_lite.scipy.signal",
    "functorch_lite.scipy.sparse",
    "functorch_lite.scipy.spatial.distance",
    "functorch_lite.scipy.special",
    "functorch_lite.scipy.stats",
    "functorch_lite.special",
    "functorch_lite.tensor.functions",
    "functorch_lite.testing",
)


@dataclass(frozen=True)
class Name:
    """A public name: what it stands for, and the class that it is a member of."""

    path: str
    value: Any
    owner: type | None = None

    @property
    def docstring(self) -> str:
        """The docstring; of a member without one, that of what it overrides. Of a class, its own only."""
        own = vars(self.value).get("__doc__") if inspect.isclass(self.value) else self.value.__doc__
        return own or next((doc for doc in self.overridden() if doc), "")

    @property
    def has_example(self) -> bool:
        """Whether an example stands where the rule lets it stand."""
        if "<locals>" in self.value.__qualname__ or ">>>" in self.docstring:
            return True
        if self.owner is None:
            return False
        use = re.compile(rf"^ *(>>>|\.\.\.) .*(\.|\bdef ){self.value.__name__}\b", re.MULTILINE)
        classes = [vars(base).get("__doc__") or "" for base in self.owner.__mro__]
        return any(map(use.search, classes)) or any(">>>" in doc for doc in self.overridden())

    def overridden(self) -> list[str]:
        """Return the docstrings of the members of the same name in the bases."""
        bases = () if self.owner is None else self.owner.__mro__[1:]
        members = [vars(base)[self.value.__name__] for base in bases if self.value.__name__ in vars(base)]
        return [member.__doc__ or "" for member in members]


def names(path: str, values: dict[str, Any], owner: type | None = None) -> Iterator[Name]:
    """Give the public names among some values that are held to the rule, and their own members; of objects, these."""
    for name, value in values.items():
        value = getattr(value, "fget", None) or getattr(value, "__func__", value)
        is_object = not (inspect.isfunction(value) or inspect.isclass(value))
        kind = type(value) if is_object else value
        if name.startswith("_") or not kind.__module__.startswith("functorch_lite.") or (is_object and owner):
            continue
        if inspect.isclass(value) and issubclass(value, BaseException):
            continue
        if not is_object:
            yield Name(f"{path}.{name}", value, owner)
        if inspect.isclass(kind) and owner is None:
            members = {member: inspect.getattr_static(kind, member) for member in dir(kind)}
            yield from names(f"{path}.{name}", members, kind)


def public_names(path: str) -> list[Name]:
    """Return the public names of a module and of its classes."""
    module = import_module(path)
    return list(names(path, {name: getattr(module, name) for name in module.__all__}))


@pytest.mark.parametrize("path", NAMESPACES)
def test_public_names_have_docstrings_with_examples(path: str) -> None:
    found = public_names(path)
    assert [name.path for name in found if not name.docstring] == []
    assert [name.path for name in found if not name.has_example] == []


# --- The walk itself --------------------------------------------------------------------------------------------------


def test_functions_methods_and_properties_are_found_but_not_what_numpy_defines() -> None:
    found = {name.path for path in NAMESPACES for name in public_names(path)}
    assert {
        "functorch_lite.zeros",
        "functorch_lite.Tensor.add",
        "functorch_lite.Tensor.grad",
        "functorch_lite.autograd.Function.apply",
        "functorch_lite.nn.functional.relu",
        "functorch_lite.optim.SGD.step",
        "functorch_lite.program.program.Program.save",
        "functorch_lite.scipy.stats.multivariate_normal.pdf",
        "functorch_lite.scipy.stats.norm.ppf",
    } <= found
    assert found.isdisjoint({"functorch_lite.tensor.functions.sin", "functorch_lite.TracerConversionError"})


class _Counter:
    """Counts.

    >>> _Counter().count()
    """

    def count(self) -> None:
        """Count one."""

    def reset(self) -> None:
        """Begin again."""


def test_an_example_is_missed_unless_the_class_uses_the_method() -> None:
    assert Name("count", _Counter.count, _Counter).has_example
    assert not Name("reset", _Counter.reset, _Counter).has_example
    assert not Name("reset", _Counter.reset).has_example
