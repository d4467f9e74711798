"""The methods and functions by PyTorch's names: PyTorch's values and gradients, on every sort of value."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite import fft, linalg, special
from functorch_lite.nn import functional
from functorch_lite.tensor.methods import METHODS
from tests.tensor.pytorch_rows import CONSTANTS, INPUTS, ROWS, cotangents, names_in, outputs

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

RECORDED: dict[str, Any] = json.loads(Path(__file__).with_name("pytorch_values.json").read_text())
#: Both sides compute in double precision and in different orders of summation.
CLOSE: dict[str, Any] = {"rtol": 1e-11, "atol": 1e-12}
#: By how much the examples of a batch differ; no element comes to a kink.
BATCH = (1.0, 0.95, 1.04)


#: What a row calls functions of.
NAMESPACES: dict[str, Any] = {"F": ft, "nn": functional, "sp": special, "la": linalg, "fft": fft}


class MethodCalls(ast.NodeTransformer):
    """Write ``x.f(y)`` as ``call(x, "f", y)``, since plain arrays have not the methods."""

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        of = node.func
        if not isinstance(of, ast.Attribute) or (isinstance(of.value, ast.Name) and of.value.id in NAMESPACES):
            return node
        return ast.Call(ast.Name("call", ast.Load()), [of.value, ast.Constant(of.attr), *node.args], node.keywords)


def call(x: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    """Call a method; of a plain array, the function behind it, which is NumPy's where the table has none."""
    if ft.is_tracer(x) or (name not in METHODS and hasattr(x, name)):
        return getattr(x, name)(*args, **kwargs)
    return (METHODS.get(name) or getattr(np, name))(x, *args, **kwargs)


def program(row: str) -> tuple[CodeType, list[str]]:
    code = compile(ast.fix_missing_locations(MethodCalls().visit(ast.parse(row, mode="eval"))), row, "eval")
    return code, names_in(code)


def run(code: CodeType, values: dict[str, Any]) -> list[Any]:
    return outputs(eval(code, {**NAMESPACES, "call": call, **CONSTANTS, **values}))


def is_float(x: Any) -> bool:
    return bool(np.result_type(x).kind == "f")


DIFFERENTIATED = [row for row in ROWS if program(row)[1]]


def test_all_rows_are_recorded() -> None:
    assert RECORDED.keys() == set(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_values_and_gradients_are_pytorchs(row: str) -> None:
    code, names = program(row)
    results, pull = ft.vjp(lambda values: run(code, values), {name: INPUTS[name] for name in names})
    recorded = RECORDED[row]
    assert len(results) == len(recorded["values"])
    for result, expected in zip(results, recorded["values"], strict=True):
        np.testing.assert_allclose(result, expected, **CLOSE)
        assert np.shape(result) == np.shape(expected)
    weights = cotangents(results)
    (gradients,) = pull(
        [w if is_float(r) else np.zeros(np.shape(r), float) for w, r in zip(weights, results, strict=True)]
    )
    for name in names:
        expected = recorded["gradients"][name]
        expected = np.zeros_like(INPUTS[name]) if expected is None else expected
        np.testing.assert_allclose(gradients[name], expected, **CLOSE)


@pytest.mark.parametrize("row", ROWS)
def test_plain_arrays_give_plain_arrays(row: str) -> None:
    code, names = program(row)
    results = run(code, {name: INPUTS[name] for name in names})
    for result, expected in zip(results, RECORDED[row]["values"], strict=True):
        assert not ft.is_tracer(result)
        np.testing.assert_allclose(result, expected, **CLOSE)


@pytest.mark.parametrize(
    "row", [row for row in DIFFERENTIATED if any(is_float(np.array(value)) for value in RECORDED[row]["values"])]
)
def test_derivatives_in_both_modes(row: str) -> None:
    code, names = program(row)

    def f(*args: Any) -> Any:
        return tuple(r for r in run(code, dict(zip(names, args, strict=True))) if is_float(r))

    assert ft.gradcheck(f, tuple(INPUTS[name] for name in names), check_forward_ad=True)


@pytest.mark.parametrize("row", DIFFERENTIATED)
def test_a_batch_is_a_loop(row: str) -> None:
    code, names = program(row)
    examples = [{name: factor * INPUTS[name] for name in names} for factor in BATCH]
    batch = {name: np.stack([example[name] for example in examples]) for name in names}
    batched = ft.vmap(lambda values: run(code, values))(batch)
    for k, example in enumerate(examples):
        for one, many in zip(run(code, example), batched, strict=True):
            np.testing.assert_allclose(many[k], one, **CLOSE)


@pytest.mark.parametrize("row", DIFFERENTIATED)
def test_tensors_go_backward_as_pytorchs(row: str) -> None:
    code, names = program(row)
    tensors = {name: ft.tensor(INPUTS[name], requires_grad=True) for name in names}
    results = run(code, tensors)
    recorded = RECORDED[row]
    plain = [np.asarray(r.data if isinstance(r, ft.Tensor) else r) for r in results]
    for result, expected in zip(plain, recorded["values"], strict=True):
        np.testing.assert_allclose(result, expected, **CLOSE)
    roots = [(r, w) for r, w in zip(results, cotangents(plain), strict=True) if getattr(r, "requires_grad", False)]
    if roots:
        ft.autograd.backward([r for r, _ in roots], [ft.tensor(w) for _, w in roots])
    for name in names:
        gradient, expected = tensors[name].grad, recorded["gradients"][name]
        expected = np.zeros_like(INPUTS[name]) if expected is None else expected
        np.testing.assert_allclose(
            np.zeros_like(INPUTS[name]) if gradient is None else gradient.data, expected, **CLOSE
        )


@pytest.mark.parametrize("row", ROWS)
def test_single_precision_stays_single(row: str) -> None:
    code, names = program(row)
    single = {name: _single(x) for name, x in {**CONSTANTS, **{name: INPUTS[name] for name in names}}.items()}
    for wrap in (lambda x: x, ft.tensor):
        for result in run(code, {name: wrap(x) for name, x in single.items()}):
            assert not is_float(result) or np.result_type(result) == np.float32


def _single(x: Any) -> Any:
    return x.astype(np.float32) if is_float(x) else x


@pytest.mark.parametrize(
    "row", [row for row in ROWS if any(name in CONSTANTS for name in compile(row, "", "eval").co_names)]
)
def test_indices_and_masks_may_be_tensors(row: str) -> None:
    code, names = program(row)
    constants = {name: ft.tensor(x) for name, x in CONSTANTS.items()}
    for wrap in (lambda x: x, lambda x: ft.tensor(x, requires_grad=True)):
        results = run(code, {**constants, **{name: wrap(INPUTS[name]) for name in names}})
        for result, expected in zip(results, RECORDED[row]["values"], strict=True):
            np.testing.assert_allclose(result.data if isinstance(result, ft.Tensor) else result, expected, **CLOSE)
