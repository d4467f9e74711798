"""Optimisers: of Tensors with PyTorch's names, defaults and numbers; of trees as pure functions in `functional`.

Examples
--------
>>> import functorch_lite as ft
>>> from functorch_lite import optim
>>> x = ft.tensor(4.0, requires_grad=True)
>>> optimizer = optim.SGD([x], lr=0.25)
>>> for _ in range(3):
...     optimizer.zero_grad()
...     loss = x**2
...     loss.backward()
...     optimizer.step()
>>> x.item()
0.5
"""

from functorch_lite.optim import functional, lr_scheduler
from functorch_lite.optim.adam import Adam, AdamW
from functorch_lite.optim.adaptive import Adadelta, Adamax, NAdam, RAdam
from functorch_lite.optim.lbfgs import LBFGS
from functorch_lite.optim.optimizer import Optimizer
from functorch_lite.optim.root_mean_square import Adagrad, RMSprop
from functorch_lite.optim.sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "functional",
    "lr_scheduler",
]
