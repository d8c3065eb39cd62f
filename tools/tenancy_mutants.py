"""Does the tenancy suite notice? Each guard between two organizations is taken away, one at a time.

    python -m tools.tenancy_mutants              every mutant, two at a time; exit 1 when one survives
    python -m tools.tenancy_mutants --list       only say what would be taken away
    python -m tools.tenancy_mutants --only TEXT…  only the mutants whose name holds one of the texts

A guard is a policy of row-level security (what may be read, what may be written), a composite foreign key, or a filter
of the application's own: a condition in a statement, a scope given to `within` or `visible`. The package is copied,
the guard removed in the copy, and the tenancy tests run against it; a mutant whose run fails was noticed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ForeignKeyConstraint

from fairlead.schema import Base, metadata
from fairlead.schema.queue_items import FINISHED_LEAF, LIVE_LEAF

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "fairlead"
LAYERS = ("db/rows.py", "db/upsert.py", "db/turn.py", "queries/*.py", "services/*.py", "engine/*.py")
VERSIONS = Path("db/migrations/versions")
REVISION = "99991231_mutant"

# What is taken out of the source, and what stands there instead. `_EVERYBODY` is a scope that crosses organizations.
_FILTERS = {
    "condition": (re.compile(r"(?:[a-z]\.)?organization_id = :organization_id"), r"(\g<0> or true)"),
    "own row": (re.compile(r"(?<= where )id = :organization_id"), r"(\g<0> or true)"),
    "left out": (re.compile(r'scope\.organization_id in \{"", [\w.]+\}'), "True"),
    "scope": (re.compile(r"(?<=\bwithin\()(?:scope|target\.scope|self\.scope)(?=,)"), "_EVERYBODY"),
    "view": (re.compile(r"(?<=\bvisible\()scope(?=,)"), "_EVERYBODY"),
    "owner": (re.compile(r"return \{\*\*given, column: scope\.organization_id\}"), "return given"),
}
SUITE = ("tests/tenancy/test_rows.py", "tests/db/test_rows.py", "tests/tenancy")  # the quick ones first
_REVISION = '''"""A mutant: one guard less."""

from alembic import op

revision = "{revision}"
down_revision = "{after}"
branch_labels = None
depends_on = None


def upgrade():
    op.execute("{statement}")


def downgrade():
    pass
'''
_EVERYBODY = "\nfrom fairlead.db.tenancy import system as _system\n\n_EVERYBODY = _system('a mutant')\n"


@dataclass(frozen=True)
class Mutant:
    """One guard less: a file below the package, and its text without the guard."""

    name: str
    path: Path
    text: str


def mutants() -> Iterator[Mutant]:
    """Yield every mutant: policies, composite keys, filters."""
    yield from _of_schema()
    for pattern in LAYERS:
        for path in sorted(PACKAGE.glob(pattern)):
            yield from _of_source(path.relative_to(PACKAGE), path.read_text(encoding="utf-8"))


def _of_schema() -> Iterator[Mutant]:
    for name, statement in _schema_changes():
        yield _migration(name, statement)


def _migration(name: str, statement: str) -> Mutant:
    """Return the mutant of one more migration."""
    return Mutant(
        name,
        VERSIONS / f"{REVISION}.py",
        _REVISION.format(revision=REVISION, after=_newest_revision(), statement=statement),
    )


def _newest_revision() -> str:
    texts = [path.read_text(encoding="utf-8") for path in (PACKAGE / VERSIONS).glob("*.py")]
    [newest] = {found[1] for text in texts if (found := re.search(r'^revision = "(.+)"$', text, re.MULTILINE))} - {
        found[1] for text in texts if (found := re.search(r'^down_revision = "(.+)"$', text, re.MULTILINE))
    }
    return newest


def _schema_changes() -> Iterator[tuple[str, str]]:
    owned = [mapper.class_ for mapper in Base.registry.mappers if mapper.class_.row_security.column is not None]
    for table in [*sorted(model.__tablename__ for model in owned), LIVE_LEAF, FINISHED_LEAF]:
        yield f"policy {table} reading", f"alter policy {table}_tenant on {table} using (true)"
        yield f"policy {table} writing", f"alter policy {table}_tenant on {table} with check (true)"
    for name, table_ in sorted(metadata.tables.items()):
        for key in sorted(table_.foreign_key_constraints, key=lambda key: str(key.name)):
            if len(key.column_keys) > 1:
                yield f"key {key.name}", _without(name, key)


def _without(table: str, key: ForeignKeyConstraint) -> str:
    return f"alter table {table} drop constraint {key.name}"


def _of_source(path: Path, text: str) -> Iterator[Mutant]:
    for kind, (pattern, instead) in _FILTERS.items():
        for number, found in enumerate(pattern.finditer(text), start=1):
            changed = text[: found.start()] + found.expand(instead) + text[found.end() :]
            if "_EVERYBODY" in instead:
                changed = _with_everybody(changed)
            line = text.count("\n", 0, found.start()) + 1
            yield Mutant(f"{kind} {path}:{line} ({number})", path, changed)


def _with_everybody(text: str) -> str:
    last_import = max(
        found.end() for found in re.finditer(r"^(?:from|import) [^(\n]*(?:\([^)]*\))?$", text, re.MULTILINE)
    )
    return text[:last_import] + _EVERYBODY + text[last_import:]


def noticed(mutant: Mutant) -> bool:
    """Run the tenancy suite against a copy of the package with the mutant's text in it."""
    with tempfile.TemporaryDirectory(prefix="fairlead-mutant-") as folder:
        copy = Path(folder, "fairlead")
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / mutant.path).write_text(mutant.text, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-o", f"cache_dir={folder}/cache", *SUITE]
        environment = {**os.environ, "PYTHONPATH": folder, "FAIRLEAD_MUTANT": "1"}
        run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if run.returncode not in {0, 1}:
        raise RuntimeError(f"{mutant.name}: the suite could not be run\n{run.stdout[-3000:]}{run.stderr[-1000:]}")
    return run.returncode == 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every mutant and say of each whether it was noticed."""
    asked = argparse.ArgumentParser(prog="python -m tools.tenancy_mutants")
    asked.add_argument("--list", action="store_true")
    asked.add_argument("--only", nargs="+", default=[""])
    options = asked.parse_args(arguments)
    chosen = [mutant for mutant in mutants() if any(part in mutant.name for part in options.only)]
    if options.list:
        _say("\n".join(mutant.name for mutant in chosen))
        return 0
    if noticed(_migration("nothing", "select 1")):
        _say("The tenancy suite fails as it is; make it pass first.")
        return 1
    with ThreadPoolExecutor(2) as pool:
        verdicts = []
        for mutant, was_noticed in zip(chosen, pool.map(noticed, chosen), strict=True):
            verdicts.append(was_noticed)
            _say(f"{'noticed ' if was_noticed else 'SURVIVED'} {mutant.name}")
    _say(f"{sum(verdicts)} of {len(verdicts)} mutants noticed")
    return 0 if all(verdicts) else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
