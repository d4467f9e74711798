"""The command ``python -m functorch_lite show module:function``: a function's program, source or cost, from a shell."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.program.jit import jit, make_program
from functorch_lite.program.program import Program
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.hessians import hessian
from functorch_lite.transforms.jacobians import jacfwd, jacrev
from functorch_lite.transforms.reverse import grad, value_and_grad

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 where it could not be done, which it says on the error stream.

    Parameters
    ----------
    arguments
        The words behind the command's name; None: those that the process was started with.
    """
    options = _parser().parse_args(arguments)
    try:
        text = _shown(options)
    except _CommandError as error:
        sys.stderr.write(f"python -m functorch_lite show: {error}\n")
        return 2
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    return 0


class _CommandError(Exception):
    """What the user is to be told."""


_FORMS: dict[str, Callable[[Program], str]] = {
    "program": str,
    "source": Program.as_source,
    "dot": Program.as_dot,
    "cost": lambda program: str(program.cost()),
}


def _pushed(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function of the primals and then the tangents."""

    def pushed(*both: Any) -> Any:
        half = len(both) // 2
        return jvp(f, both[:half], both[half:])

    pushed.__name__ = getattr(f, "__name__", "f")
    return pushed


_TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "grad": grad,
    "value_and_grad": value_and_grad,
    "jacfwd": jacfwd,
    "jacrev": jacrev,
    "hessian": hessian,
    "jvp": _pushed,
    "vmap": vmap,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m functorch_lite", description="Automatic differentiation of NumPy programs."
    )
    show = parser.add_subparsers(required=True, metavar="command").add_parser(
        "show",
        help="show the program, the NumPy source, the graph or the cost of a function or of its derivative",
        epilog="Example: python -m functorch_lite show model.py:loss --args 'np.zeros(3), 2.0' --transform grad",
    )
    show.add_argument("function", metavar="module:function", help="the module may be a path to a .py file")
    show.add_argument("--args", default="", help="its arguments, as Python: 'np.zeros(3), 2.0' (np is NumPy)")
    show.add_argument("--transform", choices=_TRANSFORMS, help="show this of it (jvp: along tangents of ones)")
    show.add_argument("--as", dest="form", choices=_FORMS, default="source", help="source (the default), program, ...")
    show.add_argument("--raw", action="store_true", help="as it is recorded, before any optimisation")
    return parser


def _shown(options: argparse.Namespace) -> str:
    f = _function(options.function)
    args = _arguments(options.args)
    if options.transform is not None:
        f = _TRANSFORMS[options.transform](f)
        if options.transform == "jvp":
            args = (*args, *tree.map(_one, args))
    make = make_program(f) if options.raw else jit(f).program
    try:
        return _FORMS[options.form](make(*args))
    except Exception as error:  # the user's function may raise anything
        raise _CommandError(
            f"{options.function} could not be shown as {options.form} at the arguments ({options.args}): "
            f"{type(error).__name__}: {error}"
        ) from error


def _one(x: Any) -> Any:
    return np.ones_like(x) if hasattr(x, "shape") else type(x)(1)


def _function(text: str) -> Callable[..., Any]:
    module_name, colon, path = text.rpartition(":")
    if not colon or not module_name or not path:
        raise _CommandError(f"{text!r} names no function; write module:function, such as model.py:loss or numpy:sin")
    value: Any = _module(module_name)
    above = module_name
    for name in path.split("."):
        if not hasattr(value, name):
            names = vars(value) if isinstance(value, ModuleType) else dir(value)  # a module's in their order
            near = ", ".join(n for n in names if callable(getattr(value, n, None)) and not n.startswith("_"))
            raise _CommandError(f"{above} has no {name!r}; it has {near[:300] or 'no functions'}")
        value, above = getattr(value, name), f"{above}.{name}"
    if not callable(value):
        raise _CommandError(f"{text} is a {type(value).__name__}, not a function")
    return value  # type: ignore[no-any-return]


def _module(name: str) -> Any:
    try:
        if not name.endswith(".py"):
            if os.getcwd() not in sys.path:
                sys.path.insert(0, os.getcwd())
            return importlib.import_module(name)
        if not os.path.exists(name):
            raise _CommandError(f"there is no file {name}")
        spec = importlib.util.spec_from_file_location(os.path.basename(name)[:-3], name)
        assert spec is not None
        assert spec.loader is not None
        sys.path.insert(0, os.path.dirname(os.path.abspath(name)))  # what the file imports from beside itself
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    except _CommandError:
        raise
    except Exception as error:  # so may importing a module
        raise _CommandError(f"{name} could not be imported: {type(error).__name__}: {error}") from error
    return module


def _arguments(text: str) -> tuple[Any, ...]:
    try:
        args = eval(f"({text},)" if text.strip() else "()", {"np": np})
    except Exception as error:
        raise _CommandError(
            f"--args {text!r} is no list of Python values: {type(error).__name__}: {error}. Write for instance "
            f"--args 'np.zeros(3), 2.0'"
        ) from error
    return tuple(args)
