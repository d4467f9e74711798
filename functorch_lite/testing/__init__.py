"""Checks of derivatives against differences, for the derivatives that users and this house write."""

from functorch_lite.testing.check_grads import check_grads
from functorch_lite.testing.comparison import GradcheckError
from functorch_lite.testing.gradcheck import gradcheck, gradgradcheck
from functorch_lite.testing.numerical import numerical_jacobian, numerical_jvp

__all__ = ["GradcheckError", "check_grads", "gradcheck", "gradgradcheck", "numerical_jacobian", "numerical_jvp"]
