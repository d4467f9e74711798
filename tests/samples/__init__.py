"""The table of sample inputs that drives the generic checks of every rule."""

from tests.samples.sample import Sample, all_samples

__all__ = ["Sample", "all_samples"]
