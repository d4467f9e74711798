"""Every example runs, says so, and finds what it should."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Give a function that imports an example by its name, as Python does when it runs one."""
    for requirement in ("scipy", "sklearn", "matplotlib", "tqdm"):
        pytest.importorskip(requirement)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield importlib.import_module
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_explains_its_settings(
    name: str, load: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        load(name).main(["--help"])
    assert ended.value.code == 0
    assert "default" in capsys.readouterr().out


def test_the_index_names_every_example() -> None:
    index = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"]({name}.py)" not in index] == []


@pytest.mark.slow
def test_tour(load: Callable[[str], ModuleType], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "new" / "tour.png"
    network, regression, checks = load("tour").main(["--epochs", "15", "--output", str(picture)])
    assert network.accuracy > 0.94
    assert regression.r_squared > 0.3
    assert len(checks) == 4
    assert all(checks.values())
    assert picture.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert f"held-out accuracy {network.accuracy:.1%}" in printed
    assert str(picture) in printed


def test_digits(load: Callable[[str], ModuleType]) -> None:
    study = load("digits").main([])
    assert study.accuracy >= 0.95
    assert study.gradient_error < 1e-14
    assert study.accuracy_attacked < 0.5 < study.accuracy_noisy
    assert study.history.loss[-1] < 0.2 * study.history.loss[0]
    # The hole of a zero speaks against ink, its ring for it.
    zero = study.pixel_effects[0].reshape(8, 8)
    assert zero[3:5, 3:5].max() < 0 < zero[3:5, 5:7].max()


def test_network_with_backward(load: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]) -> None:
    result = load("network_with_backward").main([])
    assert result.accuracy >= 0.95
    assert result.losses[-1] < 0.1 * result.losses[0]
    # One engine, one rule of Adam, the same operations in the same order: no tolerance.
    assert result.gradient_difference == 0.0
    assert result.parameter_difference == 0.0
    assert all(x.requires_grad and x.is_leaf for x in result.with_backward.values())
    assert f"held-out accuracy {result.accuracy:.1%}" in capsys.readouterr().out


def test_diabetes(load: Callable[[str], ModuleType]) -> None:
    study = load("diabetes").main([])
    np.testing.assert_allclose(study.weights, study.weights_closed_form, rtol=1e-9)
    np.testing.assert_allclose(study.errors, study.errors_closed_form, rtol=1e-9)
    assert study.gradient_norm < 1e-8
    assert 0.9 < study.coverage <= 1.0


def test_rosenbrock(load: Callable[[str], ModuleType]) -> None:
    paths = load("rosenbrock").main([])
    steps = [len(path) - 1 for path in paths.values()]
    assert all(np.linalg.norm(path[-1] - 1.0) < 1e-5 for path in paths.values())
    assert steps[0] > 100 * max(steps[1:])


def test_rosenbrock_tells_what_it_found(load: Callable[[str], ModuleType]) -> None:
    module = load("rosenbrock")
    start = np.array([-1.0, 1.0, 1.0, 1.0])
    local = module.METHODS["Newton, dense (grad, hessian)"](start)[-1]
    assert module.describe(np.ones(4)) == "the minimum (1, …, 1)"
    assert module.describe(local).startswith("the local minimum")
    assert module.describe(start) == "no stationary point"


def test_pendulum(load: Callable[[str], ModuleType]) -> None:
    result = load("pendulum").main(["--seconds", "0.3"])
    assert result.energy_drift < 1e-5
    np.testing.assert_allclose(result.sensitivity, result.sensitivity_by_differences, rtol=1e-6)
    np.testing.assert_allclose(result.spread, np.radians(0.1) * np.abs(result.sensitivity), rtol=1e-3)


def test_a_single_pendulum_obeys_its_equation(load: Callable[[str], ModuleType]) -> None:
    module = load("pendulum")
    q, v = np.array([0.7]), np.array([-0.4])
    np.testing.assert_allclose(module.acceleration(q, v), -module.GRAVITY * np.sin(q), rtol=1e-12)


@pytest.mark.slow
def test_nbody(load: Callable[[str], ModuleType]) -> None:
    result = load("nbody").main(["--steps", "120"])
    assert result.mismatch < 1e-9
    assert result.size_free_period == pytest.approx(result.size_free_period_published, rel=1e-4)
    assert result.energy_drift < 1e-4
    assert result.determinant == pytest.approx(1.0, abs=1e-9)
    assert result.growth == pytest.approx(1.0, abs=1e-3)


def test_forces_of_three_bodies_cancel(load: Callable[[str], ModuleType]) -> None:
    module = load("nbody")
    x = np.array([[0.0, 0.0], [1.0, 0.0], [0.3, 2.0]])
    a = module.accelerations(x)
    np.testing.assert_allclose(a.sum(axis=0), 0.0, atol=1e-15)
    np.testing.assert_allclose(
        a[0], sum((y - x[0]) / np.linalg.norm(y - x[0]) ** 3 for y in x[1:]), rtol=1e-12
    )


def test_mercury(load: Callable[[str], ModuleType]) -> None:
    result = load("mercury").main(["--radius", "4"])
    np.testing.assert_allclose(result.ricci, np.zeros((4, 4)), atol=1e-14)
    assert result.kretschmann == pytest.approx(48 / 4**6, rel=1e-12)
    module = load("mercury")
    for seconds, (axis, eccentricity, days, _) in zip(result.seconds, module.PLANETS.values(), strict=True):
        to_first_order = 6 * np.pi * module.SUN / (axis * (1 - eccentricity**2))
        assert seconds == pytest.approx(np.degrees(to_first_order) * 3600 * 36525 / days, rel=1e-3)
    assert result.seconds[0] == pytest.approx(42.98, abs=0.01)
    assert result.slope == pytest.approx(result.slope_to_first_order, rel=1e-3)


def test_free_fall_from_rest_is_towards_the_mass(load: Callable[[str], ModuleType]) -> None:
    module = load("mercury")
    x, v = np.array([0.0, 10.0, 1.0, 0.5]), np.array([1.0 / np.sqrt(1 - 0.2), 0.0, 0.0, 0.0])
    _, acceleration = module.fall((x, v), 0.0, 1.0)
    np.testing.assert_allclose(acceleration, [0.0, -1.0 / 10.0**2, 0.0, 0.0], atol=1e-15)  # Newton's, in this radius
