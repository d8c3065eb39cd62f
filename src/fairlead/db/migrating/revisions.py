"""Revisions as files: where they lie, in which order they come, and what each file says.

An application's `env.py` is not run: it belongs to Alembic's own command and opens a connection of its own choosing.
"""

from __future__ import annotations

import glob
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from alembic.config import Config
from alembic.runtime.migration import RevisionStep
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError

from fairlead.errors import MigrationsInvalid

HEAD: Final = "head"
DEFAULT_SCHEMA: Final = "public"  # of what names none, wherever the search_path of a login leads
_STEPS_BACK: Final = re.compile(r"-\d+")
_BRANCHED: Final = (
    "The migrations have more than one head: {}. Let one of them come after the other (its down_revision, as long as "
    "it is applied nowhere), or merge them with 'alembic merge'; '--to heads' applies all of them"
)


@dataclass(frozen=True, slots=True)
class Migrations:
    """Where revisions lie, and what they keep in the database."""

    folder: Path  # holds versions/
    version_table: str = "alembic_version"
    version_schema: str | None = None  # None: the default one
    lock: int | None = None  # the advisory lock of a run; None: a number drawn from the version table's name
    denied: str = "The login may not do what a migration needs: {problem}."  # what is told then

    @property
    def lock_key(self) -> int:
        """The first of the two advisory locks of a run."""
        if self.lock is not None:
            return self.lock
        schema, table = self.place
        name = f"fairlead db migrate {'' if schema == DEFAULT_SCHEMA else schema}.{table}"
        return int.from_bytes(sha256(name.encode()).digest()[:8], "big") >> 2

    @property
    def work_key(self) -> int:
        """The second, which the connection that does the work holds."""
        return self.lock_key ^ 1

    @property
    def place(self) -> tuple[str, str]:
        """The schema and the name of the version table."""
        return self.version_schema or DEFAULT_SCHEMA, self.version_table

    @property
    def options(self) -> dict[str, Any]:
        """What a MigrationContext must know."""
        schema, table = self.place
        return {
            "version_table": table,
            "version_table_schema": schema,
            "transaction_per_migration": True,
        }

    @property
    def config(self) -> Config:
        """Alembic's configuration."""
        config = Config()
        config.set_main_option("script_location", str(self.folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        return config


def read(migrations: Migrations) -> ScriptDirectory:
    """Return the revisions as Alembic reads them; raises MigrationsInvalid for files that do not make a chain."""
    with sensible(), warnings.catch_warnings():
        warnings.filterwarnings("error", message="Revision .* is not present")  # before Alembic stumbles over it
        script = ScriptDirectory.from_config(migrations.config)
        list(script.walk_revisions())
    return script


def in_order(script: ScriptDirectory) -> list[Script]:
    """Return every revision, oldest first."""
    return list(reversed(list(script.walk_revisions())))


def up(script: ScriptDirectory, now: tuple[str, ...], to: str) -> list[RevisionStep]:
    """Return the steps from where a database stands up to `to`: a revision, the start of one's name, +1, `head`."""
    with sensible():
        if to == HEAD and len(script.get_heads()) > 1:
            raise CommandError(_BRANCHED.format(", ".join(sorted(script.get_heads()))))
        return script._upgrade_revs(to, now)  # type: ignore[arg-type]  # noqa: SLF001 - Alembic's own commands use it


def down(script: ScriptDirectory, now: tuple[str, ...], to: str) -> list[RevisionStep]:
    """Return the steps from where a database stands back to `to`: a revision, the start of one's name, -1, `base`."""
    with sensible():
        return script._downgrade_revs(to, now)  # type: ignore[arg-type]  # noqa: SLF001 - same


class HalfWay(RevisionStep):
    """The way back of a revision that was broken off in its middle, at which no database stands yet."""

    def __init__(self, script: ScriptDirectory, revision: Script) -> None:
        super().__init__(script.revision_map, revision, is_upgrade=False)


def back_from_half_way(script: ScriptDirectory, now: tuple[str, ...], to: str, *, begun: str) -> list[RevisionStep]:
    """Return the same where the revision `begun` was broken off: it is the first that is taken back."""
    half = HalfWay(script, named(script, begun))
    if to == "-1" or to in now:
        return [half]
    return [half, *down(script, now, f"-{int(to[1:]) - 1}" if _STEPS_BACK.fullmatch(to) else to)]


def fingerprint(migrations: Migrations, revision: Script) -> str:
    """Return the hash of what a revision is made of.

    How lines end does not count, since version control may change it.
    """
    parts = [_digest(path) for path in files_of(migrations, revision)]
    return parts[0] if len(parts) == 1 else sha256("".join(parts).encode()).hexdigest()


def files_of(migrations: Migrations, revision: Script) -> list[Path]:
    """Return what a revision is made of: its file first, then the files in `sql/` that are named after it."""
    scripts = (migrations.folder / "sql").glob(f"{glob.escape(revision.revision)}.*")
    return [Path(revision.path), *sorted(scripts)]


def named(script: ScriptDirectory, name: str) -> Script:
    """Return a revision by its name, the start of it, or `head`; raises MigrationsInvalid when there is none."""
    with sensible():
        found = script.get_revision(name)
        if found is None:
            raise CommandError(f"There is no revision {name!r}")
    return found


def _digest(path: Path) -> str:
    return sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


@contextmanager
def sensible() -> Iterator[None]:
    """Turn what Alembic says of files and names, and what a file itself raises, into an error of ours."""
    try:
        yield
    except CommandError as error:
        raise MigrationsInvalid(f"{str(error).rstrip('.')}.") from error
    except UserWarning as error:
        raise MigrationsInvalid(f"{error}. Put its file back from version control.") from error
    except Exception as error:
        raise MigrationsInvalid(f"The migrations cannot be read: {type(error).__name__}: {error}") from error
