"""Three bodies that chase each other along a figure of eight: the orbit is found by differentiating the simulation.

The force on a body is minus the `grad` of its potential; `vmap` gives it for all bodies. Moore (1993) and Chenciner and
Montgomery (2000) found an orbit on which three equal masses follow one curve. Here it is found from a rough guess by
Newton's method: `jacfwd` gives the derivative of the state one period later, through every step of the integrator. The
same derivative tells that the orbit is stable.

Run ``python examples/nbody.py``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import functorch_lite as ft

#: For each of the three bodies, the numbers of the other two.
OTHERS = np.array([[1, 2], [0, 2], [0, 1]])

#: Position and velocity of the first body, and the period: all to one or two digits.
GUESS = np.array([0.97, -0.24, 0.47, 0.43, 6.3])

#: The same as published by Chenciner and Montgomery, from a computation of Simó.
PUBLISHED = np.array([0.97000436, -0.24308753, 0.466203685, 0.43236573, 6.32591398])


# --- Gravity ----------------------------------------------------------------------------------------------------------


def potential(place: Any, others: Any) -> Any:
    """Return the potential of one unit mass at a place, in the field of the others."""
    return -np.sum(1.0 / np.linalg.norm(others - place, axis=1))


def accelerations(x: Any) -> Any:
    """Return the accelerations of all bodies."""
    return -ft.vmap(ft.grad(potential))(x, x[OTHERS])


def energy(x: Any, v: Any) -> Any:
    """Return the kinetic and potential energy; each pair of bodies is met twice."""
    return 0.5 * np.sum(v**2) + 0.5 * np.sum(ft.vmap(potential)(x, x[OTHERS]))


# --- Motion -----------------------------------------------------------------------------------------------------------

_CUBE_ROOT = 2.0 ** (1 / 3)
_SUBSTEPS = (1 / (2 - _CUBE_ROOT), -_CUBE_ROOT / (2 - _CUBE_ROOT), 1 / (2 - _CUBE_ROOT))


def step(x: Any, v: Any, duration: Any) -> tuple[Any, Any]:
    """Return the state after a short time: three leapfrogs that make order four (Yoshida, 1990)."""
    for part in _SUBSTEPS:
        x = x + 0.5 * part * duration * v
        v = v + part * duration * accelerations(x)
        x = x + 0.5 * part * duration * v
    return x, v


def path(x: Any, v: Any, duration: Any, steps: int) -> list[tuple[Any, Any]]:
    """Return the states from the start to the end of a duration."""
    states = [(x, v)]
    for _ in range(steps):
        states.append(step(*states[-1], duration / steps))
    return states


# --- The orbit --------------------------------------------------------------------------------------------------------


def initial_state(unknowns: Any) -> tuple[Any, Any]:
    """Return the state when the third body is half-way between the others: they move alike, it moves against them."""
    place, velocity = unknowns[0:2], unknowns[2:4]
    x = np.stack([place, -place, np.zeros_like(place)])
    v = np.stack([velocity, velocity, -2.0 * velocity])
    return x, v


def mismatch(unknowns: Any, steps: int) -> Any:
    """Return the state after a period minus the state before it, as one vector: zero on a periodic orbit."""
    x, v = initial_state(unknowns)
    x_later, v_later = path(x, v, unknowns[4], steps)[-1]
    return np.concatenate([(x_later - x).ravel(), (v_later - v).ravel()])


def close_orbit(unknowns: Any, steps: int, tolerance: float = 1e-10, iterations: int = 12) -> Any:
    """Return unknowns without a mismatch, by Newton's method.

    Orbits can be turned, enlarged and begun elsewhere: of all solutions, least squares take the nearest.
    """
    for iteration in range(iterations):
        error, jacobian = mismatch(unknowns, steps), ft.jacfwd(mismatch)(unknowns, steps)
        print(f"  iteration {iteration}: |state after a period − state before it| = {np.linalg.norm(error):.1e}")
        if np.linalg.norm(error) < tolerance:
            break
        unknowns = unknowns - np.linalg.lstsq(jacobian, error, rcond=1e-6)[0]
    return unknowns


def monodromy(unknowns: Any, steps: int) -> Any:
    """Return the derivative of the state after a period by the state before it, a matrix of 12 by 12."""

    def later(state: Any) -> Any:
        x, v = path(state[:6].reshape(3, 2), state[6:].reshape(3, 2), unknowns[4], steps)[-1]
        return np.concatenate([x.ravel(), v.ravel()])

    x, v = initial_state(unknowns)
    return ft.jacfwd(later)(np.concatenate([x.ravel(), v.ravel()]))


def size_free_period(unknowns: Any) -> float:
    """Return what is the same for similar orbits of all sizes, by Kepler's third law: T |E|^(3/2)."""
    return float(unknowns[4] * np.abs(energy(*initial_state(unknowns))) ** 1.5)


class Result(NamedTuple):
    """The orbit and what is known of it."""

    unknowns: Any
    mismatch: float
    size_free_period: float
    size_free_period_published: float
    energy_drift: float
    determinant: float
    growth: float


def main(arguments: Sequence[str] | None = None) -> Result:
    parser = argparse.ArgumentParser(description="Find the figure-of-eight orbit of three bodies.")
    parser.add_argument("--steps", type=int, default=200, help="of a period (default: %(default)s)")
    options = parser.parse_args(arguments)
    clock = time.perf_counter()

    unknowns = close_orbit(GUESS, options.steps)
    energies = np.array([energy(*state) for state in path(*initial_state(unknowns), unknowns[4], options.steps)])
    flow = monodromy(unknowns, options.steps)
    result = Result(
        unknowns,
        float(np.linalg.norm(mismatch(unknowns, options.steps))),
        size_free_period(unknowns),
        size_free_period(PUBLISHED),
        float(np.max(np.abs(energies - energies[0]))),
        float(np.linalg.det(flow)),
        float(np.max(np.abs(np.linalg.eigvals(flow)))),
    )
    report(result)
    print(f"{time.perf_counter() - clock:.1f} s")
    return result


def report(result: Result) -> None:
    """Print the orbit, what it conserves, and whether it is stable."""
    a, b, c, d, period = result.unknowns
    print(f"first body at ({a:.6f}, {b:.6f}) with velocity ({c:.6f}, {d:.6f}); period {period:.6f}")
    print(f"T |E|^(3/2), which does not depend on the size of the orbit: {result.size_free_period:.6f}; ", end="")
    print(f"published orbit: {result.size_free_period_published:.6f}")
    print(f"change of the energy over a period: {result.energy_drift:.1e}")
    print(f"determinant of the derivative of the flow: {result.determinant:.9f} (1: volume is conserved)")
    print(f"largest growth of a small disturbance over a period: {result.growth:.4f} (1: the orbit is linearly stable)")


if __name__ == "__main__":
    main()
