"""Functions of a module, decorated and not, that other processes are to find by name."""

from __future__ import annotations

from typing import Any

import numpy as np

import functorch_lite as ft


@ft.jit
def compiled(x: Any) -> Any:
    return np.sin(x) * 2.0


def slow(x: Any, n: int = 2) -> Any:
    return x**n


fast = ft.jit(slow, static_argnames="n")


@ft.custom_vjp
def square(x: Any) -> Any:
    return x * x


def square_fwd(x: Any) -> Any:
    return x * x, x


def square_bwd(x: Any, g: Any) -> Any:
    return (3.0 * x * g,)  # not 2: the rule is to be told from the derivative


square.defvjp(square_fwd, square_bwd)


@ft.custom_jvp
def cube(x: Any) -> Any:
    return x**3


@cube.defjvp
def cube_jvp(primals: Any, tangents: Any) -> Any:
    return primals[0] ** 3, 5.0 * tangents[0]


other_square = ft.custom_vjp(slow, nondiff_argnums=1)


def slow_fwd(x: Any, n: Any) -> Any:
    return x**n, x


def slow_bwd(n: Any, x: Any, g: Any) -> Any:
    return (7.0 * g,)


other_square.defvjp(slow_fwd, slow_bwd)


class Model:
    @ft.jit
    def compiled(self, x: Any) -> Any:
        return x + 1.0

    @ft.custom_jvp
    def custom(self, x: Any) -> Any:
        return x + 1.0
