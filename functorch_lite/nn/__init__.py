"""Parts of neural networks, as functions; initial values of parameters, and what one does to many of them."""

from functorch_lite.nn import functional, init, parameters

#: PyTorch's name of it.
utils = parameters

__all__ = ["functional", "init", "parameters", "utils"]
