"""The Rosenbrock function in n dimensions: the more is asked of its derivatives, the shorter the way to its minimum.

A narrow curved valley leads to the minimum at (1, …, 1). Gradient descent and BFGS take the gradient from `grad`.
Newton's method in a trust region takes the Hessian from `hessian` as well, or only its products with vectors from
`hvp`, which works in thousands of dimensions too.

Run ``python examples/rosenbrock.py``, or with ``--dimensions 10``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize

import functorch_lite as ft


def rosenbrock(x: Any) -> Any:
    """Return the sum over neighbours of ``100 (x[i+1] − x[i]²)² + (1 − x[i])²``."""
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def product_with_hessian(x: Any, v: Any) -> Any:
    """Return the Hessian times a vector, without the Hessian."""
    return ft.hvp(rosenbrock, (x,), (v,))[1]


def gradient_descent(start: Any, steps: int = 50_000, tolerance: float = 1e-6) -> list[Any]:
    """Return the path of steepest descent; each step is halved until the function falls enough (Armijo's rule)."""
    path, step = [start], 1.0
    for _ in range(steps):
        x = path[-1]
        value, gradient = ft.value_and_grad(rosenbrock)(x)
        if np.linalg.norm(gradient) < tolerance:
            break
        step *= 2.0
        while rosenbrock(x - step * gradient) > value - 0.5 * step * gradient @ gradient:
            step /= 2.0
        path.append(x - step * gradient)
    return path


def scipy_path(method: str, start: Any, **options: Any) -> list[Any]:
    """Return the path of one of SciPy's methods, with the derivatives that the method asks for."""
    path = [start]
    record = lambda x: path.append(x.copy())
    minimize(rosenbrock, start, method=method, jac=ft.grad(rosenbrock), callback=record, **options)
    return path


METHODS: dict[str, Callable[[Any], list[Any]]] = {
    "gradient descent (grad)": gradient_descent,
    "BFGS (grad)": lambda start: scipy_path("BFGS", start, tol=1e-6),
    "Newton, dense (grad, hessian)": lambda start: scipy_path(
        "trust-exact", start, hess=ft.hessian(rosenbrock), tol=1e-6
    ),
    "Newton, matrix-free (grad, hvp)": lambda start: scipy_path(
        "trust-ncg", start, hessp=product_with_hessian, tol=1e-6
    ),
}


def milestones(count: int, shown: int = 8) -> Iterator[int]:
    """Give the numbers of the first and the last point of a path and of some between, evenly spaced."""
    yield from sorted({round(i) for i in np.linspace(0, count - 1, shown)})


def print_path(name: str, path: list[Any]) -> None:
    """Print some points of a path, with the function, the norm of its gradient and the distance to the minimum."""
    print(f"\n{name}: {len(path) - 1} steps")
    print("    step            f       |grad|   |x − (1, …, 1)|   x")
    for i in milestones(len(path)):
        x = path[i]
        value, gradient = ft.value_and_grad(rosenbrock)(x)
        first = ", ".join(f"{c:.4f}" for c in x[:3]) + (", …" if len(x) > 3 else "")
        print(f"  {i:6d} {value:12.3e} {np.linalg.norm(gradient):12.3e} {np.linalg.norm(x - 1):17.3e}   ({first})")


def describe(x: Any) -> str:
    """Say what the point at the end of a path is, by the derivatives there."""
    if np.linalg.norm(ft.grad(rosenbrock)(x)) > 1e-4:
        return "no stationary point"
    if np.linalg.eigvalsh(ft.hessian(rosenbrock)(x))[0] <= 0:
        return "a saddle point"
    if np.max(np.abs(x - 1.0)) < 1e-4:
        return "the minimum (1, …, 1)"
    return "the local minimum near (−1, 1, …, 1)"  # it exists from four dimensions on


def main(arguments: Sequence[str] | None = None) -> dict[str, list[Any]]:
    parser = argparse.ArgumentParser(description="Minimise the Rosenbrock function with first and second derivatives.")
    parser.add_argument("--dimensions", type=int, default=2, help="at least 2 (default: %(default)s)")
    options = parser.parse_args(arguments)
    start = np.where(np.arange(options.dimensions) % 2, 1.0, -1.2)

    paths = {name: method(start) for name, method in METHODS.items()}
    for name, path in paths.items():
        print_path(name, path)
    print("\nWhat they found")
    for name, path in paths.items():
        distance = np.linalg.norm(path[-1] - 1.0)
        print(f"  {name:<34}{describe(path[-1])}, {distance:.0e} from (1, …, 1)")
    return paths


if __name__ == "__main__":
    main()
