"""`fairlead db stamp`: say what a database stands at, without running anything."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from fairlead.cli.db.place import TargetName, place, workshop
from fairlead.cli.db.telling import teller
from fairlead.cli.output import AsJson, messages, show_json
from fairlead.cli.running import command, interruptible
from fairlead.db.migrating import mark
from fairlead.errors import SchemaDrifted
from fairlead.toolkit.adoption import unlike
from fairlead.toolkit.runner import migrations_of

_SHOWN: Final = 10


@command
def stamp(
    revision: Annotated[str, typer.Argument(metavar="REVISION", help="A revision, 'head', or 'base' for none.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Also when the schema does not look like that.")] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Only note this applied revision's file as it is now, where it changed.")
    ] = False,
    target: TargetName = "",
    as_json: AsJson = False,
) -> None:
    """Adopt a database that exists: note that it stands at a revision, and run nothing.

    The database is compared with a throw-away one that the migrations bring to that revision; exit code 4 when they
    are not alike.
    """
    interruptible()
    with place(target) as here, workshop() as server_url:
        migrations = migrations_of(here.target)
        if accept:
            mark.accept(here.url, migrations, revision=revision, tell=teller())
            heads: tuple[str, ...] = (revision,)
        else:
            if not force:
                _insist(unlike(here.url, here.target, server_url=server_url, revision=revision), revision)
            heads = mark.stamp(here.url, migrations, revision=revision, tell=teller())
    if as_json:
        show_json({"accepted" if accept else "heads": list(heads)})
    elif accept:
        messages.print(f"The file of {revision} is noted as it is now.")
    else:
        messages.print(f"The database stands at {', '.join(heads) or 'the start'}.")


def _insist(different: list[str], revision: str) -> None:
    if different:
        more = f" (and {len(different) - _SHOWN} more)" if len(different) > _SHOWN else ""
        raise SchemaDrifted(
            f"The database does not look like one at {revision}; nothing was changed. {'; '.join(different[:_SHOWN])}"
            f"{more}. Name the revision it stands at, mend it, or say --force."
        )
