"""Calls of ufuncs on tracers that are more than ``np.sin(x)``: keywords, methods, ``out=``, ``b += x`` of raw ``b``."""

from __future__ import annotations

import sys
from opcode import opmap
from typing import Any

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.primitive import PRIMITIVES
from functorch_lite.core.tables import FUNCTIONS, UFUNC_METHODS, load_late_rules, refuse

__all__ = ["composed", "uncommon_call"]

#: What tells generalised ufuncs (matmul, vecdot) where their core axes are.
_CORE_AXES = {"axes", "axis", "keepdims"}


def uncommon_call(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Apply a ufunc with keywords, or one of its methods; `ArrayTracer.__array_ufunc__` calls it directly."""
    out = kwargs.pop("out", (None,))
    if any(o is not None for o in out) and not _rebinds_name(ufunc, inputs, out):
        raise TypeError(
            f"np.{ufunc.__name__} at {user_line()} was told to write a traced result into `out`, which cannot hold a "
            f"derivative. Let out be fnp.zeros(…) (import functorch_lite.numpy as fnp), which can, or assign the "
            f"result instead: y = np.{ufunc.__name__}(…)."
        )
    if method != "__call__":
        implementation = UFUNC_METHODS.get((ufunc, method)) or UFUNC_METHODS.get((None, method))
        if implementation is None:
            raise NotImplementedError(f"np.{ufunc.__name__}.{method} has no derivative rule; at {user_line()}")
        return implementation(ufunc, *inputs, **kwargs)
    where = kwargs.pop("where", True)
    dtype = kwargs.pop("dtype", None)
    casting = kwargs.pop("casting", "same_kind")
    kwargs.pop("order", None)
    kwargs.pop("subok", None)
    if kwargs and not (ufunc in FUNCTIONS and kwargs.keys() <= _CORE_AXES):
        raise NotImplementedError(
            f"np.{ufunc.__name__} with {', '.join(kwargs)} has no derivative rule; at {user_line()}"
        )
    if where is not True:
        raise TypeError(
            f"np.{ufunc.__name__}(…, where=mask) at {user_line()} leaves elements undefined under a transformation; "
            f"give it out=fnp.zeros(…) (import functorch_lite.numpy as fnp), or write "
            f"np.where(mask, np.{ufunc.__name__}(…), otherwise)"
        )
    if dtype is not None:
        for x in inputs:
            if not np.can_cast(getattr(x, "dtype", type(x)), dtype, casting):
                raise TypeError(
                    f"np.{ufunc.__name__}(…, dtype={np.dtype(dtype)}) at {user_line()} cannot cast its input from "
                    f"{getattr(x, 'dtype', type(x).__name__)} with casting rule {casting!r}; convert it first by astype"
                )
        inputs = tuple(FUNCTIONS[np.astype](x, dtype) for x in inputs)
    return FUNCTIONS[ufunc](*inputs, **kwargs) if kwargs else ufunc(*inputs)


def composed(ufunc: np.ufunc, inputs: tuple[Any, ...]) -> Any:
    """Apply a ufunc that is no primitive but composed of them."""
    implementation = FUNCTIONS.get(ufunc)
    if implementation is not None:
        return implementation(*inputs)
    load_late_rules()
    if ufunc in PRIMITIVES or ufunc in FUNCTIONS:
        return ufunc(*inputs)
    refuse(ufunc)


def _rebinds_name(ufunc: np.ufunc, inputs: tuple[Any, ...], out: tuple[Any, ...]) -> bool:
    """Tell ``b += x`` from ``np.add(b, x, out=b)``: the first binds `b` to what we return, the second drops it.

    Both arrive alike. The instruction that the caller stands at tells: an in-place operator in the one case, a call in
    the other. In doubt the answer is no, and the caller raises.
    """
    if len(out) != 1 or out[0] is not inputs[0]:
        return False
    frame = sys._getframe(3)
    code = frame.f_code.co_code
    instruction, argument = code[frame.f_lasti], code[frame.f_lasti + 1]
    return instruction == _BINARY_OP and argument >= _FIRST_INPLACE_OPERATOR


def _inplace_operator_codes() -> tuple[int, int]:
    """Return the opcode of binary operators and the argument of the first in-place one, read off a compiled example."""
    code = compile("b += x", "<example>", "exec").co_code
    opcode = opmap["BINARY_OP"]
    return opcode, next(code[i + 1] for i in range(0, len(code), 2) if code[i] == opcode)


_BINARY_OP, _FIRST_INPLACE_OPERATOR = _inplace_operator_codes()
