"""Programs as graphs and tables."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

PROGRAM = ft.jit(ft.value_and_grad(lambda w, x: np.sum(np.where(x < 0, 0.5, w * x)))).program(2.0, np.arange(3.0))


def test_the_graph_has_a_node_for_each_input_equation_and_output_and_an_edge_for_each_use() -> None:
    text = PROGRAM.as_dot()
    nodes = re.findall(r'^    "([^"]+)" \[label="(.*)", ', text, re.MULTILINE)
    edges = re.findall(r'^    "([^"]+)" -> "([^"]+)"', text, re.MULTILINE)
    assert len(nodes) == len(PROGRAM.inputs) + len(PROGRAM.constants) + len(PROGRAM) + len(PROGRAM.outputs)
    names = {name for name, _ in nodes}
    assert {end for edge in edges for end in edge} == names
    uses = sum(hasattr(a, "shape") for e in PROGRAM.equations for a in e.operands) + len(PROGRAM.outputs)
    assert len(edges) == uses
    assert text.startswith('digraph "f" {')
    assert text.endswith("}\n")


def test_inputs_are_labelled_with_the_functions_names_and_types() -> None:
    assert r'[label="w\nfloat"' in PROGRAM.as_dot()
    assert r'[label="x\nfloat64[3]"' in PROGRAM.as_dot()


def test_quotes_are_escaped() -> None:
    def f(x: Any) -> Any:
        ft.debug.print('say "{}"\\', x)
        return x * 2.0

    label = r"""format='say \"{}\"\\\\'"""
    assert label in ft.make_program(f)(1.0).as_dot()


def test_svg_is_drawn_by_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    class Source:
        def __init__(self, text: str) -> None:
            self.text = text

        def pipe(self, format: str, encoding: str) -> str:
            assert (format, encoding) == ("svg", "utf-8")
            return f"<svg>{len(self.text)}</svg>"

    graphviz: Any = ModuleType("graphviz")
    graphviz.Source, graphviz.ExecutableNotFound = Source, RuntimeError
    monkeypatch.setitem(sys.modules, "graphviz", graphviz)
    assert PROGRAM.as_svg() == f"<svg>{len(PROGRAM.as_dot())}</svg>"

    def missing(self: Any, format: str, encoding: str) -> str:
        raise RuntimeError("no dot")

    monkeypatch.setattr(Source, "pipe", missing)
    with pytest.raises(ImportError, match="not the program dot"):
        PROGRAM.as_svg()


def test_without_graphviz_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError, match=r"pip install graphviz.*as_dot\(\)"):
        PROGRAM.as_svg()


def test_notebooks_show_a_table_with_a_row_for_each_equation() -> None:
    opened: list[str] = []
    text: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            opened.append(tag)

        def handle_data(self, data: str) -> None:
            text.append(data)

    html = PROGRAM._repr_html_()
    Reader().feed(html)
    assert opened.count("tr") == 1 + len(PROGRAM.constants) + len(PROGRAM)
    assert opened.count("table") == html.count("</table>") == 1
    assert any("test_picture.py" in cell for cell in text)  # the user's line
    assert "<module>" not in html  # escaped
