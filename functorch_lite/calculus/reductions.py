from typing import Any
import numpy as np
from functorch_lite.calculus.batching import same_axes, shifted_axes
from functorch_lite.calculus.declare import linear
from functorch_lite.core.tracer import implements
def _spread(g, x_shape, axes, keepdims):
    if not keepdims and axes and g.ndim:
        shape = list(x_shape)
        for a in axes: shape[a]=1
        g = g.reshape(shape)
    return g * np.ones(x_shape)
@linear(_spread, batch=shifted_axes(0))
def _sum(x, axes, keepdims):
    return x.sum(axes, keepdims=keepdims)
@implements(np.sum)
def sum(a, axis=None, keepdims=False):
    axes = tuple(range(a.ndim)) if axis is None else axis
    return _sum(a, axes, keepdims)
