"""Schedules of the learning rate, with PyTorch's names and numbers.

Each sets the learning rate of the groups of an optimiser, once a call of `step`. Most multiply the present rate, and
can be combined.
"""

from functorch_lite.optim.lr_scheduler.combined import ChainedScheduler, SequentialLR
from functorch_lite.optim.lr_scheduler.cycles import CosineAnnealingWarmRestarts, CyclicLR
from functorch_lite.optim.lr_scheduler.one_cycle import OneCycleLR
from functorch_lite.optim.lr_scheduler.plateau import ReduceLROnPlateau
from functorch_lite.optim.lr_scheduler.scheduler import LRScheduler
from functorch_lite.optim.lr_scheduler.schedules import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
