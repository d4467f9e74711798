"""``ft.autograd.functional``: Jacobians, Hessians and products of functions of tensors."""

from functorch_lite.tensor.functional import derivative, hessian, hvp, jacobian, jvp, vhp, vjp

__all__ = ["derivative", "hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
