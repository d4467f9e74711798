"""Templates: how each primitive is written by a person who has NumPy only.

A template is a format string. Its fields are the primitive's own names for its arrays and parameters, and

``{axis}``, ``{keep}``
    ``, axis=0`` and ``, keepdims=True``, or nothing where they are NumPy's defaults;
``{inside}``
    a key as it stands in brackets, with the index arrays in their places;
``{target}``, ``{out_shape}``, ``{out_dtype}``
    the result's name, shape and dtype.

A primitive that needs statements has a tuple of templates, of which the first defines ``{target}``.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.program.bundling import literal
from functorch_lite.program.equations import Equation, Variable

__all__ = ["BUILTINS", "PREFIX", "TEMPLATES", "fields", "parameter"]

#: The builtins that templates, parameters and loops are written with.
BUILTINS = frozenset({"abs", "bool", "complex", "float", "int", "print", "range", "reversed", "slice"})

PREFIX = {operator.neg: "-", operator.invert: "~", np.negative: "-", operator.pos: "+"}

_ZEROS = "{target} = np.zeros({out_shape}, {out_dtype})"

TEMPLATES: dict[str, str | tuple[str, ...]] = {
    # Reductions
    "all": "np.all({x}{axis}{keep})",
    "any": "np.any({x}{axis}{keep})",
    "argmax": "np.argmax({x}{axis}{keep})",
    "argmin": "np.argmin({x}{axis}{keep})",
    "logaddexp_reduce": "np.logaddexp.reduce({x}, {axes}{keep})",
    "interpolated": "np.interp({x}, {xp}, {fp})",
    "masked_prod": "np.prod({x}{axis}{keep}, initial={initial}, where={mask})",
    "masked_sum": "np.sum({x}{axis}{keep}, initial={initial}, where={mask})",
    "max": "np.max({x}{axis}{keep})",
    "mean": "np.mean({x}{axis}{keep})",
    "min": "np.min({x}{axis}{keep})",
    "nanargmax": "np.nanargmax({x}{axis}{keep})",
    "nanargmin": "np.nanargmin({x}{axis}{keep})",
    "prod": "np.prod({x}{axis}{keep})",
    "segment_sums": "np.add.reduceat({x}, {starts}, {axis_})",
    "std": "np.std({x}{axis}, ddof={ddof}{keep})",
    "sum": "np.sum({x}{axis}{keep})",
    "var": "np.var({x}{axis}, ddof={ddof}{keep})",
    # Shapes
    "broadcast_to": "np.broadcast_to({x}, {shape})",
    "diagonal": "np.diagonal({x}, {offset}, -2, -1)",
    "flip": "np.flip({x}, {axes})",
    "pad_with_zeros": "np.pad({x}, {widths})",
    "reshape": "np.reshape({x}, {shape})",
    "roll": "np.roll({x}, {shifts}, {axes})",
    "transpose": "np.transpose({x}, {axes})",
    # Parts
    "gather": "{first}[{inside}]",
    "index": "{x}[{inside}]",
    "replace": ("{target} = np.array({first})", "{target}[{inside}] = {second}"),
    "scatter": (_ZEROS, "np.add.at({target}, np.s_[{inside}], {first})"),
    "scatter unique": (_ZEROS, "{target}[{inside}] = {first}"),
    "unindex": (_ZEROS, "{target}[{inside}] = {x}"),
    # Joining
    "concatenate": "np.concatenate(({arrays},), {axis_})",
    "lexsort": "np.lexsort(({keys},), {axis_})",
    "split": "np.split({x}, {inner_bounds}, {axis_})",
    "stack": "np.stack(({arrays},), {axis_})",
    "unstack": "np.unstack({x}, axis={axis_})",
    # Kinds of number
    "complex_sign": "np.sign({x})",
    "constant_like": "np.full({out_shape}, {value}, {out_dtype})",
    "convert": "np.asarray({x}).astype({dtype})",
    "discretize": "np.asarray({x}).astype({dtype})",
    "exponent": "np.frexp({x})[1]",
    "fraction": "np.modf({x})[0]",
    "imag": "np.imag({x})",
    "of_parts": ("{target} = np.empty({out_shape}, {out_dtype})", "{target}.real = {x}", "{target}.imag = {y}"),
    "real": "np.real({x})",
    "rounded": "np.round({x}, {decimals})",
    "stop_gradient": "{x}",
    # Running
    "cumlogaddexp": "np.logaddexp.accumulate({x}, {axis_})",
    "cummax": "np.maximum.accumulate({x}, {axis_})",
    "cummin": "np.minimum.accumulate({x}, {axis_})",
    "cumprod": "np.cumprod({x}, {axis_})",
    "cumprod reverse": "np.flip(np.cumprod(np.flip({x}, {axis_}), {axis_}), {axis_})",
    "cumsum": "np.cumsum({x}, {axis_})",
    "cumsum reverse": "np.flip(np.cumsum(np.flip({x}, {axis_}), {axis_}), {axis_})",
    "difference": "np.diff({x}, {n}, {axis_})",
    # Products
    "contract": "np.einsum({subscripts}, {x}, {y})",
    "cross": "np.cross({x}, {y})",
    "matmul": "({x} @ {y})",
    # Order and selection
    "argpartition": "np.argpartition({x}, {kth}, axis={axis_})",
    "argsort": "np.argsort({x}, axis={axis_}, kind={kind})",
    "position_among": "np.searchsorted({a}, {v}, {side})",
    "sort": "np.sort({x}, axis={axis_}, kind={kind})",
    "unravel_index": "np.unravel_index({indices}, {shape}, {order})",
    "where": "np.where({condition}, {x}, {y})",
    # Fourier transforms
    "complex_transform": "np.fft.fft({x}, {n}, {axis_}, {norm})",
    "complex_transform inverse": "np.fft.ifft({x}, {n}, {axis_}, {norm})",
    "real_inverse": "np.fft.irfft({x}, {n}, {axis_}, {norm})",
    "real_transform": "np.fft.rfft({x}, {n}, {axis_}, {norm})",
    # Linear algebra
    "cholesky": "np.linalg.cholesky({a}, upper={upper})",
    "complete_qr": "np.linalg.qr({a}, 'complete')",
    "det": "np.linalg.det({a})",
    "eig": "np.linalg.eig({a})",
    "eigh": "np.linalg.eigh({a}, {uplo})",
    "eigvals": "np.linalg.eigvals({a})",
    "eigvalsh": "np.linalg.eigvalsh({a}, {uplo})",
    "full_svd": "np.linalg.svd({a})",
    "inv": "np.linalg.inv({a})",
    "matrix_rank": "np.linalg.matrix_rank({a}, {tolerance}, {hermitian}, rtol={rtol})",
    "pinv": "np.linalg.pinv({a}, {rcond}, {hermitian})",
    "qr": "np.linalg.qr({a})",
    "slogdet": "np.linalg.slogdet({a})",
    "solve": "np.linalg.solve({a}, {b})",
    "svd": "np.linalg.svd({a}, full_matrices=False)",
    "svdvals": "np.linalg.svd({a}, compute_uv=False)",
    # Debugging
    "debug_print": ("print({format}.format({arrays}))",),
}


def fields(equation: Equation, texts: Sequence[str], target: str) -> dict[str, str]:
    """Return the fields of the template of an equation, whose operands are these texts."""
    primitive = equation.primitive
    params = dict(zip(primitive.parameters, equation.params, strict=True))
    found = {name: parameter(value) for name, value in params.items() if name not in ("key", "template")}
    if primitive.arity is None:
        names = params.get("names", ())  # of the last arrays, which are passed by name
        named = [f"{name}={text}" for name, text in zip(names, texts[len(texts) - len(names) :], strict=True)]
        found[primitive.arguments[0]] = ", ".join([*texts[: len(texts) - len(names)], *named])
        found |= dict(zip(("first", "second"), texts, strict=False))
    else:
        found |= zip(primitive.arguments, texts, strict=True)
    output = equation.outputs[0]
    found |= {"target": target, "out_shape": repr(output.shape), "out_dtype": _dtype(output.dtype)}
    found["axis_"] = found.get("axis", "")
    found["axis"] = _axis(equation, params)
    found["keep"] = ", keepdims=True" if params.get("keepdims") else ""
    if "bounds" in params:
        found["inner_bounds"] = repr(list(params["bounds"][1:-1]))
    key = params.get("key", params.get("template"))
    if key is not None or "key" in params:
        indices = list(texts[2 if primitive.word == "replace" else 1 :])
        found["inside"] = _inside(key, params.get("places", ()), indices)
    return found


def parameter(value: Any) -> str:
    """Return a parameter as an expression."""
    if isinstance(value, np.dtype):
        return _dtype(value)
    if type(value) is list:
        return f"[{', '.join(map(parameter, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(parameter, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, np.generic):
        return literal(value.item())
    if isinstance(value, int | float | complex):
        return literal(value)
    if value is None or value is Ellipsis or type(value) in (str, slice):
        return repr(value)
    raise NotImplementedError(f"its parameter {value!r} is no plain value")


def _dtype(dtype: Any) -> str:
    if isinstance(dtype, type):
        return dtype.__name__
    return f"np.{dtype.type.__name__}" if dtype.isnative else f"np.dtype({dtype.str!r})"


def _axis(equation: Equation, params: dict[str, Any]) -> str:
    axes = params.get("axes", params.get("axis"))
    first = equation.operands[0] if equation.operands else None
    rank = len(first.shape) if isinstance(first, Variable) else 0
    if axes is None or (rank and axes == tuple(range(rank))):
        return ""
    if type(axes) is tuple and len(axes) == 1:
        (axes,) = axes
    return f", axis={axes!r}"


def _inside(key: Any, places: Sequence[int], indices: Sequence[str]) -> str:
    parts = list(map(_entry, key if type(key) is tuple else (key,)))
    for place, text in zip(places, indices, strict=True):
        parts[place] = text
    return ", ".join(parts) if parts else "()"


def _entry(k: Any) -> str:
    if k is Ellipsis:
        return "..."
    if type(k) is not slice:
        return repr(k)
    ends = ["" if end is None else str(end) for end in (k.start, k.stop, k.step)]
    return ":".join(ends if ends[2] else ends[:2])
