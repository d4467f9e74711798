"""Contraction order: products of several matrices that follow each other, in the order that takes the least work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.einsum import contraction_library
from functorch_lite.program.program import Atom, Equation, Program, Variable

__all__ = ["ordered_products"]

#: Another order must save this share of the multiplications, and so many of them: it rounds otherwise.
LEAST_SHARE, LEAST_SAVED = 0.5, 4096

_REORDERED = frozenset(map(np.dtype, ("f4", "f8", "c8", "c16")))


def ordered_products(program: Program) -> Program:
    """Multiply ``a @ b @ c @ …`` in the order that opt_einsum finds cheapest, if that at least halves the work.

    Results agree up to rounding. A product that is read elsewhere too is computed as it stands.
    """
    uses = Counter([*(a for e in program.equations for a in e.operands), *program.outputs])
    makers = {e.outputs[0]: e for e in program.equations if _is_product(e)}
    inner = {a for e in makers.values() for a in e.operands if uses[a] == 1 and a in makers}
    equations: list[Equation] = []
    for equation in program.equations:
        factors = _factors(equation, makers, inner) if equation.outputs[0] in makers else []
        is_root = len(factors) > 2 and equation.outputs[0] not in inner
        equations += (_reordered(equation, factors, makers, inner) if is_root else None) or [equation]
    return program.with_equations(equations)


def _is_product(equation: Equation) -> bool:
    if equation.primitive.word != "matmul" or equation.outputs[0].dtype not in _REORDERED:
        return False
    return all(
        isinstance(a, Variable) and len(a.shape) in (1, 2) and a.dtype == equation.outputs[0].dtype
        for a in equation.operands
    )


def _factors(root: Equation, makers: dict[Variable, Equation], inner: set[Atom]) -> list[Variable]:
    """Return what a product multiplies, from left to right, through the products that only it reads.

    Who calls it refuses chains with a vector in their middle, as that of ``(a @ v) @ b`` is.
    """
    factors: list[Variable] = []
    waiting = [*root.operands]
    while waiting:
        atom = waiting.pop()
        if atom in inner:
            waiting += makers[atom].operands  # type: ignore[index]
        else:
            factors.append(atom)  # type: ignore[arg-type]
    return factors[::-1]


def _reordered(
    root: Equation, factors: list[Variable], makers: dict[Variable, Equation], inner: set[Atom]
) -> list[Equation] | None:
    if any(len(v.shape) == 1 for v in factors[1:-1]) or not root.outputs[0].size:
        return None
    before, waiting = 0, [root]
    while waiting:
        equation = waiting.pop()
        before += _work(equation.operands)
        waiting += [makers[a] for a in equation.operands if a in inner]  # type: ignore[index]
    if _is_cheap_already(factors, before):
        return None
    terms = [chr(ord("a") + i) + chr(ord("b") + i) for i in range(len(factors))] if len(factors) < 26 else []
    if not terms:
        return None
    terms[0] = terms[0][2 - len(factors[0].shape) :]
    terms[-1] = terms[-1][: len(factors[-1].shape)]
    letters = Counter("".join(terms))
    result = "".join(c for c in letters if letters[c] == 1)
    shapes = [v.shape for v in factors]
    path, _ = contraction_library().contract_path(f"{','.join(terms)}->{result}", *shapes, shapes=True, optimize="dp")
    after, equations, held = 0, [], [*zip(terms, factors, strict=True)]
    for positions in path:
        if len(positions) != 2:
            return None
        pair = [held.pop(i) for i in sorted(positions, reverse=True)][::-1]
        if pair[0][0][-1] != pair[1][0][0]:
            pair.reverse()
        (one, x), (other, y) = pair
        if one[-1] != other[0]:
            return None
        output = Variable((*x.shape[:-1], *y.shape[1:]), x.dtype)
        equations.append(Equation(root.primitive, (x, y), (), (output,), root.line))
        after += _work((x, y))
        held.append((one[:-1] + other[1:], output))
    if after > LEAST_SHARE * before or before - after < LEAST_SAVED:
        return None
    last = equations[-1]
    equations[-1] = Equation(last.primitive, last.operands, (), root.outputs, last.line)
    return equations


def _work(operands: Sequence[Any]) -> int:
    x, y = operands
    return int(prod(x.shape) * prod(y.shape[1:]))


def _is_cheap_already(factors: list[Variable], work: int) -> bool:
    """Say whether no order can save enough: each matrix takes part in one product at least."""
    least = sum(v.size for v in factors if len(v.shape) == 2)
    return least > LEAST_SHARE * work or work < LEAST_SAVED
