"""All methods in PyTorch's vocabulary, collected: `METHODS` for every tracer, `TENSOR_METHODS` for tensors.

They are compositions of NumPy's functions, so that code written in PyTorch's style runs on tensors and under every
transformation. Three rules say which vocabulary a call speaks:

- The keywords ``dim`` and ``keepdim`` are PyTorch's, ``axis`` and ``keepdims`` NumPy's.
- Positional arguments of a method that ndarray has are NumPy's: ``x.max(0)`` gives values, ``x.std()`` divides by n.
- A method that ndarray has not is PyTorch's: ``x.kthvalue(2)`` gives a pair (values, indices).
"""

from functorch_lite.tensor import (  # noqa: F401 - they fill the table
    accumulating,
    activations,
    assembling,
    conversion,
    creation_alike,
    diagonals,
    elementwise,
    joining,
    matrices,
    ordering,
    products,
    putting,
    reductions,
    selection,
    shaping,
    softmax,
    special_functions,
    strides,
)
from functorch_lite.tensor.method_table import METHODS, TENSOR_METHODS

__all__ = ["METHODS", "TENSOR_METHODS"]
