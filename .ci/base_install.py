"""Use the installed package where nothing but its required dependencies is there."""

from importlib.metadata import distributions, files
from importlib.util import find_spec

import numpy as np

import functorch_lite as ft

installed = {distribution.metadata["Name"].lower().replace("-", "_") for distribution in distributions()}
allowed = {"functorch_lite", "numpy", "opt_einsum", "optree", "typing_extensions", "pip", "setuptools", "wheel"}
assert installed <= allowed, f"required dependencies pull in {sorted(installed - allowed)}"
assert find_spec("scipy") is None

contents = {path.parts[0] for path in files("functorch_lite") or ()}
assert contents == {"functorch_lite", f"functorch_lite-{ft.__version__}.dist-info"}, sorted(contents)
assert any(path.name == "py.typed" for path in files("functorch_lite") or ())


def f(x):
    return np.sum(np.tanh(np.outer(x, x) @ x))


x = np.linspace(-1.0, 1.0, 5)
hessian = ft.hessian(f)(x)
step = 1e-6 * np.eye(5)
differences = np.stack([(ft.grad(f)(x + d) - ft.grad(f)(x - d)) / 2e-6 for d in step])
assert np.allclose(hessian, differences, atol=1e-7)
assert np.allclose(ft.vmap(ft.grad(f))(x + step)[0], ft.grad(f)(x + step[0]))
print(f"functorch_lite {ft.__version__} works with", ", ".join(sorted(installed & allowed - {"functorch_lite"})))
