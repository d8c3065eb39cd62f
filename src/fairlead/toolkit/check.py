"""Whether models, migrations, rendered SQL and a database agree; each disagreement is a finding.

Everything is found out in throw-away databases. Up and down: each revision is applied, noting what the schema then is,
and taken back again, which must give what was noted; then everything is applied once more. A revision that cannot be
taken back says so with `irreversible = "why"` in its module, and the way down ends there.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from fairlead.errors import MigrationFailed, OperatorError
from fairlead.toolkit.catalogue import Catalogue, read_catalogue
from fairlead.toolkit.change import MODELS, Change, changes, telling
from fairlead.toolkit.environment import connected, current, downgrade_one, scripts, upgrade_one
from fairlead.toolkit.history import history
from fairlead.toolkit.plugin.comparator import declared_catalogue, declared_within
from fairlead.toolkit.rendering import outdated
from fairlead.toolkit.shadow import scratch, shadow
from fairlead.toolkit.target import Target, insist_all_compared


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement: of what sort, about what (a table, a revision, a file), and a sentence for people."""

    code: str
    subject: str
    sentence: str


def check(target: Target, server_url: str) -> list[Finding]:
    """Return what is wrong between models, migrations and rendered SQL; `server_url` is where databases are made."""
    insist_all_compared(target)
    found = list(_heads(target))
    if not found:
        with scratch(server_url) as url, connected(url) as connection:
            found += _walk(target, connection, declared_within(connection, target))
        found += _stale_files(target)
    return found


def check_database(target: Target, url: str, *, server_url: str) -> list[Finding]:
    """Return what is wrong with the database at `url`: held against the models, or what is applied when it is behind.

    Raises OperatorError when `server_url` is of another major version, since each writes expressions its own way.
    """
    insist_all_compared(target)
    with connected(url) as connection, connected(server_url) as another:
        _same_version(connection, another)
        with connection.begin():
            applied = current(target, connection)
        found = list(_pending(target, applied))
        catalogue = read_catalogue(connection, target)
    if not found or len(applied) > 1 or any(one.code == "unknown" for one in found):
        declared, wanted = declared_catalogue(target, server_url), MODELS
    else:
        at = applied[0] if applied else "base"
        declared, wanted = _catalogue_at(target, at, server_url), f"the migrations up to {at}"
    drift = _drift(catalogue, declared, code="drift", place="the database", wanted=wanted)
    return [*found, *_changed(target, url), *drift]


def _catalogue_at(target: Target, revision: str, server_url: str) -> Catalogue:
    with shadow(server_url, target, revision=revision) as url, connected(url) as connection:
        return read_catalogue(connection, target)


def _heads(target: Target) -> Iterator[Finding]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the error says it
            heads = scripts(target).get_heads()
    except CommandError as error:
        yield Finding("revisions", "", str(error))
        return
    except KeyError as error:  # that is how Alembic says it
        yield Finding("revisions", "", f"a revision says that it comes after {error}, of which there is no file")
        return
    if len(heads) > 1:
        sentence = f"there are {len(heads)} heads ({', '.join(sorted(heads))}): let one follow the other"
        yield Finding("heads", heads[0], sentence)


def _walk(target: Target, connection: Connection, declared: Catalogue) -> Iterator[Finding]:
    script = scripts(target)
    revisions = list(reversed(list(script.walk_revisions())))
    states = [read_catalogue(connection, target)]
    try:
        for revision in revisions:
            upgrade_one(target, connection, revision, script=script)
            states.append(read_catalogue(connection, target))
    except MigrationFailed as error:
        yield Finding("upgrade", revisions[len(states) - 1].revision, error.message)
        return
    yield from _drift(states[-1], declared, code="models", place="the migrations")
    yield from _down(target, connection, list(zip(revisions, states, strict=False)), script=script)
    yield from _again(target, connection, states[-1], script=script)


def _down(
    target: Target, connection: Connection, before: list[tuple[Script, Catalogue]], *, script: ScriptDirectory
) -> Iterator[Finding]:
    for revision, state in reversed(before):
        if getattr(revision.module, "irreversible", ""):
            return
        try:
            downgrade_one(target, connection, revision, script=script)
        except (MigrationFailed, NotImplementedError) as error:
            yield Finding("downgrade", revision.revision, f"{revision.revision} cannot be taken back: {error}")
            return
        left = read_catalogue(connection, target)
        for found in _drift(left, state, code="downgrade", place="what is left", wanted="the schema before"):
            sentence = f"taking {revision.revision} back does not undo it: {found.sentence}"
            yield Finding(found.code, revision.revision, sentence)


def _again(target: Target, connection: Connection, head: Catalogue, *, script: ScriptDirectory) -> Iterator[Finding]:
    with connection.begin():
        applied = set(current(target, connection))
    missing = _not_under(script, applied)
    try:
        for revision in missing:
            upgrade_one(target, connection, revision, script=script)
    except MigrationFailed as error:
        yield Finding("downgrade", "", f"after the way down the way up fails: {error.message}")
        return
    again = read_catalogue(connection, target)
    yield from _drift(again, head, code="downgrade", place="a second way up", wanted="the first")


def _not_under(script: ScriptDirectory, applied: set[str]) -> list[Script]:
    """Return the revisions that are neither applied nor below one that is, in their order."""
    known = {one.revision for head in applied for one in script.iterate_revisions(head, "base")}
    return [one for one in reversed(list(script.walk_revisions())) if one.revision not in known]


def _drift(found: Catalogue, declared: Catalogue, *, code: str, place: str, wanted: str = MODELS) -> Iterator[Finding]:
    for change in telling(changes(found, declared)):
        if wanted == MODELS or not _checked_meanwhile(change):
            yield Finding(code, change.table or change.name, change.sentence(place, wanted=wanted))


def _checked_meanwhile(change: Change) -> bool:
    """Tell whether a constraint was checked by a revision that was taken back: it is no less true."""
    return change.facts == {"validated": (True, False)}


def _stale_files(target: Target) -> Iterator[Finding]:
    for path in outdated(target):
        sentence = f"{path.name} is not what its revision sends: run 'fairlead db render', or mend the revision"
        yield Finding("rendered", path.name, sentence)


def _pending(target: Target, heads: Iterable[str]) -> Iterator[Finding]:
    files, applied = scripts(target), set(heads)
    known = {one.revision for one in files.walk_revisions()}
    for revision in sorted(applied - known):
        yield Finding("unknown", revision, f"{revision} was applied to the database, but there is no such file")
    if applied <= known:
        for script in _not_under(files, applied):
            sentence = f"{script.revision} is not applied to the database: run 'fairlead db migrate'"
            yield Finding("pending", script.revision, sentence)


def _changed(target: Target, url: str) -> Iterator[Finding]:
    for entry in history(url, target).entries:
        if entry.standing == "changed":
            sentence = f"the file of {entry.revision} changed since it was applied to the database"
            yield Finding("changed", entry.revision, f"{sentence}: 'fairlead db migrate' says what can be done")


def _same_version(connection: Connection, another: Connection) -> None:
    version, other = _major(connection), _major(another)
    if version != other:
        raise OperatorError(
            f"The database is PostgreSQL {version}, the server for throw-away databases {other}, and each "
            "writes expressions its own way: name a server of the same version in FAIRLEAD_SHADOW_URL."
        )


def _major(connection: Connection) -> int:
    number = int(connection.scalar(text("show server_version_num")) or 0)
    connection.rollback()
    return number // 10_000
