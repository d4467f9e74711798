"""Parts of neural networks, as functions; initial values of parameters, and what one does to many of them."""

from functorch_lite.nn import functional, init, utils

__all__ = ["functional", "init", "utils"]
