"""Integrals of samples, and initial value problems whose solution can be differentiated."""

from __future__ import annotations

from functorch_lite.scipy.integrate.initial_value_problems import odeint
from functorch_lite.scipy.integrate.quadrature import fixed_quad
from functorch_lite.scipy.integrate.samples import cumulative_simpson, cumulative_trapezoid, simpson, trapezoid

__all__ = ["cumulative_simpson", "cumulative_trapezoid", "fixed_quad", "odeint", "simpson", "trapezoid"]
