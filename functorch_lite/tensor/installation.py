"""PyTorch's method names on all tracers, so that code in its style runs under every transformation."""

from __future__ import annotations

from functorch_lite.core.tracer import ArrayTracer
from functorch_lite.tensor.draws import install_draws
from functorch_lite.tensor.in_place_methods import install_in_place
from functorch_lite.tensor.methods import METHODS, TENSOR_METHODS
from functorch_lite.tensor.reshaping_in_place import install_reshaping
from functorch_lite.tensor.tensor import Tensor
from functorch_lite.tensor.traced import TRACED

for name, attribute in TRACED.items():
    setattr(ArrayTracer, name, attribute)
for name, function in METHODS.items():
    setattr(ArrayTracer, name, function)
for name, function in TENSOR_METHODS.items():
    setattr(Tensor, name, function)
install_in_place()
install_reshaping()
install_draws()
