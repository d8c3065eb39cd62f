"""Row types: for every table what one of its rows is and what a new one may be given, written from the models.

    python -m tools.row_types             write src/fairlead/rows, one file a table
    python -m tools.row_types --check     change nothing; name the files that are out of date, and exit 1 when there are

The models alone decide: types are those of their annotations, columns marked `HIDDEN` are in no row type. A new row is
not asked for what the database makes (computed and identity columns), nor for the organization where the scope says
it; whatever is nullable or has a default, and `id`, may be left out. What is written here is formatted already.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NotRequired, Union, cast, get_args, get_origin, get_type_hints

from sqlalchemy import Column, Table

from fairlead.schema import Base

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("src", "fairlead", "rows")

_FILE = '''\
"""Generated from schema/{module}.py by `make golden`; do not edit.

{what}
"""

{imports}


@dataclass(frozen=True, slots=True)
class {name}:
    """{sentence}"""

{row_fields}


class New{name}(TypedDict):
    """What may be given for a new row of `{table}`."""

{new_fields}
'''
_INIT = '''\
"""Generated from schema/ by `make golden`; do not edit.

What every table's rows are, and what may be given for new ones: plain frozen values that mypy knows field by field.
"""

{imports}

__all__ = [
{names}
]
'''


def expected_files() -> dict[Path, str]:
    """Return the text of every file of the package, by its path inside the checkout."""
    models = sorted((mapper.class_ for mapper in Base.registry.mappers), key=_module)
    files = {PACKAGE / f"{_module(model)}.py": table_text(model) for model in models}
    return {**files, PACKAGE / "__init__.py": _package_text(models)}


def present_files(root: Path = ROOT) -> dict[Path, str]:
    """Return the text of every file there is, by its path inside the checkout."""
    return {path.relative_to(root): path.read_text(encoding="utf-8") for path in sorted((root / PACKAGE).glob("*.py"))}


def out_of_date(root: Path = ROOT) -> list[Path]:
    """Return the files that differ, are missing or should not be there."""
    present, expected = present_files(root), expected_files()
    return [path for path in sorted(present.keys() | expected.keys()) if present.get(path) != expected.get(path)]


def write(root: Path = ROOT) -> None:
    """Make the files what they should be, and remove those that have no table any more."""
    expected = expected_files()
    for path in present_files(root).keys() - expected.keys():
        (root / path).unlink()
    (root / PACKAGE).mkdir(parents=True, exist_ok=True)
    for path, text in expected.items():
        (root / path).write_text(text, encoding="utf-8")


def table_text(model: type[Base]) -> str:
    """Return the file of one table."""
    row, new = _row_fields(model), _new_fields(model)
    name, table = model.__name__, model.__tablename__
    what = f"`{name}` is one row of `{table}` as it is read, `New{name}` what may be given to make one."
    return _FILE.format(
        module=_module(model),
        name=name,
        table=table,
        what=textwrap.fill(what, 120),
        sentence=inspect.cleandoc(model.__doc__ or "").partition("\n")[0],
        imports=_imports({*row.values(), *new.values()}),
        row_fields=_lines(row),
        new_fields=_lines(new),
    )


def main() -> int:
    """Run as a program."""
    parser = argparse.ArgumentParser(prog="python -m tools.row_types", description="Write or check the row types.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a file is out of date")
    if not parser.parse_args().check:
        write()
        return 0
    if paths := out_of_date():
        sys.stdout.writelines(f"{path}\n" for path in paths)
        sys.stdout.write("\nThese row types are out of date: run 'make golden' and review the change.\n")
        return 1
    return 0


def _package_text(models: list[type[Base]]) -> str:
    names = sorted(name for model in models for name in (model.__name__, f"New{model.__name__}"))
    return _INIT.format(
        imports="\n".join(
            f"from fairlead.rows.{_module(model)} import {', '.join(sorted([model.__name__, f'New{model.__name__}']))}"
            for model in models
        ),
        names="\n".join(f'    "{name}",' for name in names),
    )


def _module(model: type[Base]) -> str:
    return model.__module__.rpartition(".")[2]


def _row_fields(model: type[Base]) -> dict[str, Any]:
    types = _types(model)
    return {column.name: types[column.name] for column in _columns(model) if not column.info.get("hidden")}


def _new_fields(model: type[Base]) -> dict[str, Any]:
    types, scoped = _types(model), {model.row_security.column} - {"id"}
    return {
        column.name: NotRequired[types[column.name]] if _may_be_left_out(column) else types[column.name]
        for column in _columns(model)
        if column.computed is None and column.identity is None and column.name not in scoped
    }


def _may_be_left_out(column: Column[Any]) -> bool:
    has_default = column.default is not None or column.server_default is not None
    return column.name == "id" or bool(column.nullable) or has_default


def _columns(model: type[Base]) -> Iterable[Column[Any]]:
    return cast("Table", model.__table__).columns


def _types(model: type[Base]) -> dict[str, Any]:
    """Return what each attribute holds: `Mapped[str | None]` holds `str | None`.

    Relations name models that their file imports for mypy only.
    """
    models = {mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers}
    hints = get_type_hints(model, localns=models)
    return {name: get_args(hint)[0] for name, hint in hints.items() if get_args(hint)}


def _lines(fields: dict[str, Any]) -> str:
    return "\n".join(f"    {name}: {_spelling(annotation)}" for name, annotation in fields.items())


def _spelling(annotation: Any) -> str:
    """Return an annotation as it is written in source."""
    origin, arguments = get_origin(annotation), [_spelling(argument) for argument in get_args(annotation)]
    if origin in {Union, UnionType}:
        return " | ".join(arguments)
    if origin is not None:
        return f"{_name(origin)}[{', '.join(arguments)}]"
    return _name(annotation)


def _name(plain: Any) -> str:
    return "None" if plain is NoneType else str(plain.__name__)


def _imports(annotations: Iterable[Any]) -> str:
    wanted = {("dataclasses", "dataclass"), ("typing", "TypedDict")}
    wanted |= {name for annotation in annotations for name in _imported(annotation)}
    modules = sorted({module for module, _ in wanted})
    own = [module for module in modules if module.startswith("fairlead.")]
    foreign = [module for module in modules if module not in own]
    return "\n\n".join(_import_lines(block, wanted) for block in (foreign, own) if block)


def _import_lines(modules: list[str], wanted: set[tuple[str, str]]) -> str:
    names = {module: sorted(name for owner, name in wanted if owner == module) for module in modules}
    return "\n".join(f"from {module} import {', '.join(names[module])}" for module in modules)


def _imported(annotation: Any) -> Iterator[tuple[str, str]]:
    """Yield module and name of everything in an annotation that a file has to import."""
    origin = get_origin(annotation)
    for argument in get_args(annotation):
        yield from _imported(argument)
    plain = annotation if origin is None else origin
    if plain not in {Union, UnionType, NoneType} and plain.__module__ != "builtins":
        yield plain.__module__, _name(plain)


if __name__ == "__main__":
    sys.exit(main())
