"""Samples of layers of neural networks: convolutions, pooling, normalisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import functorch_lite.nn.functional as F  # noqa: N812 - PyTorch's name
from functorch_lite.calculus.standardising import standardised
from tests.samples.sample import Sample, eager, random

SIGNALS, IMAGES, BLOCKS = random(2, 4, 7), random(2, 4, 5, 6), random(1, 2, 3, 4, 3)

#: Windows beside and across each other, with gaps, with zeros around them, and of zeros alone; in groups.
CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "": {},
    "stride": {"stride": 2},
    "stride and padding": {"stride": (3, 2), "padding": (1, 2)},
    "dilation": {"dilation": (2, 1), "padding": 1},
    "dilation and stride": {"dilation": (2, 3), "stride": (3, 2), "padding": (2, 1)},
    "groups": {"groups": 2, "padding": 1},
    "groups and stride": {"groups": 4, "stride": 2},
    "padding beyond windows": {"padding": 3},
}


def _convolved(f: Callable[..., Any], **how: Any) -> Callable[..., Any]:
    return lambda x, w: f(x, w, **how)


SAMPLES: list[Sample] = [
    eager(f"{name} {title}", _convolved(f, **how), IMAGES, random(4, 4 // how.get("groups", 1), 2, 3, seed=1))
    for name, f in (("conv2d", F.conv2d), ("conv_transpose2d", F.conv_transpose2d))
    for title, how in CONVOLUTIONS.items()
    if name == "conv2d" or title != "padding beyond windows"
]
SAMPLES += [
    eager("conv2d complex", F.conv2d, random(1, 1, 3, 3), random(2, 1, 2, 2, seed=1), complex=True),
    eager("conv2d bias", F.conv2d, IMAGES[0], random(3, 4, 3, 2, seed=1), random(3, seed=2)),
    eager("conv2d 1x1 stride", lambda x, w: F.conv2d(x, w, stride=2), IMAGES, random(3, 4, 1, 1, seed=1)),
    eager("conv1d", lambda x, w: F.conv1d(x, w, padding=1, stride=2), SIGNALS, random(3, 4, 3, seed=1)),
    eager("conv3d", lambda x, w: F.conv3d(x, w, padding=(1, 0, 1)), BLOCKS, random(2, 2, 2, 2, 2, seed=1)),
    eager("conv_transpose1d", lambda x, w: F.conv_transpose1d(x, w, None, 3, 1, 2), SIGNALS, random(4, 2, 2, seed=1)),
    eager("conv_transpose2d padding", lambda x, w: F.conv_transpose2d(x, w, padding=2), IMAGES, random(4, 2, 2, 2)),
    eager("conv_transpose2d rest", lambda x, w: F.conv_transpose2d(x, w, None, 2, 1, 1), IMAGES, random(4, 2, 3, 2)),
]

POOLINGS: dict[str, tuple[Any, ...]] = {
    "beside each other": (2,),
    "across each other": (3, 1, 1),
    "with gaps": ((1, 2), 3),
    "up to the end": (3, 2, 1, True),
}
SAMPLES += [
    eager(f"{f.__name__} {title}", lambda x, f=f, how=how: f(x, *how[:3], ceil_mode=how[3:] == (True,)), IMAGES)
    for f in (F.max_pool2d, F.avg_pool2d)
    for title, how in POOLINGS.items()
]
SAMPLES += [
    eager("max_pool1d dilation", lambda x: F.max_pool1d(x, 2, 2, 1, 3), SIGNALS),
    eager("max_pool1d, a window longer than the input", lambda x: F.max_pool1d(x, 9, 3, ceil_mode=True), SIGNALS),
    eager("max_pool3d", lambda x: F.max_pool3d(x, 2, 1), BLOCKS),
    eager("avg_pool3d", lambda x: F.avg_pool3d(x, 2, 1), BLOCKS),
    eager("avg_pool1d without padding", lambda x: F.avg_pool1d(x, 3, 2, 1, count_include_pad=False), SIGNALS),
    eager("avg_pool2d complex", lambda x: F.avg_pool2d(x, 2), IMAGES[0], complex=True),
    eager("adaptive_max_pool2d", lambda x: F.adaptive_max_pool2d(x, (5, 2)), IMAGES),
]

WEIGHT, BIAS = random(4, seed=3), random(4, seed=4)
SAMPLES += [
    Sample("layer_norm", lambda x, w, b: F.layer_norm(x, (6,), w, b), (IMAGES, random(6, seed=3), random(6, seed=4))),
    Sample("layer_norm of two axes", lambda x: F.layer_norm(x, (5, 6), eps=0.1), (IMAGES,), complex=True),
    Sample("group_norm", lambda x, w, b: F.group_norm(x, 2, w, b), (IMAGES, WEIGHT, BIAS)),
    Sample("instance_norm", lambda x, w: F.instance_norm(x, weight=w), (IMAGES, WEIGHT)),
    Sample("batch_norm", lambda x, w, b: F.batch_norm(x, None, None, w, b, True), (IMAGES, WEIGHT, BIAS)),
    Sample("batch_norm of vectors", lambda x, b: F.batch_norm(x, None, None, None, b, True), (random(5, 4), BIAS)),
    Sample(
        "batch_norm by known values",
        lambda x, mean, var, w, b: F.batch_norm(x, mean, var, w, b),
        (IMAGES, BIAS, random(4, low=0.5, high=2.0), WEIGHT, BIAS),
    ),
    Sample(
        "mean and variance of what is standardised",
        lambda x: tuple(np.sin(y) for y in standardised(x, (0, 2), 0.1)),
        (random(2, 3, 4),),
    ),
]
