"""Say of every function of NumPy what it is under a transformation, and write the table ``docs/coverage.md``.

Each public function of `numpy`, `numpy.linalg` and `numpy.fft` is one of three: differentiable, zero by nature, or
refused by name. Most reach this library through NumPy's protocols and are looked up in its tables. NumPy lets the
others pass by; what they then do to a traced value is stated here, one by one.

Run it as ``python tools/coverage.py`` to write the page. A test fails when a function is none of the three or when the
page is out of date.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.testing import overrides

import functorch_lite  # noqa: F401  its import fills the tables
from functorch_lite.calculus.zero_by_nature import ZERO_BY_NATURE
from functorch_lite.core.primitive import PRIMITIVES, General, Linear, Pointwise, Zero
from functorch_lite.core.tables import FUNCTIONS, REFUSED

__all__ = ["DIFFERENTIABLE", "PAGE", "REFUSED_BY_NAME", "ZERO", "Entry", "entries", "page", "rows_of"]

NAMESPACES = (np, np.linalg, np.fft)
PAGE = Path(__file__).parent.parent / "docs" / "coverage.md"

DIFFERENTIABLE, ZERO, REFUSED_BY_NAME = "differentiable", "zero by nature", "refused"

_TAKES_NO_ARRAY = "takes no array: makes constants from sizes"
_ASKS = "asks about dtypes, shapes or settings"
_CONVERTS = "NumPy converts its argument to a plain array; the tracer refuses with the remedy"
_OF_NUMBERS = "gives an array of traced real numbers, as np.array(x) does, up to 256 of them"

#: What becomes of functions that NumPy's protocols do not intercept: the class and the reason.
PASSED_BY: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("bartlett", "blackman", "hamming", "hanning", "diag_indices", "indices", "mask_indices"),
        (ZERO, _TAKES_NO_ARRAY),
    ),
    **dict.fromkeys(("tril_indices", "triu_indices"), (ZERO, _TAKES_NO_ARRAY)),
    **dict.fromkeys(
        ("broadcast_shapes", "datetime_data", "get_include", "get_printoptions", "getbufsize", "geterr", "geterrcall"),
        (ZERO, _ASKS),
    ),
    **dict.fromkeys(
        ("info", "isdtype", "isscalar", "issubdtype", "iterable", "mintypecode", "promote_types", "typename"),
        (ZERO, _ASKS),
    ),
    **dict.fromkeys(
        ("printoptions", "set_printoptions", "setbufsize", "seterr", "seterrcall", "show_config", "show_runtime"),
        (ZERO, _ASKS),
    ),
    "test": (ZERO, "runs NumPy's own tests"),
    **dict.fromkeys(("base_repr", "binary_repr"), (ZERO, "text of a Python int")),
    **dict.fromkeys(("load", "fromregex"), (ZERO, "reads constants from a file")),
    "frompyfunc": (ZERO, "takes a function; the ufunc that it makes is refused on traced values, write np.vectorize"),
    "isfortran": (REFUSED_BY_NAME, "asks for the memory layout, which a traced value has not; an AttributeError"),
    "asarray_chkfinite": (DIFFERENTIABLE, f"{_OF_NUMBERS}; it does not check them"),
    "from_dlpack": (REFUSED_BY_NAME, "shares memory, which a traced value has not; a BufferError"),
    "nested_iters": (REFUSED_BY_NAME, _CONVERTS),
    **dict.fromkeys(("asmatrix", "bmat"), (DIFFERENTIABLE, _OF_NUMBERS)),
    **dict.fromkeys(("format_float_positional", "format_float_scientific"), (REFUSED_BY_NAME, _CONVERTS)),
    "kaiser": (DIFFERENTIABLE, "in beta, through np.i0"),
    "row_stack": (DIFFERENTIABLE, "calls np.vstack"),
    "trapz": (DIFFERENTIABLE, "calls np.trapezoid"),
    **dict.fromkeys(("fftfreq", "rfftfreq"), (DIFFERENTIABLE, "in the spacing d, which its result is divided by")),
}

_BY_ORDER = "goes by the order that is returned"
_REPEATED = "vectors are NaN, with a warning, where values repeat"
_COUNTS = "zero in the elements, linear in the weights; edges move with the extremes"
_SAME_RANK = "along matrices of the same rank"
_ONE_BY_ONE = "calls the function once for each slice"
_BY_VALUE = "not under vmap: the shape of the result depends on the values"

#: What a user should know beside the class.
REMARKS: dict[Callable[..., Any], str] = {
    np.apply_along_axis: _ONE_BY_ONE,
    np.apply_over_axes: _ONE_BY_ONE,
    np.argwhere: _BY_VALUE,
    np.extract: _BY_VALUE,
    np.flatnonzero: _BY_VALUE,
    np.histogram: _COUNTS,
    np.histogram2d: _COUNTS,
    np.histogramdd: _COUNTS,
    np.interp: "in positions, sample points and values; at a sample point the slope of the piece to the right",
    np.nonzero: _BY_VALUE,
    np.pad: "all modes but 'empty' and functions, which are refused",
    np.partition: _BY_ORDER,
    np.percentile: "in the elements and in q; all methods, and weights",
    np.quantile: "in the elements and in q; all methods, and weights",
    np.roots: "by the implicit function theorem; leading zeros are not dropped under vmap",
    np.sort: _BY_ORDER,
    np.trim_zeros: _BY_VALUE,
    np.linalg.eig: f"{_REPEATED}; lengths and phases are LAPACK's",
    np.linalg.eigh: f"{_REPEATED}; eigenvalues alone are exact",
    np.linalg.eigvals: "NaN, with a warning, for matrices that cannot be diagonalised",
    np.linalg.lstsq: _SAME_RANK,
    np.linalg.pinv: _SAME_RANK,
    np.linalg.qr: "modes 'reduced' and 'r'; 'complete' where the matrix is not tall",
    np.linalg.svd: f"{_REPEATED} or are zero; full_matrices=False unless the matrix is square",
}

_KINDS = {
    Pointwise: "primitive, by its partial derivatives",
    Linear: "linear primitive, by its transposes",
    General: "primitive, by a forward and a reverse rule",
}


@dataclass(frozen=True)
class Entry:
    """One function of NumPy: where it lives, its class, and how or why; ``kind`` is None where no table has it."""

    module: str
    name: str
    function: Callable[..., Any]
    kind: str | None
    remark: str

    @property
    def qualified(self) -> str:
        """The name that a program calls it by: ``np.fft.rfft``."""
        return f"{self.module.replace('numpy', 'np', 1)}.{self.name}"


def entries() -> list[Entry]:
    """Classify all public functions of NumPy's namespaces; types and submodules are no functions."""
    interceptable = overrides.get_overridable_numpy_ufuncs() | overrides.get_overridable_numpy_array_functions()
    return [
        Entry(module.__name__, name, function, *_classified(name, function, function in interceptable))
        for module in NAMESPACES
        for name, function in _functions_of(module)
    ]


def _functions_of(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in sorted(dir(module), key=str.lower):
        value = getattr(module, name)
        if not name.startswith("_") and callable(value) and not isinstance(value, type):
            yield name, value


def _classified(name: str, function: Callable[..., Any], is_interceptable: bool) -> tuple[str | None, str]:
    if function in REFUSED:
        return REFUSED_BY_NAME, REFUSED[function]
    if not is_interceptable:
        return PASSED_BY.get(name, (None, ""))
    primitive = PRIMITIVES.get(function)
    if isinstance(primitive, Zero) or function in ZERO_BY_NATURE:
        return ZERO, REMARKS.get(function, "")
    if primitive is not None:
        return DIFFERENTIABLE, REMARKS.get(function, _KINDS[type(primitive)])
    if function in FUNCTIONS:
        return DIFFERENTIABLE, REMARKS.get(function, "composed of others")
    return None, ""


def page(table: list[Entry]) -> str:
    """Return the text of the page."""
    counts = Counter(entry.kind for entry in table)
    version = ".".join(np.__version__.split(".")[:2])
    lines = [
        "# Coverage of NumPy",
        "",
        "What every function of `numpy`, `numpy.linalg` and `numpy.fft` is under a transformation. A function is",
        "*differentiable* (it has a rule, or is composed of functions that have, and runs through the generic checks),",
        "*zero by nature* (piecewise constant, or a question about shape and dtype; it accepts traced values), or",
        "*refused*: it raises an error that says what to write instead. Nothing is in between.",
        "",
        f"Written by `tools/coverage.py` from NumPy {version}; a test fails when it is out of date.",
        "",
        "| class | functions |",
        "|---|---|",
        *(f"| {kind} | {counts[kind]} |" for kind in (DIFFERENTIABLE, ZERO, REFUSED_BY_NAME)),
    ]
    lines += [
        "",
        "NumPy's types take a traced real array as up to 256 traced numbers and keep the derivative: `np.poly1d`,",
        "`np.polynomial.Polynomial`, `np.matrix`, `np.r_`, `np.c_`, and `np.vectorize(f)`, which refuses `otypes`.",
        "`np.nditer` raises. Of a polynomial the value, the sum, the product, the derivative and the integral keep it;",
        "`fit` and `roots` raise, see [the sharp edges](sharp_edges.md). `np.lib.stride_tricks.sliding_window_view` is",
        "differentiable.",
    ]
    for module in NAMESPACES:
        members = [entry for entry in table if entry.module == module.__name__]
        lines += ["", f"## {module.__name__}", "", "| function | class | remark |", "|---|---|---|"]
        lines += [f"| `{e.qualified}` | {e.kind or 'unknown'} | {e.remark} |" for e in members]
    return "\n".join(lines) + "\n"


def rows_of(text: str) -> dict[str, str]:
    """Return the class of each function that a page lists, by the function's qualified name."""
    rows = (line.split("|") for line in text.splitlines() if line.startswith("| `"))
    return {row[1].strip().strip("`"): row[2].strip() for row in rows}


def main() -> None:
    """Write the page; fail if a function is in no class."""
    table = entries()
    unknown = [entry.qualified for entry in table if entry.kind is None]
    if unknown:
        raise SystemExit(f"neither differentiable nor zero by nature nor refused: {', '.join(unknown)}")
    PAGE.write_text(page(table))


if __name__ == "__main__":
    main()
