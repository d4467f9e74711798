"""Diabetes: a regression by Newton's method, with the uncertainty of every coefficient from the Hessian.

SciPy's trust region takes the gradient from `value_and_grad` and Hessian-vector products from `hvp`. The inverse of the
`hessian` at the optimum is the covariance of the estimates. Both are compared with their closed forms.

Run ``python examples/diabetes.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split

import functorch_lite as ft

PENALTY = 10.0

MEASUREMENTS = (
    "age", "sex", "body mass index", "blood pressure", "total cholesterol", "LDL cholesterol", "HDL cholesterol",
    "total / HDL", "log triglycerides", "blood sugar",
)  # fmt: skip


class Patients(NamedTuple):
    """Patients to learn from, and patients held out to judge by: measurements, and the disease a year later."""

    x: Any
    x_held_out: Any
    y: Any
    y_held_out: Any


class Study(NamedTuple):
    """The fitted regression, its closed form, and how well it predicts the held-out patients."""

    weights: Any
    weights_closed_form: Any
    errors: Any  # standard errors of the weights
    errors_closed_form: Any
    noise: float
    steps: int
    products: int
    gradient_norm: float
    r_squared: float
    coverage: float  # of the 95 % intervals


def read_patients(seed: int) -> Patients:
    """Return 442 patients; the measurements are in standard deviations from the mean."""
    x, y = load_diabetes(return_X_y=True, scaled=False)
    data = Patients(*train_test_split(x, y, test_size=0.25, random_state=seed))
    mean, deviation = data.x.mean(axis=0), data.x.std(axis=0)
    return data._replace(x=(data.x - mean) / deviation, x_held_out=(data.x_held_out - mean) / deviation)


def negative_log_posterior(theta: Any, x: Any, y: Any) -> Any:
    """Return minus the log-density of the unknowns given the data, up to a constant: ridge regression.

    ``theta`` holds the weights, the offset and the logarithm of the noise's standard deviation. The noise is normal; so
    are the weights beforehand, with the noise's variance divided by the penalty.
    """
    weights, offset, log_noise = theta[:-2], theta[-2], theta[-1]
    squares = np.sum((y - x @ weights - offset) ** 2) + PENALTY * np.sum(weights**2)
    return 0.5 * squares * np.exp(-2 * log_noise) + (len(y) + len(weights)) * log_noise


def fit(x: Any, y: Any) -> Any:
    """Return SciPy's result of minimising by Newton's method in a trust region, which never needs the whole Hessian."""
    objective = partial(negative_log_posterior, x=x, y=y)
    return minimize(
        ft.value_and_grad(objective),
        x0=np.concatenate([np.zeros(x.shape[1]), [y.mean(), np.log(y.std())]]),
        jac=True,
        hessp=lambda theta, v: ft.hvp(objective, (theta,), (v,))[1],
        method="trust-ncg",
        options={"gtol": 1e-8},
    )


def standard_errors(theta: Any, x: Any, y: Any) -> Any:
    """Return the standard errors of all unknowns: the Hessian at the optimum is the inverse of their covariance."""
    hessian = ft.hessian(negative_log_posterior)(theta, x, y)
    return np.sqrt(np.diag(np.linalg.inv(hessian)))


def standard_errors_closed_form(noise: float, x: Any) -> Any:
    """Return what algebra gives for the weights, as the columns of x have mean zero: σ²(XᵀX + λI)⁻¹."""
    return noise * np.sqrt(np.diag(np.linalg.inv(x.T @ x + PENALTY * np.eye(x.shape[1]))))


def study(seed: int) -> Study:
    """Fit on three quarters of the patients, compare with the closed form, predict the others."""
    data = read_patients(seed)
    optimum = fit(data.x, data.y)
    weights, offset, noise = optimum.x[:-2], optimum.x[-2], float(np.exp(optimum.x[-1]))
    residuals = data.y_held_out - data.x_held_out @ weights - offset
    return Study(
        weights=weights,
        weights_closed_form=Ridge(alpha=PENALTY).fit(data.x, data.y).coef_,
        errors=standard_errors(optimum.x, data.x, data.y)[:-2],
        errors_closed_form=standard_errors_closed_form(noise, data.x),
        noise=noise,
        steps=optimum.nit,
        products=optimum.nhev,
        gradient_norm=float(np.linalg.norm(optimum.jac)),
        r_squared=float(1 - np.mean(residuals**2) / np.var(data.y_held_out)),
        coverage=float(np.mean(np.abs(residuals) < 1.96 * noise)),
    )


def report(study: Study) -> None:
    """Print the coefficients, and how they compare with the closed form."""
    print(f"  {study.steps} steps, {study.products} Hessian-vector products, |gradient| {study.gradient_norm:.0e}")
    print(f"  held-out R² {study.r_squared:.2f}; {study.coverage:.0%} of held-out patients within ±1.96 σ, ", end="")
    print(f"σ = {study.noise:.1f}")
    for name, weight, error in zip(MEASUREMENTS, study.weights, study.errors, strict=True):
        print(f"    {name:<18}{weight:7.2f} ± {error:.2f}{'  *' if abs(weight) > 1.96 * error else ''}")
    print(f"  weights, less those of scikit-learn's Ridge: {_distance(study.weights, study.weights_closed_form)}")
    print(f"  standard errors, less those of the formula: {_distance(study.errors, study.errors_closed_form)}")


def main(arguments: Sequence[str] | None = None) -> Study:
    parser = argparse.ArgumentParser(description="Fit a regression and say how sure it is.")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of held-out patients (default: %(default)s)")
    result = study(parser.parse_args(arguments).seed)
    report(result)
    return result


def _distance(one: Any, other: Any) -> str:
    return f"{np.max(np.abs(one - other)):.0e}"


if __name__ == "__main__":
    main()
