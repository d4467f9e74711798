"""Linear systems given by a product with the matrix and by a solver of the user's choice.

``A(θ) x = b`` gives ``A dx = db - dA x`` forward and ``Aᵀ λ = g``, ``b̄ = λ``, ``θ̄ = -∂(λᵀ A(θ) x)/∂θ`` in reverse: a
derivative is one more system with the same matrix or its transpose, so all orders follow from the one primitive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.calculus.batching import broadcast_batch
from functorch_lite.core import tree
from functorch_lite.core.errors import user_line
from functorch_lite.core.memory import check_kept, written_since
from functorch_lite.core.operands import placed, shape_of
from functorch_lite.core.primitive import Arrays, JointPrimitive, Params
from functorch_lite.core.tape import next_order
from functorch_lite.core.trace import Tracer
from functorch_lite.transforms.arguments import check_callable, differentiable, dtype_of, returned_leaves
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.recording import record
from functorch_lite.transforms.reverse import linear_transpose, vjp

__all__ = ["custom_linear_solve"]


def custom_linear_solve(
    matvec: Callable[[Any], Any],
    b: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    transpose_solve: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    symmetric: bool = False,
) -> Any:
    """Solve ``matvec(x) = b`` by any solver, differentiably in ``b`` and in all that ``matvec`` closes over.

    Parameters
    ----------
    matvec
        A linear function from a tree like ``b`` to a tree like ``b``, of functions that have derivatives. It may close
        over traced values.
    b
        The right-hand side: a pytree of floating or complex arrays.
    solve
        ``solve(matvec, b) → x``. It is run on plain arrays, never traced, and may use SciPy or anything else.
    transpose_solve
        ``transpose_solve(vecmat, g)`` solves the transposed system (no conjugation). None: ``solve`` does, given the
        transposed product.
    symmetric
        Whether the matrix equals its transpose (again without conjugation): the transpose is never formed then.

    Returns
    -------
    tree
        The solution, like ``b``.

    Raises
    ------
    ValueError
        If the product or the solution differs from ``b`` in structure or shape, or ``matvec`` is not linear.
    TypeError
        If ``solve`` returns a traced value.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> def jacobi(matvec, b):
    ...     x = b
    ...     for _ in range(60):
    ...         x = x + 0.25 * (b - matvec(x))
    ...     return x
    >>> def f(a):
    ...     x = ft.custom_linear_solve(lambda v: a * v + np.roll(v, 1), np.ones(3), jacobi)
    ...     return x[0]
    >>> float(np.round(ft.grad(f)(3.0), 9))
    -0.0625
    """
    for function in (matvec, solve):
        check_callable(function, "custom_linear_solve", "(matvec, b, solve)")
    leaves, structure = tree.flatten(b)
    leaves = differentiable(leaves, b, "custom_linear_solve", "Convert it to float.")
    shapes = [shape_of(x) for x in leaves]

    def on_leaves(*values: Any) -> list[Any]:
        return _like(matvec(tree.unflatten(structure, values)), structure, shapes, "the product matvec(x)")

    zeros = [np.zeros(shape_of(x), dtype_of(x)) for x in leaves]
    program = record(on_leaves, zeros, "the product of custom_linear_solve")

    def solver(function: Callable[..., Any]) -> _Solver:
        def run(apply: Callable[[Sequence[Any]], Sequence[Any]], right: Sequence[Any]) -> Sequence[Any]:
            def product(x: Any) -> Any:
                return tree.unflatten(structure, apply(tree.leaves(x)))

            solution = function(product, tree.unflatten(structure, right))
            solved = _like(solution, structure, shapes, "the solution solve(matvec, b)")
            if any(isinstance(x, Tracer) for x in solved):
                raise TypeError(
                    f"at {user_line()} the solver of custom_linear_solve returned a traced value: it closes over one. "
                    f"It must use no traced values but through the product that it is given"
                )
            return solved

        return run

    def transposed(captured: Sequence[Any], g: Sequence[Any]) -> Arrays:
        zeros = [np.zeros(shape_of(x), dtype_of(x)) for x in g]
        pulled: Arrays = linear_transpose(lambda *v: program(captured, v), *zeros)(tuple(g))
        return pulled

    forward = solver(solve)
    backward = forward if transpose_solve is None else solver(transpose_solve)
    system = _LinearSystem(program, program if symmetric else transposed, forward, backward, len(program.captured))
    return tree.unflatten(structure, system.bind((*program.captured, *leaves), ()))


_Product = Callable[[Sequence[Any], Sequence[Any]], Sequence[Any]]
_Solver = Callable[[Callable[[Sequence[Any]], Sequence[Any]], Sequence[Any]], Sequence[Any]]


class _LinearSystem(JointPrimitive):
    """The solution of a linear system, of the values that its matrix depends on and of the right-hand side.

    Parameters
    ----------
    product, transposed
        From those values and leaves to leaves: the matrix and its transpose.
    solver, transposed_solver
        From the product with the matrix (with its transpose) and a right-hand side to the solution, on plain arrays.
    captured
        How many of the arrays are values that the matrix depends on; the others are the right-hand side.
    """

    #: Solvers see plain arrays.
    takes_raw = True

    def __init__(
        self, product: _Product, transposed: _Product, solver: _Solver, transposed_solver: _Solver, captured: int
    ) -> None:
        super().__init__(self._solved, ["arrays"], name="custom_linear_solve", variadic=True, multiple=True)
        self.product, self.transposed_product = product, transposed
        self.solver, self.transposed_solver = solver, transposed_solver
        self.captured = captured

    def transpose(self) -> _LinearSystem:
        """Return the system with the transposed matrix."""
        return _LinearSystem(
            self.transposed_product, self.product, self.transposed_solver, self.solver, self.captured
        )

    def forward(self, values: Arrays, tangents: Sequence[Any]) -> tuple[Arrays, Sequence[Any]]:
        solution = self.bind(values, ())
        n = self.captured
        right = [np.zeros_like(b) if t is None else t for b, t in zip(values[n:], tangents[n:], strict=True)]
        active = [i for i in range(n) if tangents[i] is not None]
        if active:
            primals, directions = (tuple(v[i] for i in active) for v in (values, tangents))
            _, moved = jvp(self._product_by(values, active, solution), primals, directions)
            right = [t - m for t, m in zip(right, moved, strict=True)]
        return solution, self.bind((*values[:n], *right), ())

    def reverse(
        self, trace: Any, values: Arrays, active: Sequence[int]
    ) -> tuple[Arrays, Callable[[Arrays], Sequence[Any]], Sequence[Any]]:
        solution = self.bind(values, ())
        since = next_order()
        n = self.captured
        by_matrix = [i for i in active if i < n]

        def pull(g: Arrays) -> Sequence[Any]:
            multiplier = self.transpose().bind((*values[:n], *g), ())
            cotangents = dict(enumerate(multiplier, n))
            if by_matrix:
                if written_since(since):
                    check_kept(tuple(solution), since, self.name)
                _, pulled = vjp(self._product_by(values, by_matrix, solution), *(values[i] for i in by_matrix))
                cotangents.update(zip(by_matrix, pulled(tuple(-m for m in multiplier)), strict=True))
            return [cotangents[i] for i in active]

        return solution, pull, ()

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        n = self.captured
        axes = tuple(0 if b else None for b in batched[:n])

        def product(captured: Sequence[Any], leaves: Sequence[Any]) -> Any:
            return vmap(self.product, (axes, 0), axis_size=size)(tuple(captured), tuple(leaves))

        def transposed(captured: Sequence[Any], leaves: Sequence[Any]) -> Any:
            return vmap(self.transposed_product, (axes, 0), axis_size=size)(tuple(captured), tuple(leaves))

        whole = _BatchOfSystems(self, product, transposed, batched[:n])
        right = (b if flag else broadcast_batch(size, b) for b, flag in zip(arrays[n:], batched[n:], strict=True))
        return whole.bind((*arrays[:n], *right), ())

    def _solved(self, arrays: Arrays) -> Arrays:
        captured, right = arrays[: self.captured], arrays[self.captured :]
        return tuple(self.solver(lambda leaves: self.product(captured, leaves), right))

    def _product_by(
        self, values: Arrays, places: Sequence[int], solution: Sequence[Any]
    ) -> Callable[..., Sequence[Any]]:
        """Return the product with a fixed solution as a function of some of the values that the matrix depends on."""

        def function(*chosen: Any) -> Sequence[Any]:
            return tuple(self.product(placed(values[: self.captured], places, chosen), solution))

        return function


class _BatchOfSystems(_LinearSystem):
    """Many systems as one; its solver goes through them, its products are batched."""

    def __init__(self, one: _LinearSystem, product: _Product, transposed: _Product, batched: tuple[bool, ...]) -> None:
        super().__init__(product, transposed, one.solver, one.transposed_solver, one.captured)
        self.one, self.batched = one, batched

    def transpose(self) -> _BatchOfSystems:
        return _BatchOfSystems(self.one.transpose(), self.transposed_product, self.product, self.batched)

    def _solved(self, arrays: Arrays) -> Arrays:
        flags = (*self.batched, *(True for _ in arrays[self.captured :]))
        size = shape_of(arrays[-1])[0]
        if not size:
            return tuple(arrays[self.captured :])
        solutions = [
            self.one.bind(tuple(a[i] if b else a for a, b in zip(arrays, flags, strict=True)), ())
            for i in range(size)
        ]
        return tuple(map(np.stack, zip(*solutions, strict=True)))


def _like(value: Any, structure: tree.Structure, shapes: list[tuple[int, ...]], what: str) -> list[Any]:
    """Return the leaves of a tree; raise unless it is like the right-hand side."""
    leaves, other = returned_leaves(value, None, f"{what} of custom_linear_solve")
    if other != structure or [shape_of(x) for x in leaves] != shapes:
        raise ValueError(
            f"at {user_line()} {what} of custom_linear_solve has structure {other} and shapes "
            f"{[shape_of(x) for x in leaves]} where b has {structure} and {shapes}; they must agree"
        )
    return leaves
