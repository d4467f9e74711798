"""The function under check, as one between lists of real coordinates.

A real array has one coordinate an entry, a complex one two: all real parts, then all imaginary parts. Derivatives of
every sort thus become real matrices with one row a coordinate of an output and one column a coordinate of an input, and
are compared as such. Cotangents pair with tangents by ``Re(Σ g · t)``, without conjugation, as everywhere in the house.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.operands import placed, shape_of
from functorch_lite.transforms.arguments import dtype_of, is_inexact, returned_leaves
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.reverse import vjp

__all__ = ["Coordinates", "Pull", "Subject"]

Pull: TypeAlias = Callable[[Sequence[Any]], list[Any]]


class Coordinates:
    """The real coordinates of an array, and what to call them in messages.

    Parameters
    ----------
    array
        The array, or Python scalar.
    name
        What messages call it: ``input[0]['w']``.
    """

    def __init__(self, array: Any, name: str) -> None:
        self.name = name
        self.shape = shape_of(array)
        self.dtype = dtype_of(array)
        self.is_scalar = not hasattr(array, "dtype")
        self.is_complex = self.dtype.kind == "c"
        self.entries = int(np.prod(self.shape))
        self.size = self.entries * (2 if self.is_complex else 1)

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype}{list(self.shape)}"

    def read(self, tangent: Any) -> Any:
        """Return the coordinates of a tangent as a real vector."""
        flat = np.asarray(tangent).reshape(-1)
        if not self.is_complex:
            return np.array(flat.real)
        return np.concatenate([flat.real, flat.imag])

    def write(self, coordinates: Any) -> Any:
        """Return the tangent with these coordinates, of the array's shape and dtype."""
        if self.is_complex:
            flat = coordinates[: self.entries] + 1j * coordinates[self.entries :]
        else:
            flat = np.asarray(coordinates)
        if self.is_scalar:
            return flat[0].item()
        return flat.astype(self.dtype).reshape(self.shape)

    def read_cotangent(self, cotangent: Any) -> Any:
        """Return the derivatives along each coordinate that a cotangent stands for."""
        return self.read(np.conjugate(np.asarray(cotangent)))

    def write_cotangent(self, coordinates: Any) -> Any:
        """Return the cotangent whose pairing with a tangent is the inner product of their coordinates."""
        cotangent = np.conjugate(self.write(coordinates))
        return cotangent.item() if self.is_scalar else np.asarray(cotangent)

    def basis(self, i: int) -> Any:
        """Return the coordinate vector with a one at position ``i``."""
        vector = np.zeros(self.size, np.finfo(self.dtype).dtype)
        vector[i] = 1
        return vector

    def describe(self, i: int) -> str:
        """Say which entry of the array, and which part of it, the coordinate ``i`` is."""
        entry = tuple(map(int, np.unravel_index(i % self.entries, self.shape)))
        place = f"{self.name} at {entry}" if self.shape else self.name
        if not self.is_complex:
            return place
        return f"the {'real' if i < self.entries else 'imaginary'} part of {place}"


class Subject:
    """A function under check at one point.

    Only floating and complex leaves of the inputs are varied, and only such leaves of the output are compared; others
    are held fixed or left out. Another style of differentiation plugs in by overriding `evaluate`, `linearize_backward`
    and `push`, which take and return lists of arrays.

    Parameters
    ----------
    func
        A function of pytrees of arrays that returns a pytree of arrays.
    inputs
        Its positional arguments.
    names
        What messages call each argument; ``input[0]``, ``input[1]``, … (``input`` when there is one) if not given.
    """

    def __init__(self, func: Callable[..., Any], inputs: tuple[Any, ...], names: Sequence[str] | None = None) -> None:
        self.func = func
        self._leaves, self._structure = tree.flatten(inputs)
        if names is None:
            names = ["input"] if len(inputs) == 1 else [f"input[{i}]" for i in range(len(inputs))]
        labels = [name + path for name, value in zip(names, inputs, strict=True) for path in tree.paths(value)]
        self._varied = [i for i, leaf in enumerate(self._leaves) if is_inexact(leaf)]
        if not self._varied:
            raise ValueError("there is nothing to check: no input is a floating or complex array or number")
        #: The values of the varied leaves: the point at which the derivatives are checked.
        self.point = [self._leaves[i] for i in self._varied]
        self.inputs = [Coordinates(self._leaves[i], labels[i]) for i in self._varied]
        out = func(*inputs)
        leaves, _ = returned_leaves(out, None, func)
        self._compared = [i for i, leaf in enumerate(leaves) if is_inexact(leaf)]
        if not self._compared:
            raise ValueError("there is nothing to check: no output is a floating or complex array or number")
        #: The values of the compared outputs at the point.
        self.values = [leaves[i] for i in self._compared]
        self.outputs = [Coordinates(leaves[i], "output" + tree.paths(out)[i]) for i in self._compared]

    def evaluate(self, point: Sequence[Any]) -> list[Any]:
        """Return the outputs at a point, without differentiation."""
        return self._call(list(point))

    def linearize_backward(self) -> tuple[list[Any], Pull]:
        """Return the outputs of reverse mode, and the function from their cotangents to those of the inputs."""
        values, pull = vjp(self._call, self.point)
        return values, lambda cotangents: pull(list(cotangents))[0]

    def push(self, tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Return the outputs of forward mode and their tangents."""
        values, pushed = jvp(self._call, (self.point,), (list(tangents),))
        return values, pushed

    def tangents(self, i: int, coordinates: Any) -> list[Any]:
        """Return tangents of all inputs that are zero but for input ``i``."""
        return [c.write(coordinates if k == i else np.zeros(c.size)) for k, c in enumerate(self.inputs)]

    def cotangents(self, i: int, coordinates: Any) -> list[Any]:
        """Return cotangents of all outputs that are zero but for output ``i``."""
        return [c.write_cotangent(coordinates if k == i else np.zeros(c.size)) for k, c in enumerate(self.outputs)]

    def _call(self, point: list[Any]) -> list[Any]:
        leaves = placed(self._leaves, self._varied, point)
        out = tree.leaves(self.func(*tree.unflatten(self._structure, leaves)))
        return [out[i] for i in self._compared]
