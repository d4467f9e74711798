"""A chain of pendulums from its Lagrangian alone: no equation of motion is written by hand.

All that is told is where the masses are. `jvp` makes velocities of positions; `grad` and `hessian` make the equations
of motion of the Lagrangian L(q, v) = kinetic − potential energy, by Euler and Lagrange:

    d/dt ∂L/∂v = ∂L/∂q,  so  (∂²L/∂v²) a = ∂L/∂q − (∂²L/∂v∂q) v.

A Runge-Kutta integrator runs them. Then the whole simulation is differentiated: `jvp` tells how the final angles depend
on the initial ones. And `vmap` runs many simulations as one.

Run ``python examples/pendulum.py``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import functorch_lite as ft

GRAVITY = 9.81


# --- The system -------------------------------------------------------------------------------------------------------


def positions(q: Any) -> Any:
    """Return where the masses are, across and upwards, from the angles of the rods of length one to the vertical."""
    return np.stack([np.cumsum(np.sin(q)), -np.cumsum(np.cos(q))])


def kinetic_energy(q: Any, v: Any) -> Any:
    """Return half the sum of the squared velocities of the unit masses; `jvp` turns angular velocities into those."""
    _, velocities = ft.jvp(positions, (q,), (v,))
    return 0.5 * np.sum(velocities**2)


def potential_energy(q: Any) -> Any:
    """Return the sum of weight times height."""
    return GRAVITY * np.sum(positions(q)[1])


def lagrangian(q: Any, v: Any) -> Any:
    """Return kinetic minus potential energy, of angles and angular velocities."""
    return kinetic_energy(q, v) - potential_energy(q)


def energy(q: Any, v: Any) -> Any:
    """Return kinetic plus potential energy, which the motion conserves."""
    return kinetic_energy(q, v) + potential_energy(q)


# --- Its motion -------------------------------------------------------------------------------------------------------


def acceleration(q: Any, v: Any) -> Any:
    """Return the angular accelerations: the equations of Euler and Lagrange, solved for them."""
    masses = ft.hessian(lagrangian, argnums=1)(q, v)
    momentum = ft.grad(lagrangian, argnums=1)
    _, drift = ft.jvp(lambda q: momentum(q, v), (q,), (v,))  # how the momentum changes while only q moves
    return np.linalg.solve(masses, ft.grad(lagrangian)(q, v) - drift)


def runge_kutta_step(q: Any, v: Any, step: float) -> tuple[Any, Any]:
    """Return the state one time step later, by the classical method of order four."""
    a1 = acceleration(q, v)
    v2 = v + 0.5 * step * a1
    a2 = acceleration(q + 0.5 * step * v, v2)
    v3 = v + 0.5 * step * a2
    a3 = acceleration(q + 0.5 * step * v2, v3)
    v4 = v + step * a3
    a4 = acceleration(q + step * v3, v4)
    return q + step / 6 * (v + 2 * v2 + 2 * v3 + v4), v + step / 6 * (a1 + 2 * a2 + 2 * a3 + a4)


def simulate(q: Any, v: Any, step: float, steps: int) -> list[tuple[Any, Any]]:
    """Return the states at all times."""
    states = [(q, v)]
    for _ in range(steps):
        states.append(runge_kutta_step(*states[-1], step))
    return states


def final_angles(q: Any, step: float, steps: int) -> Any:
    """Return the angles at the end of a motion that starts at rest."""
    return simulate(q, np.zeros_like(q), step, steps)[-1][0]


# --- What is asked of it ----------------------------------------------------------------------------------------------


def sensitivity(q: Any, direction: Any, step: float, steps: int) -> Any:
    """Return the derivative of the final angles along a change of the initial ones: `jvp` through every step."""
    return ft.jvp(lambda q: final_angles(q, step, steps), (q,), (direction,))[1]


def sensitivity_by_differences(q: Any, direction: Any, step: float, steps: int, width: float = 1e-5) -> Any:
    """Return the same from two more simulations, by central differences."""
    ahead, behind = (final_angles(q + sign * width * direction, step, steps) for sign in (1.0, -1.0))
    return (ahead - behind) / (2 * width)


def spread(q: Any, direction: Any, step: float, steps: int, width: float, count: int = 11) -> Any:
    """Return over which angles many pendulums, released side by side, have spread at the end: one run, by `vmap`."""
    starts = q + width * np.linspace(-0.5, 0.5, count)[:, None] * direction
    return np.ptp(ft.vmap(lambda q: final_angles(q, step, steps))(starts), axis=0)


class Result(NamedTuple):
    """What the simulation and its derivative found."""

    states: list[tuple[Any, Any]]
    energy_drift: float
    sensitivity: Any
    sensitivity_by_differences: Any
    spread: Any


def main(arguments: Sequence[str] | None = None) -> Result:
    parser = argparse.ArgumentParser(description="Simulate a chain of pendulums and differentiate the simulation.")
    parser.add_argument("--rods", type=int, default=2, help="how many hang on each other (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="simulated time (default: %(default)s)")
    parser.add_argument("--step", type=float, default=0.01, help="time step (default: %(default)s)")
    options = parser.parse_args(arguments)
    steps = round(options.seconds / options.step)
    start = np.linspace(2.0, 1.0, options.rods)  # the first rod points upwards, the last hangs
    first = np.eye(options.rods)[0]
    width = np.radians(0.1)
    clock = time.perf_counter()

    states = simulate(start, np.zeros_like(start), options.step, steps)
    energies = np.array([energy(q, v) for q, v in states])
    result = Result(
        states=states,
        energy_drift=float(np.max(np.abs(energies - energies[0]))),
        sensitivity=sensitivity(start, first, options.step, steps),
        sensitivity_by_differences=sensitivity_by_differences(start, first, options.step, steps),
        spread=spread(start, first, options.step, steps, width),
    )
    report(result, options.step)
    print(f"{time.perf_counter() - clock:.1f} s")
    return result


def report(result: Result, step: float) -> None:
    """Print the motion, the energy and the sensitivity."""
    print("  time (s)     energy (J)     angles (degrees)")
    for i in np.linspace(0, len(result.states) - 1, 9).astype(int):
        q, v = result.states[i]
        print(f"  {i * step:8.2f}   {energy(q, v):12.8f}   {_row(np.degrees(q), '8.2f')}")
    apart = np.max(np.abs(result.sensitivity - result.sensitivity_by_differences))
    print(f"largest change of the energy: {result.energy_drift:.0e} J")
    print("derivative of the final angles by the first initial angle")
    print(f"  jvp through the simulation  {_row(result.sensitivity, '12.8f')}")
    print(f"  differences of simulations  {_row(result.sensitivity_by_differences, '12.8f')}   ({apart:.0e} apart)")
    print("degrees over which eleven pendulums spread that were released within 0.1 degrees")
    print(f"  vmap of the simulation      {_row(np.degrees(result.spread), '12.8f')}")


def _row(numbers: Any, spec: str) -> str:
    return " ".join(format(float(x), spec) for x in numbers)


if __name__ == "__main__":
    main()
