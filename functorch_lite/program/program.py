"""Programs: a list of equations, each a primitive applied to earlier values, in static single assignment form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from functorch_lite.core.errors import stands_in
from functorch_lite.core.operands import shape_of
from functorch_lite.program.cost import Cost, cost
from functorch_lite.program.equations import Atom, Equation, Literal, Variable, names_of, type_name
from functorch_lite.program.picture import dot, svg, table
from functorch_lite.program.spelling import shown_name
from functorch_lite.program.standalone import standalone
from functorch_lite.program.text import constants_of, parsed, printed

__all__ = ["Atom", "Equation", "Literal", "Pass", "Program", "Variable", "names_of", "type_name"]


@dataclass(frozen=True, eq=False)
class Program:
    """A function of arrays as data: inputs, equations, outputs.

    Attributes
    ----------
    inputs
        The variables that a call gives values.
    equations
        In the order in which they are computed.
    outputs
        Variables and literals.
    constants
        The arrays that the function closed over, by variable.
    name
        The function's.
    input_names
        What the function calls its inputs, for texts and pictures; it may be empty, or shorter than the inputs.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> program = ft.make_program(lambda x: np.sum(np.sin(x) * 2.0))(np.zeros(3))
    >>> print(program)
    program f(a: float64[3]):
        b: float64[3] = sin(a)
        c: float64[3] = mul(b, 2.0)
        d: float64[] = sum(c, axes=(0,), keepdims=False)
        return d
    >>> program(np.array([0.0, np.pi / 2, np.pi / 2]))
    (np.float64(4.0),)
    """

    inputs: tuple[Variable, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[Atom, ...]
    constants: dict[Variable, Any] = field(default_factory=dict)
    name: str = "f"
    input_names: tuple[str, ...] = ()

    @stands_in
    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Evaluate the program, equation by equation, on arrays or traced values of its inputs' shapes.

        Raises
        ------
        TypeError
            If there are more or fewer than inputs.
        ValueError
            If one has another shape: what the program says of shapes holds for those that it was recorded with.
        """
        if len(arrays) != len(self.inputs):
            raise TypeError(f"program {self.name} takes {len(self.inputs)} arrays; it was given {len(arrays)}")
        for i, (variable, array) in enumerate(zip(self.inputs, arrays, strict=True)):
            if shape_of(array) != variable.shape:
                raise ValueError(
                    f"program {self.name} was recorded for {type_name(variable)} as input {i}; it was given an array "
                    f"of shape {shape_of(array)}. Record it for that shape: ft.make_program(f)(...), or ft.jit(f)"
                )
        values: dict[Variable, Any] = dict(zip(self.inputs, arrays, strict=True))
        values |= self.constants
        line = ""
        for equation in self.equations:
            line = equation.line  # noqa: F841 - read by `user_line`
            read = [a.value if type(a) is Literal else values[a] for a in equation.operands]  # type: ignore[index]
            values.update(zip(equation.outputs, equation.apply(read), strict=True))
        return tuple(a.value if isinstance(a, Literal) else values[a] for a in self.outputs)

    def __len__(self) -> int:
        return len(self.equations)

    def __eq__(self, other: object) -> bool:
        """Say whether two programs are the same but for the names of their variables."""
        return isinstance(other, Program) and _canonical(self) == _canonical(other)

    def __hash__(self) -> int:
        return hash((len(self.inputs), len(self.equations), len(self.outputs)))

    def __str__(self) -> str:
        return printed(self)

    @staticmethod
    def parse(text: str) -> Program:
        """Read a program from what ``print`` shows of it.

        Parameters
        ----------
        text
            The text. Large constants stand in it as three dots: such programs are kept by `save`.

        Returns
        -------
        Program
            Equal to the one that was printed.

        Raises
        ------
        ValueError
            If a line is no equation, names a primitive that does not exist, or leaves out a constant.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> program = ft.make_program(lambda x: x * x + 1.0)(3.0)
        >>> ft.Program.parse(str(program)) == program
        True
        """
        return parsed(Program, text)

    def save(self, file: Any) -> None:
        """Write the program to a file, as its text and its constants; `load` reads it.

        Parameters
        ----------
        file
            A name, to which no suffix is added, or an open binary file.

        Examples
        --------
        >>> import io, numpy as np, functorch_lite as ft
        >>> program = ft.make_program(lambda x: np.arange(100.0) @ x)(np.zeros(100))
        >>> file = io.BytesIO()
        >>> program.save(file)
        >>> _ = file.seek(0)
        >>> ft.Program.load(file)(np.ones(100))
        (np.float64(4950.0),)
        """
        arrays: dict[str, Any] = {f"constant{i}": value for i, value in enumerate(constants_of(self))}
        arrays["text"] = np.array(printed(self, constants=False))
        arrays["input_names"] = np.array(self.input_names, np.str_)
        if hasattr(file, "write"):
            np.savez(file, **arrays)
        else:
            with open(file, "wb") as opened:  # NumPy would add its own suffix to a name
                np.savez(opened, **arrays)

    @staticmethod
    def load(file: Any) -> Program:
        """Read a program that `save` has written.

        Parameters
        ----------
        file
            A name, or an open binary file.

        Returns
        -------
        Program
            Equal to the one that was saved.

        Examples
        --------
        >>> import io, functorch_lite as ft
        >>> program = ft.make_program(lambda x: x * x)(3.0)
        >>> program.save(file := io.BytesIO())
        >>> _ = file.seek(0)
        >>> ft.Program.load(file) == program
        True
        """
        with np.load(file) as saved:
            count = sum(name.startswith("constant") for name in saved.files)
            constants = [saved[f"constant{i}"] for i in range(count)]
            return _restored(str(saved["text"]), constants, tuple(map(str, saved["input_names"])))

    def __reduce__(self) -> Any:
        """Pickle and copy a program as `save` writes it: a primitive is known by its name."""
        return _restored, (printed(self, constants=False), [*constants_of(self)], self.input_names)

    def as_source(self) -> str:
        """Return the text of a module that computes the program with NumPy alone.

        It defines one function of the program's name. Constants of more than 64 elements are read from the file that
        `save` writes. Results agree with the program's up to rounding.

        Raises
        ------
        NotImplementedError
            If a primitive cannot be written with NumPy alone; the message names it.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> def f(x):
        ...     return np.sum(np.sin(x) ** 2)
        >>> print(ft.jit(ft.grad(f)).program(np.zeros(3)).as_source(), end="")
        \"\"\"The function f.
        <BLANKLINE>
        x: float64[3]
        returns: float64[3]
        \"\"\"
        <BLANKLINE>
        import numpy as np
        <BLANKLINE>
        <BLANKLINE>
        def f(x):
            return 2 * np.sin(x) * np.cos(x)
        """
        return standalone(self)

    def cost(self) -> Cost:
        """Count operations, floating-point operations, bytes read and written, and the peak of memory.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> print(ft.make_program(lambda a, x: np.sum(a @ x))(np.ones((3, 4)), np.ones(4)).cost())
        operations    2 (1 matmul, 1 sum)
        flops         27
        bytes read    152
        bytes written 32
        peak bytes    160
        """
        return cost(self)

    def as_dot(self) -> str:
        """Return the program as a graph in Graphviz's language.

        Returns
        -------
        str
            A digraph: a node for each input, constant and equation, an edge for each operand.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> text = ft.make_program(lambda x: x * 2.0)(3.0).as_dot()
        >>> '"a" -> "equation 0"' in text, '"equation 0" -> "output 0"' in text
        (True, True)
        """
        return dot(self)

    def as_svg(self) -> str:
        """Return the program as a picture.

        Returns
        -------
        str
            The graph of `as_dot`, laid out, in SVG.

        Raises
        ------
        ImportError
            If the package graphviz, or Graphviz itself, is not installed.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> try:
        ...     picture = ft.make_program(lambda x: x * 2.0)(3.0).as_svg()
        ... except ImportError:
        ...     picture = "<svg: pip install graphviz>"
        >>> "<svg" in picture
        True
        """
        return svg(self)

    def _repr_html_(self) -> str:
        return table(self)

    def variables(self) -> Iterator[Variable]:
        """Yield all variables, each once: inputs, constants, results.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> program = ft.make_program(lambda x: x * x + 1.0)(3.0)
        >>> [variable.dtype for variable in program.variables()]
        [<class 'float'>, <class 'float'>, <class 'float'>]
        """
        yield from self.inputs
        yield from self.constants
        for equation in self.equations:
            yield from equation.outputs

    def with_equations(self, equations: Sequence[Equation], outputs: Sequence[Atom] | None = None) -> Program:
        """Return the program with other equations; unused constants are dropped.

        Parameters
        ----------
        equations
            In an order in which each reads only what was computed before.
        outputs
            Variables and literals; None: those that it has.

        Returns
        -------
        Program
            A new one, with the same inputs and name.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> program = ft.make_program(lambda x: (x * x) * x)(3.0)
        >>> first = program.equations[0]
        >>> program.with_equations([first], first.outputs)(3.0)
        (9.0,)
        """
        outputs = self.outputs if outputs is None else tuple(outputs)
        used = {a for equation in equations for a in equation.operands} | set(outputs)
        constants = {variable: value for variable, value in self.constants.items() if variable in used}
        return Program(self.inputs, tuple(equations), outputs, constants, self.name, self.input_names)


def _restored(text: str, constants: Sequence[Any], input_names: tuple[str, ...]) -> Program:
    return replace(parsed(Program, text, constants), input_names=input_names)


def _canonical(program: Program) -> tuple[Any, ...]:
    numbers: dict[Variable, int] = {}
    for variable in program.variables():
        numbers[variable] = len(numbers)

    def named(atom: Atom) -> Any:
        return atom if isinstance(atom, Literal) else numbers[atom]

    return (
        tuple((type_name(v), numbers[v]) for v in program.inputs),
        tuple((numbers[v], type_name(v), _bits(np.asarray(value))) for v, value in program.constants.items()),
        tuple(
            (_kind(e), tuple(map(named, e.operands)), repr(e.params), tuple((type_name(v)) for v in e.outputs))
            for e in program.equations
        ),
        tuple(map(named, program.outputs)),
    )


def _bits(value: Any) -> Any:
    """Return what tells an array from others of its shape and dtype; long doubles have bytes that mean nothing."""
    return repr(value.tolist()) if value.dtype.char in "gG" else value.tobytes()


def _kind(equation: Equation) -> Any:
    """Return what tells one operation from others: its name, or what it consists of."""
    entries = getattr(equation.primitive, "entries", None)
    if entries is None:
        return shown_name(equation.primitive)
    settings = tuple(equation.primitive.settings())  # type: ignore[attr-defined]
    return equation.primitive.word, repr(settings), *(_canonical(entry.program) for entry in entries)


Pass: TypeAlias = Callable[[Program], Program]
