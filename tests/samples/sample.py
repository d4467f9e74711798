"""What a sample is, and how the families' tables are collected."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Sample:
    """A differentiable NumPy function with arguments at which the generic checks hold it against the truth.

    Parameters
    ----------
    name
        What is called and how: ``"sum axis=0, keepdims"``. Unique in its family.
    function
        A function of the arguments only, written with ``import numpy as np``. It may return a tuple.
    args
        Float64 arrays or floats (complex128 where the function needs it), all differentiated; away from kinks, well
        conditioned. Fixed arguments (indices, masks, axes) belong inside ``function``.
    complex
        Whether to run the checks on complex arguments also (a random imaginary part is added).
    dask
        Whether the function works lazily on foreign duck arrays.
    float32
        Whether float32 in gives float32 out.
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    complex: bool = False
    dask: bool = True
    float32: bool = True


def eager(name: str, function: Callable[..., Any], *args: Any, **options: Any) -> Sample:
    """Return a sample of what does not work lazily on foreign arrays."""
    return Sample(name, function, args, **{"dask": False, **options})


def with_imaginary_parts(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return complex arguments with these real parts."""
    return tuple(x + 1j * random(*np.shape(x), seed=i, low=0.1, high=0.6) for i, x in enumerate(args))


def with_complex_arguments(row: Sample) -> Sample:
    """Return a row of its own: a complex step is not accurate, as SciPy's algorithms mix real and imaginary parts."""
    return replace(row, name=f"{row.name}, complex arguments", args=with_imaginary_parts(row.args))


def random(*shape: int, seed: int = 0, low: float = -1.0, high: float = 1.0) -> Any:
    """Return a reproducible array of distinct numbers in [low, high), away from zero by a hundredth of the range."""
    x = np.random.default_rng((seed, *shape)).uniform(low, high, shape)
    return x if low >= 0 else x + np.where(x < 0, -1, 1) * 0.01 * (high - low)


def all_samples() -> list[tuple[str, Sample]]:
    """Return every sample with its family's name: the lists ``SAMPLES`` of the modules in this package."""
    found = []
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name != "sample":
            table = importlib.import_module(f"tests.samples.{module.name}").SAMPLES
            found += [(module.name, sample) for sample in table]
    return found
