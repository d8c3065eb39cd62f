"""Generate a revision: from what the migrations build to what the models declare.

The models are compared with a shadow database that stands at the newest revision, so no live database is needed and the
outcome does not depend on one. What only a person can decide is asked or taken from hints (`decisions.py`). What is
found is written as safe DDL (`rewrite.py`) and tried up and down on a shadow; only when that leads to the models
and back is a file written. Where something slow stands on what the same change makes or renames, a second revision
follows. Nothing is ever overwritten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

import psycopg
from alembic.operations import ops
from sqlalchemy import Connection

from fairlead.errors import MigrationFailed, OperatorError
from fairlead.toolkit import cautions
from fairlead.toolkit.catalogue import Catalogue, read_catalogue
from fairlead.toolkit.change import changes
from fairlead.toolkit.circumstances import facts_of, meeting, renamed
from fairlead.toolkit.consent import insist_on_consent
from fairlead.toolkit.conversions import narrowings
from fairlead.toolkit.decisions import Decided, Deciding, Shadow, decided
from fairlead.toolkit.difference import declared_within
from fairlead.toolkit.environment import connected, scripts, upgrade
from fairlead.toolkit.keywords import all_small
from fairlead.toolkit.one_transaction import one_transaction
from fairlead.toolkit.plugin.comparator import url_of
from fairlead.toolkit.rendering import rendered_files
from fairlead.toolkit.revision_file import Draft, one_way, source
from fairlead.toolkit.rewrite import Rewritten, rewrite
from fairlead.toolkit.safe_ddl import Facts
from fairlead.toolkit.sentences import described
from fairlead.toolkit.shadow import scratch
from fairlead.toolkit.target import Target, insist_all_compared
from fairlead.toolkit.trial import refused, try_out
from fairlead.toolkit.triggers import Fired, fired
from fairlead.toolkit.unforeseen import told_as

_ID_LENGTH: Final = 32  # of Alembic's version table
_EMPTY: Final = Rewritten((), ())


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a revision is to be called, and the day it is made."""

    message: str
    today: date


@told_as(MigrationFailed, "The change cannot be generated: {}. Nothing was written; make it by hand (--custom).")
def generate(target: Target, server_url: str, *, wanted: Wanted, deciding: Deciding) -> list[Draft]:
    """Return the revisions that lead to the models, tried and not yet written; none when nothing is to be done.

    Raises DecisionNeeded that says what to pass, OperatorError and MigrationFailed.
    """
    insist_all_compared(target)
    head = _head(target)
    with scratch(server_url) as url, connected(url) as connection:
        declared = declared_within(connection, target)
        upgrade(target, connection)
        with one_transaction(url) as (trying, _):  # renames are carried out on it
            shadow = Shadow(target, trying, declared)
            found = decided(shadow, deciding)
            if not found.renames and not found.operations:
                return []
            narrow = list(narrowings(shadow, found.operations, found.casts))
            insist_on_consent(found.operations, narrow, allowed=found.allowed, ask=deciding.ask_forfeit)
            facts = facts_of(target, found, trying)
        drafts = list(_drafts(target, found, facts, wanted=wanted, head=head))
        drafts, rewritten, firing = _tried(target, connection, declared, drafts=drafts)
    told = (*drafts[0].warnings, *cautions.of_types(narrow, found.casts), *cautions.of_rewrites(rewritten))
    return list(map(_sparing, [replace(drafts[0], warnings=told), *drafts[1:]], firing))


def custom(target: Target, wanted: Wanted) -> list[Draft]:
    """Return an empty revision, for what no model declares."""
    revision = _free_id(target, wanted)
    return [Draft(revision, _head(target), wanted.message, (), _EMPTY, _EMPTY, target.owner)]


def _head(target: Target) -> str | None:
    heads = scripts(target).get_heads()
    if len(heads) > 1:
        raise OperatorError(
            f"There are {len(heads)} newest revisions ({', '.join(sorted(heads))}), because two people added one at a "
            "time. Join them first: alembic merge heads, or set down_revision of one to the other."
        )
    return heads[0] if heads else None


def _free_id(target: Target, wanted: Wanted) -> str:
    """Return the day and the message as an id that no revision has, cut at a word's end."""
    slug = re.sub(r"[^a-z0-9]+", "_", wanted.message.lower()).strip("_") or "revision"
    stem = f"{wanted.today:%Y%m%d}_{slug}"
    if len(stem) > _ID_LENGTH - 2:
        stem = stem[: _ID_LENGTH - 1].rpartition("_")[0]
    taken = {script.revision for script in scripts(target).walk_revisions()}
    taken |= {path.stem for path in (target.migrations / "versions").glob("*.py")}
    return next(name for name in (stem, *(f"{stem}_{n}" for n in range(2, 100))) if name not in taken)


def _drafts(target: Target, found: Decided, facts: Facts, *, wanted: Wanted, head: str | None) -> Iterator[Draft]:
    """Yield the revision, and the one after it when something has to wait for the first to be applied."""
    leaves = found.operations
    unready = replace(meeting(leaves, facts), renamed=frozenset(renamed(target.metadata, found.renames)))
    up = rewrite(leaves, unready)
    first = [leaf for leaf in leaves if leaf not in up.later]
    revision = _free_id(target, wanted)
    renaming = tuple(statement for rename in found.renames for statement in rename.statements())
    undoing = tuple(statement for rename in reversed(found.renames) for statement in rename.undoing())
    down = _down(first, facts)
    yield Draft(
        revision,
        head,
        wanted.message,
        (*map(str, found.renames), *described(leaf for leaf in first if not _goes_along(leaf, unready))),
        _small(replace(up, together=(*renaming, *up.together))),
        _small(replace(down, together=(*down.together, *undoing))),
        target.owner,
        (*cautions.of_renames(found.renames), *cautions.of_losses(first, facts.stand_ins)),
    )
    if up.later:
        yield Draft(
            f"{revision}_2",
            revision,
            f"{wanted.message}, second part",
            tuple(described(up.later)),
            _small(rewrite(up.later, facts)),
            _small(_down(up.later, facts)),
            target.owner,
        )


def _small(part: Rewritten) -> Rewritten:
    return replace(part, alone=all_small(part.alone), together=all_small(part.together))


def _goes_along(leaf: ops.MigrateOperation, facts: Facts) -> bool:
    """Say whether it goes with its table, and is not worth a sentence."""
    table = (getattr(leaf, "schema", None), getattr(leaf, "table_name", None))
    return table in facts.gone and not isinstance(leaf, ops.DropTableOp)


def _down(leaves: Iterable[ops.MigrateOperation], facts: Facts) -> Rewritten:
    back = [leaf.reverse() for leaf in reversed(list(leaves))]
    return rewrite(back, meeting(back, replace(facts, fills={}, casts={}, forward=False)))


def _tried(
    target: Target, connection: Connection, declared: Catalogue, *, drafts: list[Draft]
) -> tuple[list[Draft], list[str], list[list[Fired]]]:
    """Try the drafts on the shadow of the connection; return them, the tables written anew, and what each draft fires.

    A draft whose way back PostgreSQL refuses has none from then on.
    Raises MigrationFailed unless they lead to the models, and their downgrades back.
    """
    before, url = read_catalogue(connection, target), url_of(connection)
    firing, rewritten = list[list[Fired]](), list[str]()
    for draft in drafts:
        with psycopg.connect(url, autocommit=True) as driver:
            firing.append(fired(draft.up.alone, driver))
        rewritten += try_out(target, url, [draft.up])
    _insist(read_catalogue(connection, target), declared, "The models are not reached")
    return _with_ways_back(target, connection, before, drafts=drafts), rewritten, firing


def _with_ways_back(target: Target, connection: Connection, before: Catalogue, *, drafts: list[Draft]) -> list[Draft]:
    """Try the ways back, the last first; where PostgreSQL refuses one there is none from there on."""
    for number in reversed(range(len(drafts))):
        if why := refused(target, url_of(connection), drafts[number].down):
            caution = cautions.of_one_way(why)
            return [
                *(replace(one_way(draft, why), warnings=(*draft.warnings, caution)) for draft in drafts[: number + 1]),
                *drafts[number + 1 :],
            ]
    _insist(read_catalogue(connection, target), before, "The downgrade does not lead back")
    return drafts


def _sparing(draft: Draft, firing: list[Fired]) -> Draft:
    """Return the draft with a setting by which triggers can tell that rows are only filled, and a word about them."""
    if not firing:
        return draft
    alone = ("set fairlead.backfill = 'on'", *draft.up.alone, "reset fairlead.backfill")
    return replace(draft, up=replace(draft.up, alone=alone), warnings=(*draft.warnings, *cautions.of_triggers(firing)))


def _insist(found: Catalogue, wanted: Catalogue, otherwise: str) -> None:
    if left := changes(found, wanted):
        raise MigrationFailed(
            f"{otherwise}, so nothing was written. Write this part by hand in a revision of its own (--custom).",
            details={change.thing.title: change.sentence("the revision's outcome") for change in left},
        )


def write(target: Target, drafts: Iterable[Draft]) -> list[Path]:
    """Write each draft as a module with its SQL beside it; return the files.

    Raises OperatorError rather than overwrite one.
    """
    written: list[Path] = []
    for draft in drafts:
        module = target.migrations / "versions" / f"{draft.revision}.py"
        _write(module, source(draft))
        files = rendered_files(target, draft.revision)
        for path, text_of_it in files.items():
            _write(path, text_of_it)
        written += [module, *files]
    return written


def _write(path: Path, content: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError:
        raise OperatorError(f"{path} is there already, and is not overwritten: choose another message.") from None
