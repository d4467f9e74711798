"""The optimisers as pure functions of trees: ``init(params)`` gives a state, ``update(…)`` new parameters and state.

They carry the names and hyper-parameters of `functorch_lite.optim`, which call the same rules, and can be
differentiated, batched by `vmap` and nested like any NumPy program.

Examples
--------
Descent from two starting points at once:

>>> import numpy as np
>>> import functorch_lite as ft
>>> from functorch_lite.optim import functional
>>> optimizer = functional.Adam(lr=0.1)
>>> params = np.array([-2.0, 5.0])
>>> state = ft.vmap(optimizer.init)(params)
>>> gradient = ft.grad(lambda x: (x - 1) ** 2)
>>> for _ in range(300):
...     params, state = ft.vmap(lambda x, s: optimizer.update(gradient(x), s, x))(params, state)
>>> params.round(3)
array([1., 1.])
"""

from functorch_lite.optim.functional.adam import Adam, AdamW
from functorch_lite.optim.functional.adaptive import Adadelta, Adamax, NAdam, RAdam
from functorch_lite.optim.functional.lbfgs import LBFGS
from functorch_lite.optim.functional.root_mean_square import Adagrad, RMSprop
from functorch_lite.optim.functional.rule import FunctionalOptimizer
from functorch_lite.optim.functional.sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "FunctionalOptimizer",
    "NAdam",
    "RAdam",
    "RMSprop",
]
