"""A revision as the SQL that it sends, for people to review: rendered without a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import groupby
from pathlib import Path
from textwrap import dedent

from fairlead.toolkit.environment import run, scripts
from fairlead.toolkit.target import Target


def rendered_files(target: Target, revision: str) -> dict[Path, str]:
    """Return the files that lie beside a revision's module: what is sent up, and what is sent down."""
    folder, name = target.migrations / "versions", Path(scripts(target).get_revision(revision).path).stem
    return {
        folder / f"{name}.up.sql": rendered(target, revision),
        folder / f"{name}.down.sql": rendered(target, revision, forward=False),
    }


def outdated(target: Target) -> dict[Path, str]:
    """Return the files beside revisions that are not what is sent, with what they should be; a revision may have none.

    The newest come first.
    """
    return {
        path: wanted
        for revision in scripts(target).walk_revisions()
        for path, wanted in rendered_files(target, revision.revision).items()
        if path.is_file() and path.read_text(encoding="utf-8") != wanted
    }


def rendered(target: Target, revision: str, *, forward: bool = True) -> str:
    """Return the SQL of one revision, up or down."""
    script = scripts(target)
    after = script.get_revision(revision).down_revision or "base"
    start, end = (after, revision) if forward else (revision, after)
    steps = script._upgrade_revs if forward else script._downgrade_revs  # noqa: SLF001 - as Alembic's commands do
    buffer = StringIO()
    run(
        target,
        None,
        lambda _now, _context: steps(str(end), str(start)),
        as_sql=True,
        starting_rev=str(start),
        output_buffer=buffer,
        dialect_opts={"paramstyle": "named"},  # others double each percent sign
    )
    return "\n".join(_flush(buffer.getvalue().strip().splitlines())) + "\n"


def _flush(lines: Iterable[str]) -> Iterator[str]:
    """Take the margin of Python's source out of statements of several lines."""
    for _, statement in groupby(lines, key=lambda line: bool(line.strip())):
        first, *others = statement
        yield first.rstrip()
        yield from (line.rstrip() for line in dedent("\n".join(others)).splitlines())
