"""PyTorch's namespace of that name: `checkpoint`."""

from functorch_lite.utils import checkpoint

__all__ = ["checkpoint"]
