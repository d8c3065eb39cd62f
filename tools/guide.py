"""Guides that run: the Python blocks of a Markdown page, top to bottom, as one program.

    python -m tools.guide docs/guides/data-layer.md

The page runs on a throw-away database, so that it can be run again. A block may use `await` anywhere. What a block
claims it asserts; the first that does not hold ends the run with its line in the page, and exit code 1.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import inspect
import os
import re
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

_FENCE = re.compile(r"^```(\w*)\s*$")


class Block(NamedTuple):
    """One block of a page: the heading it stands under, the line its code starts at, and the code."""

    heading: str
    line: int
    code: str


def blocks(page: Path, *, wanted: str = "python") -> Iterator[Block]:
    """Yield the blocks of a page in one language in order."""
    heading, start = "", 0
    language: str | None = None
    lines: list[str] = []
    for number, text in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(text)
        if language is None and fence:
            language, start, lines = fence[1], number + 1, []
        elif fence and not fence[1]:
            if language == wanted:
                yield Block(heading, start, "\n".join(lines))
            language = None
        elif language is not None:
            lines.append(text)
        elif text.startswith("#"):
            heading = text.lstrip("# ")


async def run(page: Path, *, on_block: Callable[[Block], None] = lambda _block: None) -> dict[str, Any]:
    """Run every block of a page in one namespace and return that; raises what a block raises."""
    namespace: dict[str, Any] = {"__name__": "guide"}
    for block in blocks(page):
        on_block(block)
        result = eval(_compiled(page, block), namespace)  # noqa: S307 - the page is ours, running it is the point
        if inspect.isawaitable(result):
            await result
    return namespace


def _compiled(page: Path, block: Block) -> CodeType:
    """Compile a block so that a traceback names its line in the page."""
    source = "\n" * (block.line - 1) + block.code
    code: CodeType = compile(source, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    return code


def main(arguments: list[str] | None = None) -> int:
    """Run a page on a throw-away embedded database, saying each section."""
    asked = argparse.ArgumentParser(prog="python -m tools.guide", description="Run a guide's Python blocks.")
    asked.add_argument("page", type=Path)
    page = asked.parse_args(arguments).page
    try:
        with _throw_away():
            asyncio.run(run(page, on_block=_say_section()))
    except FileNotFoundError:
        sys.stderr.write(f"There is no page {page}.\n")
        return 2
    except Exception as error:  # noqa: BLE001 - whatever the page raises is its result
        here = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(page)]
        sys.stderr.write(f"{page}:{here[-1].lineno if here else '?'}: {type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write("Every block ran, and what it says held.\n")
    return 0


@contextmanager
def _throw_away() -> Iterator[None]:
    """Let settings mean an embedded database that is removed afterwards."""
    directory = Path(tempfile.gettempdir()) / f"fairlead-guide-{os.getpid()}"
    os.environ["FAIRLEAD_DATA_DIR"] = str(directory)
    os.environ.pop("FAIRLEAD_DATABASE_URL", None)
    try:
        yield
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _say_section() -> Callable[[Block], None]:
    said: list[str] = []

    def say(block: Block) -> None:
        if [block.heading] != said[-1:]:
            said.append(block.heading)
            sys.stdout.write(f"{block.heading}\n")
            sys.stdout.flush()

    return say


if __name__ == "__main__":
    sys.exit(main())
