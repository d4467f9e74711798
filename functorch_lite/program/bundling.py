"""Bundling: the source of a function of this package, with all that it calls, as text that needs NumPy only."""

from __future__ import annotations

import ast
import builtins
import inspect
import math
import textwrap
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from functorch_lite.core.optional import scipy_module
from functorch_lite.core.primitive import Primitive
from functorch_lite.program.naming import Names

__all__ = ["Bundle", "expression", "is_sum", "literal", "public_name"]

#: Statements that only turn away what a standalone module is never given, or warn of a NaN that is there to see.
_GUARDS = frozenset({"refuse_foreign", "refuse_out", "warnings.warn"})


def public_name(function: Any) -> str | None:
    """Return ``np.sin`` for NumPy's sine; None for what is no public function of NumPy."""
    name = getattr(function, "__name__", "")
    return f"np.{name}" if name and getattr(np, name, None) is function else None


#: Arrays of so many elements that a function finds in its module stand in the text.
LARGEST_TABLE = 64


class Bundle:
    """The functions and constants that a standalone module defines for its own use.

    Attributes
    ----------
    definitions
        Their text, each after what it calls.
    uses_math
        Whether one of them needs the module ``math``.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.definitions: list[str] = []
        self.uses_math = False
        self._known: dict[Any, str] = {}

    def function(self, function: Callable[..., Any]) -> str:
        """Return the name under which the module has a function, which is defined in it if it is not NumPy's.

        Raises
        ------
        NotImplementedError
            If it depends on more than NumPy.
        """
        function = inspect.unwrap(function)
        known = self._known.get(function) or public_name(function)
        if known is not None:
            return known
        if not isinstance(function, FunctionType) or function.__closure__ or function.__name__ == "<lambda>":
            raise NotImplementedError(
                f"{getattr(function, '__name__', function)!r} has no source that could stand alone"
            )
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
        assert isinstance(node, ast.FunctionDef)
        name = self.names.fresh(f"_{function.__name__.strip('_')}")
        self._known[function] = name
        node.name, node.decorator_list, node.returns = name, [], None
        node.body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
        for part in ast.walk(node):
            if isinstance(part, ast.arg):
                part.annotation = None
        own = {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)} | {
            part.id for part in ast.walk(node) if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load)
        }
        renamed = _Renaming(self, function.__globals__, own).visit(node)
        self.definitions.append(ast.unparse(ast.fix_missing_locations(renamed)))
        return name

    def value(self, value: Any) -> str:
        """Return an expression for what a function finds among its module's names."""
        if isinstance(value, ModuleType) and value in (np, math):
            self.uses_math |= value is math
            return "np" if value is np else "math"
        if value is scipy_module:
            raise NotImplementedError("it needs SciPy")
        if isinstance(value, Primitive):
            if value.arity is None or value.multiple:
                raise NotImplementedError(f"it applies {value.name}")
            return self.function(value.function)
        if type(value) in (tuple, frozenset):
            parts = ", ".join(map(self.value, value))
            return f"({parts},)" if type(value) is tuple else f"frozenset(({parts},))"
        if value is None or type(value) in (bool, int, float, str, slice):
            return "None" if value is None else literal(value)
        if type(value) is np.ndarray and value.size <= LARGEST_TABLE:
            return f"np.array({value.tolist()})"
        name = getattr(value, "__name__", "")
        if name and getattr(math, name, None) is value:
            self.uses_math = True
            return f"math.{name}"
        if name and getattr(builtins, name, None) is value:
            return str(name)
        if callable(value):
            return self.function(value)
        raise NotImplementedError(f"it reads a {type(value).__name__}")


def literal(value: Any) -> str:
    """Return a Python number as an expression that may stand beside an operator; see `expression`."""
    text = expression(value)
    return f"({text})" if text.startswith("-") else text


def expression(value: Any) -> str:
    """Return a Python number as an expression, also where it is infinite or not a number."""
    if isinstance(value, complex) and not is_sum(value):
        return f"complex({expression(value.real)}, {expression(value.imag)})"
    if isinstance(value, float) and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    return repr(value)


def is_sum(z: complex) -> bool:
    """Say whether Python reads back what it prints of a complex number, as a sum of two: it loses signs of zeros."""
    signs = np.signbit([z.real, z.imag])
    return bool(np.isfinite(z) and (z.real or not signs.any()) and (z.imag or not signs[1]))


class _Renaming(ast.NodeTransformer):
    """Puts the standalone expression in the place of each name of the module; drops guards and annotations."""

    def __init__(self, bundle: Bundle, module: dict[str, Any], own: set[str]) -> None:
        self.bundle, self.module, self.own = bundle, module, own

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.own or not isinstance(node.ctx, ast.Load):
            return node
        if node.id not in self.module and hasattr(builtins, node.id):
            return node
        return ast.parse(self.bundle.value(self.module[node.id]), mode="eval").body

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        call = node.value
        if isinstance(call, ast.Call) and ast.unparse(call.func) in _GUARDS:
            return ast.Pass()
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        base = node.value
        if isinstance(base, ast.Name) and isinstance(self.module.get(base.id), Primitive) and node.attr == "function":
            return ast.parse(self.bundle.value(self.module[base.id]), mode="eval").body
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "user_line":  # a part of an error's message
            return ast.Constant("this call")
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return ast.Assign([node.target], self.visit(node.value))
