"""Parts of neural networks, as functions."""

from functorch_lite.nn import functional

__all__ = ["functional"]
