"""The tree as the rules see it: every Python file, read and parsed once."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).resolve().parents[2]
DOORS = ("api", "cli", "console", "studio")

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file: where it is, below the checkout, what it says, and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def layer(self) -> str:
        """The first name below the package: a folder, or for a file right in it its own name."""
        return self.path.removeprefix("src/fairlead/").removesuffix(".py").split("/")[0]

    def at(self, node: ast.stmt | ast.expr) -> str:
        """Return where a node is, for people and editors."""
        return f"{self.path}:{node.lineno}"


@cache
def product() -> tuple[Source, ...]:
    """Every module of the package."""
    return tuple(_read("src/fairlead"))


@cache
def suite() -> tuple[Source, ...]:
    """Every module of the tests."""
    return tuple(_read("tests"))


def layers(*names: str) -> list[Source]:
    """Return the modules of the package in these layers."""
    return [source for source in product() if source.layer in names]


def imports(source: Source) -> Iterator[tuple[str, ast.stmt]]:
    """Yield every module that a file imports, at its top or inside a function, as a dotted name."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            # `from fairlead import settings` imports fairlead.settings.
            yield from ((f"{node.module}.{alias.name}", node) for alias in node.names)


def importing(sources: Iterable[Source], *modules: str) -> list[str]:
    """Return the places in `sources` that import one of `modules` or something in it."""
    wanted = tuple(f"{module}." for module in modules)
    return [source.at(node) for source in sources for name, node in imports(source) if f"{name}.".startswith(wanted)]


def calls(source: Source) -> Iterator[ast.Call]:
    """Yield every call in a file."""
    return (node for node in ast.walk(source.tree) if isinstance(node, ast.Call))


def functions(source: Source) -> Iterator[Function]:
    """Yield every function of a file, methods and inner ones included."""
    return (node for node in ast.walk(source.tree) if isinstance(node, Function))


def public_functions(source: Source) -> Iterator[Function]:
    """Yield the functions that other modules may call."""
    return (node for node in source.tree.body if isinstance(node, Function) and not node.name.startswith("_"))


def classes(source: Source) -> Iterator[ast.ClassDef]:
    """Yield every class of a file."""
    return (node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef))


def strings(source: Source) -> Iterator[ast.Constant]:
    """Yield every string of a file but its docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {id(_first_value(node)) for node in ast.walk(source.tree) if isinstance(node, documented)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


def insist(broken: Iterable[str], sentence: str) -> None:
    """Fail with what to do and the places that break the rule, when there are any."""
    places = sorted(set(broken))
    assert not places, "\n  ".join([sentence, *places])


def _first_value(node: ast.Module | ast.ClassDef | Function) -> ast.expr | None:
    return node.body[0].value if node.body and isinstance(node.body[0], ast.Expr) else None


def _read(folder: str) -> Iterator[Source]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield Source(path.relative_to(ROOT).as_posix(), text, ast.parse(text))
