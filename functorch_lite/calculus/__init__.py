"""The rules of differentiation, one file a family."""
from functorch_lite.calculus import pointwise, reductions
