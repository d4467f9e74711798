"""The code in README.md and docs/ runs and does what it shows.

The ```python blocks of a document run in order in one namespace, as a reader would type them. A block of prompts
(``>>>``) must print what it shows. A block right after the line ``<!-- raises: SomeError -->`` must raise that error;
one after ``<!-- excerpt: path -->`` is not run, but must stand in that file of the repository. Each block says its
language.
"""

from __future__ import annotations

import doctest
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

FENCE = re.compile(r"^ *```(\w*) *$")
MARK = re.compile(r"^ *<!-- (raises|excerpt): (\S+) -->$")


@dataclass(frozen=True)
class Block:
    """A block of code: the number of its first line in the document, and what is said of it.

    That is the name of the error that it must raise, or the path of the file in which it stands.
    """

    code: str
    line: int
    raises: str | None = None
    excerpt: str | None = None


def blocks(text: str) -> Iterator[Block]:
    """Give the Python blocks of a Markdown text."""
    language, start, marks = None, 0, {}
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        fence = FENCE.match(line)
        if language is not None:  # inside a block
            if fence and not fence[1]:
                if language in ("python", "pycon"):
                    yield Block(textwrap.dedent("\n".join(lines[start : number - 1])) + "\n", start + 1, **marks)
                language, marks = None, {}
        elif fence:
            if not fence[1]:
                raise ValueError(f"the block that begins at line {number} does not say its language")
            language, start = fence[1], number
        elif line.strip():
            mark = MARK.match(line)
            marks = {mark[1]: mark[2]} if mark else {}
    if language is not None:
        raise ValueError(f"the block that begins at line {start} does not end")


def run(block: Block, namespace: dict[str, object], name: str) -> None:
    """Run a block so that a traceback shows the document's own lines, or find it in the source."""
    if block.excerpt is not None:
        assert block.code in (ROOT / block.excerpt).read_text(encoding="utf-8"), f"{name}:{block.line}: no excerpt"
        return
    if block.code.startswith(">>>"):
        _run_prompts(block, namespace, name)
        return
    program = compile("\n" * (block.line - 1) + block.code, name, "exec")
    if block.raises is None:
        exec(program, namespace)
        return
    try:
        exec(program, namespace)
    except Exception as error:
        if block.raises not in {kind.__name__ for kind in type(error).__mro__}:
            error.add_note(f"{name}:{block.line}: this block is to raise {block.raises}")
            raise
    else:
        pytest.fail(f"{name}:{block.line}: this block is to raise {block.raises} and raised nothing", pytrace=False)


def _run_prompts(block: Block, namespace: dict[str, object], name: str) -> None:
    prompts = doctest.DocTestParser().get_doctest(block.code, namespace, name, name, block.line - 1)
    prompts.globs = namespace  # not the copy of it: later blocks go on with what this one defines
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS, verbose=False)
    report: list[str] = []
    if runner.run(prompts, out=report.append, clear_globs=False).failed:
        pytest.fail("".join(report), pytrace=False)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_document(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A module of its own, registered, as dataclasses and pickle look for the classes of a document there.
    module = ModuleType("document")
    monkeypatch.setitem(sys.modules, "document", module)
    monkeypatch.chdir(tmp_path)
    for block in blocks(path.read_text(encoding="utf-8")):
        run(block, vars(module), str(path))


# --- The reader of documents itself -----------------------------------------------------------------------------------

EXAMPLE = """\
Text.

```python
x = 1
```

<!-- raises: ZeroDivisionError -->
```python
x / 0
```

1. In a list:

   ```pycon
   >>> x + 1
   2
   ```

```bash
false
```
"""


def test_blocks_are_found_with_their_lines_and_errors() -> None:
    assert list(blocks(EXAMPLE)) == [
        Block("x = 1\n", 4),
        Block("x / 0\n", 9, raises="ZeroDivisionError"),
        Block(">>> x + 1\n2\n", 15),
    ]


def test_blocks_share_one_namespace() -> None:
    namespace: dict[str, object] = {}
    for block in blocks(EXAMPLE):
        run(block, namespace, "EXAMPLE.md")
    assert namespace["x"] == 1


def test_an_error_is_traced_to_the_line_of_the_document() -> None:
    with pytest.raises(NameError) as caught:
        run(Block("y = 1\nz\n", 40), {}, "EXAMPLE.md")
    assert (caught.traceback[-1].lineno, str(caught.traceback[-1].path)[-10:]) == (40, "EXAMPLE.md")


@pytest.mark.parametrize("code", ["x = 1\n", "1 / 0\n"])
def test_a_block_that_does_not_raise_what_it_is_to_raise_fails(code: str) -> None:
    with pytest.raises((pytest.fail.Exception, ZeroDivisionError)):
        run(Block(code, 1, raises="TypeError"), {}, "EXAMPLE.md")


def test_a_prompt_that_prints_something_else_fails() -> None:
    with pytest.raises(pytest.fail.Exception, match="line 7"):
        run(Block(">>> 1 + 1\n3\n", 7), {}, "EXAMPLE.md")


def test_an_excerpt_must_stand_in_the_source() -> None:
    (excerpt,) = blocks("<!-- excerpt: tests/test_documents.py -->\n```python\nROOT = Path(__file__).parents[1]\n```\n")
    run(excerpt, {}, "EXAMPLE.md")
    with pytest.raises(AssertionError, match=r"EXAMPLE\.md:3"):
        run(Block("ROOT = " + "None\n", 3, excerpt="tests/test_documents.py"), {}, "EXAMPLE.md")


def test_a_block_that_does_not_say_its_language_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2"):
        list(blocks("\n```\nx = 1\n```\n"))


def test_a_block_that_does_not_end_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2"):
        list(blocks("\n```python\nx = 1\n"))
