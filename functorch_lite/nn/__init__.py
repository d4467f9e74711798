"""Parts of neural networks, as functions, and what one does to many parameters."""

from functorch_lite.nn import functional, utils

__all__ = ["functional", "utils"]
