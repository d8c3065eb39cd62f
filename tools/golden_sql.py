"""Golden files: the SQL of every hot-path statement as the driver gets it, to be read in review as SQL.

    python -m tools.golden_sql            write tests/<package>/sql/<module>.sql for the engine and the queries
    python -m tools.golden_sql --check    change nothing; print a diff and exit 1 when a file is not what it must be

A file holds every `Statement` constant that its module makes, in the order of the source, each below a comment line
with its full name. What a module only imports belongs to the file of the module that makes it.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from fairlead.db.statement import Statement

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("engine", "queries")


def expected_files() -> dict[Path, str]:
    """Return the text of every golden file, by its path inside the checkout."""
    return {
        Path("tests", package, "sql", f"{module.__name__.rpartition('.')[2]}.sql"): text
        for package in PACKAGES
        for module in _modules(package)
        if (text := _file_text(module))
    }


def present_files(root: Path = ROOT) -> dict[Path, str]:
    """Return the text of every golden file there is, by its path inside the checkout."""
    return {
        path.relative_to(root): path.read_text(encoding="utf-8")
        for package in PACKAGES
        for path in sorted((root / "tests" / package / "sql").glob("*.sql"))
    }


def differences(root: Path = ROOT) -> list[str]:
    """Return a unified diff, line by line, from the files there are to the files there should be."""
    present, expected = present_files(root), expected_files()
    return [
        line
        for path in sorted(present.keys() | expected.keys())
        for line in difflib.unified_diff(
            present.get(path, "").splitlines(keepends=True),
            expected.get(path, "").splitlines(keepends=True),
            fromfile=str(path) if path in present else "/dev/null",
            tofile=str(path) if path in expected else "/dev/null",
        )
    ]


def write(root: Path = ROOT) -> None:
    """Make the files what they should be, and remove those that have no statement any more."""
    expected = expected_files()
    for path in present_files(root).keys() - expected.keys():
        (root / path).unlink()
    for path, text in expected.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def main() -> int:
    """Run as a program."""
    parser = argparse.ArgumentParser(prog="python -m tools.golden_sql", description="Write or check the golden SQL.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a file is out of date")
    if not parser.parse_args().check:
        write()
        return 0
    if lines := differences():
        sys.stdout.writelines(lines)
        sys.stdout.write("\nThe golden SQL is out of date: run 'make golden' and review the change.\n")
        return 1
    return 0


def _modules(package: str) -> Iterator[ModuleType]:
    parent = importlib.import_module(f"fairlead.{package}")
    for found in sorted(pkgutil.iter_modules(parent.__path__, f"{parent.__name__}."), key=lambda module: module.name):
        yield importlib.import_module(found.name)


def _file_text(module: ModuleType) -> str:
    return "\n".join(
        f"-- {module.__name__}.{name}\n{statement.driver_text.decode()}" for name, statement in _statements(module)
    )


def _statements(module: ModuleType) -> Iterator[tuple[str, Statement]]:
    for name in _assigned_names(module):
        value = getattr(module, name, None)
        if isinstance(value, Statement):
            yield name, value


def _assigned_names(module: ModuleType) -> Iterator[str]:
    for node in ast.parse(inspect.getsource(module)).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


if __name__ == "__main__":
    sys.exit(main())
