"""Joint products: a matrix that a group multiplies by several vectors multiplies them all at once.

A Hessian-vector product of a linear model multiplies its data by the parameters, ``X @ w``, and by their tangents,
``X @ v``. BLAS spends its time on loading the elements of ``X``; where it has kernels for thin matrices it multiplies
each that it has loaded by those of both vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from functorch_lite.calculus.matmul import has_thin_kernels
from functorch_lite.program.fusion import Group, is_closing
from functorch_lite.program.program import Atom, Equation, Variable

__all__ = ["JointProduct", "joint_products"]

#: The vectors that one product takes at most.
MOST_VECTORS = 4

_OF_BLAS = frozenset(map(np.dtype, ("f4", "f8")))


@dataclass(eq=False)
class JointProduct:
    """Products of one matrix that are computed as one.

    Attributes
    ----------
    number
        Which of a group's.
    equations
        The products, in order.
    sums
        Whether they sum over the rows.
    """

    number: int
    equations: list[Equation]
    sums: bool

    @property
    def count(self) -> int:
        """How many vectors there are."""
        return len(self.equations)

    @property
    def length(self) -> int:
        """The length of a vector."""
        return self.equations[0].operands[not self.sums].size  # type: ignore[union-attr]

    @property
    def dtype(self) -> Any:
        """What all of them consist of."""
        return self.equations[0].outputs[0].dtype

    def place(self, equation: Equation) -> int:
        """Return which of the products an equation is."""
        return next(i for i, e in enumerate(self.equations) if e is equation)


def joint_products(group: Group) -> dict[Variable, JointProduct]:
    """Return, for the result of each product that is computed jointly with others, which these are."""
    if not has_thin_kernels():
        return {}
    shared: dict[tuple[Atom, bool], list[list[Equation]]] = {}
    for equation in group.equations:
        if equation.primitive.word == "matmul" and _is_of_one_dtype(equation):
            sums = is_closing(equation, group.rows)
            found = shared.setdefault((equation.operands[sums], sums), [[]])
            if len(found[-1]) == MOST_VECTORS:
                found.append([])
            found[-1].append(equation)
    together = [(equations, sums) for (_, sums), found in shared.items() for equations in found if len(equations) > 1]
    joint = [JointProduct(number, equations, sums) for number, (equations, sums) in enumerate(together)]
    return {e.outputs[0]: product for product in joint for e in product.equations}


def _is_of_one_dtype(equation: Equation) -> bool:
    dtype = equation.outputs[0].dtype
    return dtype in _OF_BLAS and all(isinstance(a, Variable) and a.dtype == dtype for a in equation.operands)
