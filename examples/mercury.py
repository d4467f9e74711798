"""How Mercury's orbit turns: general relativity from the metric alone.

All that is told is how far apart points are around a mass (Schwarzschild, 1916). `jacfwd` of the metric gives the
Christoffel symbols, and `jacfwd` of these the curvature: space is empty, as Einstein's equations hold there, and curved
all the same. Free fall along these symbols tells by which angle an orbit turns. `vmap` lets four planets fall at once,
and `jvp` through the fall gives the derivative of that angle by the shape of the orbit.

Run ``python examples/mercury.py``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import functorch_lite as ft
from functorch_lite.scipy.integrate import odeint

#: Semi-major axis (10⁶ km), eccentricity, period (days); observed turn in seconds of arc a century (Weinberg, 1972).
PLANETS = {
    "Mercury": (57.9092, 0.205631, 87.969, "43.1 ± 0.5"),
    "Venus": (108.2089, 0.006773, 224.701, " 8.4 ± 4.8"),
    "Earth": (149.5979, 0.016710, 365.256, " 5.0 ± 1.2"),
    "Icarus": (161.2649, 0.826854, 408.778, " 9.8 ± 0.8"),
}
SUN = 1.476625e-6  # its mass as a length, G M / c², in 10⁶ km


# --- Geometry ---------------------------------------------------------------------------------------------------------


def metric(x: Any, mass: Any) -> Any:
    """Return the metric around a mass, at time, radius and two angles."""
    _, r, theta, _ = x
    f = 1.0 - 2.0 * mass / r
    return np.diag(np.stack([-f, 1.0 / f, r**2, (r * np.sin(theta)) ** 2]))


def christoffel(x: Any, mass: Any) -> Any:
    """Return Γ[i, j, k]: how velocities seem to change in free fall, since the coordinates are curved."""
    slopes = ft.jacfwd(metric)(x, mass)
    lowered = 0.5 * (slopes + np.swapaxes(slopes, 1, 2) - np.moveaxis(slopes, 2, 0))
    return np.linalg.solve(metric(x, mass), lowered.reshape(4, 16)).reshape(4, 4, 4)


def riemann(x: Any, mass: Any) -> Any:
    """Return the curvature R[i, j, k, l]."""
    symbols = christoffel(x, mass)
    half = np.swapaxes(ft.jacfwd(christoffel)(x, mass), 2, 3) + np.einsum("ikm,mjl->ijkl", symbols, symbols)
    return half - np.swapaxes(half, 2, 3)


def ricci(x: Any, mass: Any) -> Any:
    """Return the part of the curvature that matter causes: zero in empty space, by Einstein's equations."""
    return np.einsum("ijik->jk", riemann(x, mass))


def kretschmann(x: Any, mass: Any) -> Any:
    """Return the square of the curvature, which is the same in all coordinates; the theory says 48 m² / r⁶."""
    r, g = riemann(x, mass), metric(x, mass)
    return np.einsum("ijkl,ai,jb,kc,ld,abcd->", r, g, *[np.linalg.inv(g)] * 3, r)


# --- Free fall --------------------------------------------------------------------------------------------------------


@ft.jit
def fall(state: tuple[Any, Any], s: Any, mass: Any) -> tuple[Any, Any]:
    """Return velocity and acceleration of what falls freely."""
    x, v = state
    return v, -christoffel(x, mass) @ v @ v


def turn(mass: Any, eccentricity: Any) -> Any:
    """Return the angle by which an orbit of semi-major axis 1 turns from one point nearest to the Sun to the next.

    A year of Newton's theory leads close to the minimum of the radius, and a step of Newton's method there.
    """
    near, far = 1.0 - eccentricity, 1.0 + eccentricity
    f_near, f_far = 1.0 - 2.0 * mass / near, 1.0 - 2.0 * mass / far
    momentum = 2.0 * mass * (1.0 / near - 1.0 / far) / (f_near / near**2 - f_far / far**2)  # squared
    clock = np.sqrt((1.0 + momentum / near**2) / f_near)
    x = np.stack([0.0 * near, near, 0.5 * np.pi, 0.0])
    v = np.stack([clock, 0.0, 0.0, np.sqrt(momentum) / near**2]) / np.sqrt(mass)  # a year takes 2π
    x, v = odeint(fall, (x, v), np.array([0.0, 2.0 * np.pi]), mass, rtol=1e-11, atol=1e-11)
    x, v = x[-1], v[-1]
    _, a = fall((x, v), 0.0, mass)
    return x[3] - v[3] * v[1] / a[1] - 2.0 * np.pi


class Result(NamedTuple):
    """Curvature around a mass of 1; seconds of arc a century; the slope of Mercury's turn, and that by the theory."""

    ricci: Any
    kretschmann: Any
    seconds: Any
    slope: Any
    slope_to_first_order: Any


def main(arguments: Sequence[str] | None = None) -> Result:
    parser = argparse.ArgumentParser(description="Derive the turn of planets' orbits from the metric around the Sun.")
    parser.add_argument("--radius", type=float, default=3.0, help="of the place that is curved (default: %(default)s)")
    options = parser.parse_args(arguments)
    began, place = time.perf_counter(), np.array([0.0, options.radius, 1.0, 0.5])
    axes, eccentricities, days = np.array([planet[:3] for planet in PLANETS.values()]).T
    masses = SUN / axes
    turns = ft.vmap(turn)(masses, eccentricities)
    e, mass = eccentricities[0], masses[0]
    result = Result(
        ricci=ricci(place, 1.0),
        kretschmann=kretschmann(place, 1.0),
        seconds=np.degrees(turns) * 3600 * 36525 / days,
        slope=ft.jvp(lambda e: turn(mass, e), (e,), (1.0,))[1],
        slope_to_first_order=12 * np.pi * mass * e / (1 - e**2) ** 2,
    )
    print(f"at radius {options.radius:g} from a mass of 1")
    print(f"  largest part of Ricci's curvature, of what is zero: {np.max(np.abs(result.ricci)):.0e}")
    print(f"  Kretschmann's curvature {result.kretschmann:.12f}, by theory {48 / options.radius**6:.12f}")
    print("seconds of arc by which orbits turn in a century")
    for (name, (*_, observed)), seconds in zip(PLANETS.items(), result.seconds, strict=True):
        print(f"  {name:8} {seconds:6.2f}   observed {observed}")
    print("derivative of Mercury's turn by the eccentricity of its orbit, in radians")
    print(f"  jvp through the fall {result.slope:.6e}, to first order in the mass {result.slope_to_first_order:.6e}")
    print(f"{time.perf_counter() - began:.1f} s")
    return result


if __name__ == "__main__":
    main()
