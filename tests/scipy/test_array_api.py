"""SciPy's own functions on traced values, where it dispatches on the arguments' namespace: ``SCIPY_ARRAY_API=1``.

SciPy reads the variable when it is imported, so the program runs in a process of its own. It prints the name of each
function whose gradient agrees with differences.
"""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import warnings

import numpy as np
from scipy import fft, integrate, interpolate, optimize, signal, spatial, special, stats

import functorch_lite as ft
import functorch_lite.scipy.special  # SciPy looks for special functions in the namespace

warnings.simplefilter("ignore")
x, y = np.array([0.3, 1.2, 0.7, 2.1, 1.7]), np.array([0.1, 1.0, 0.9, 1.8, 2.0])
FUNCTIONS = {
    "special.gammaln": lambda x: special.gammaln(x).sum(),
    "special.betainc": lambda x: special.betainc(x, 2.0 * x, 0.3 * x).sum(),
    "special.expit": lambda x: special.expit(x).sum(),
    "special.ndtr": lambda x: special.ndtr(x).sum(),
    "special.xlogy": lambda x: special.xlogy(x, x).sum(),
    "special.stdtrit": lambda x: special.stdtrit(x, x / 4).sum(),
    "special.softmax": lambda x: (special.softmax(x) ** 2).sum(),
    "special.polygamma": lambda x: special.polygamma(1, x).sum(),
    "special.multigammaln": lambda x: special.multigammaln(x[3] + 2, 2),
    "stats.directional_stats": lambda x: stats.directional_stats(x[:4].reshape(2, 2)).mean_resultant_length,
    "integrate.trapezoid": lambda x: integrate.trapezoid(x, y),
    "integrate.cumulative_trapezoid": lambda x: (integrate.cumulative_trapezoid(x) ** 2).sum(),
    "integrate.simpson": lambda x: integrate.simpson(x, dx=0.5),
    "integrate.fixed_quad": lambda x: integrate.fixed_quad(lambda t: np.exp(-t * x[0]), 0.0, 1.0)[0],
    "integrate.cubature": lambda x: integrate.cubature(lambda t: np.exp(-t[:, 0] * x[0]), [0.0], [1.0]).estimate,
    "signal.resample": lambda x: (signal.resample(x, 7) ** 2).sum(),
    "signal.gausspulse": lambda x: signal.gausspulse(x, fc=2).sum(),
    "signal.chirp": lambda x: signal.chirp(x, 1.0, 2.0, 3.0).sum(),
    "signal.freqz": lambda x: np.abs(signal.freqz(x, worN=4)[1]).sum(),
    "fft.fft": lambda x: (np.abs(fft.fft(x)) ** 3).sum(),
    "fft.rfft": lambda x: (np.abs(fft.rfft(x)) ** 3).sum(),
    "optimize.rosen": lambda x: optimize.rosen(x),
    "spatial.transform.Rotation": lambda x: (spatial.transform.Rotation.from_rotvec(x[:3]).as_matrix() ** 3).sum(),
    "interpolate.BarycentricInterpolator": lambda x: interpolate.BarycentricInterpolator(np.arange(5.0), x)(2.3),
}
for name, f in FUNCTIONS.items():
    gradient = ft.grad(f)(x)
    step = 1e-5
    differences = [(float(f(x + step * e)) - float(f(x - step * e))) / (2 * step) for e in np.eye(5)]
    # Differences of step 1e-5 have an error of 1e-10 times a third derivative, and rounding of 1e-11.
    np.testing.assert_allclose(gradient, differences, rtol=1e-6, atol=1e-8, err_msg=name)
    print(name)
"""


def test_functions_that_dispatch_on_the_namespace_differentiate() -> None:
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    process = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment)
    assert process.returncode == 0, process.stderr
    names = process.stdout.split()
    assert len(names) == PROGRAM.count(": lambda x")
    assert len(names) >= 20
    assert len({name.split(".")[0] for name in names}) >= 6
