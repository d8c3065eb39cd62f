"""The text of a revision: a module that Alembic runs, whose statements are SQL that a person can review.

The same plan always gives the same text. It imports nothing but Alembic, so that it runs for ever, whatever becomes of
the models and of this toolkit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from textwrap import wrap
from typing import Final

from fairlead.db.migrating.wording import QUOTED
from fairlead.toolkit.naming import NAME, PATH, literal, quoted
from fairlead.toolkit.rewrite import Rewritten

_WIDTH: Final = 100
_LOCK_TIMEOUT: Final = "3s"


@dataclass(frozen=True, slots=True)
class Draft:
    """A revision that is not written yet. `sentences` say what it does, `owner` is the role that it works as."""

    revision: str
    after: str | None
    message: str
    sentences: tuple[str, ...]
    up: Rewritten
    down: Rewritten
    owner: str | None = None
    warnings: tuple[str, ...] = ()  # what has to be known before it is applied
    irreversible: str = ""  # why there is no way back


def one_way(draft: Draft, why: str) -> Draft:
    """Return the draft without its way back, which says why instead."""
    refusing = f"do $refuse$ begin raise exception using message = {literal(why)}; end $refuse$"
    return replace(draft, down=Rewritten((), (refusing,)), irreversible=why)


def source(draft: Draft) -> str:
    """Return the module's text."""
    return _MODULE.format(
        message=draft.message.strip().rstrip(".").replace("\\", "\\\\").replace('"""', "'''"),
        what="".join(f"- {_wrapped(sentence, '  ')}\n" for sentence in draft.sentences) or _NOTHING_YET,
        warnings="".join(f"\n{_wrapped(warning)}\n" for warning in draft.warnings),
        revision=draft.revision,
        after=draft.after or "nothing",
        revision_text=_text(draft.revision),
        after_text="None" if draft.after is None else _text(draft.after),
        irreversible=f"irreversible = {_text(draft.irreversible)}\n" if draft.irreversible else "",
        upgrade="\n".join(_body(draft.up, draft.owner)),
        downgrade="\n".join(_body(draft.down, draft.owner)),
        upgrade_doc=_doc(draft.up),
        downgrade_doc=f"Undo it. {_doc(draft.down)}" if draft.down.alone else "Undo the upgrade",
    )


_NOTHING_YET: Final = "Say what changes and why it is safe while the code of the release before is running.\n"
_MODULE: Final = '''"""{message}.

{what}{warnings}
Revision: {revision}, after {after}
"""

from __future__ import annotations

from alembic import op

revision = {revision_text}
down_revision = {after_text}
branch_labels = None
depends_on = None
{irreversible}

def upgrade() -> None:
    """{upgrade_doc}."""
{upgrade}


def downgrade() -> None:
    """{downgrade_doc}."""
{downgrade}
'''


def _doc(part: Rewritten) -> str:
    if not part.alone:
        return "One transaction, whose locks are held for a moment"
    if not part.together:
        return "Each statement is a transaction of its own and may be run again"
    return "First what is slow, each statement a transaction that may be run again; then one transaction"


def _body(part: Rewritten, owner: str | None) -> Iterator[str]:
    """Yield the lines of a function: what stands alone, then what is one transaction."""
    if part.alone:
        yield "    with op.get_context().autocommit_block():"
        for statement, following in pairwise((*_alone(part.alone, owner), "")):
            if (dropped := _DROPPED.match(statement)) and (built := _BUILT.match(following)) and dropped[1] == built[1]:
                yield "        # what a build that was broken off left behind"
            yield from _execute(statement, indent=8)
    together = part.together if part.together or part.alone else ()
    if together or not part.alone:
        for statement in _together(together, owner):
            yield from _execute(statement, indent=4)


_BUILT: Final = re.compile(rf"create (?:unique )?index concurrently if not exists ({NAME}) on", re.IGNORECASE)
_DROPPED: Final = re.compile(rf"drop index concurrently if exists (?:{NAME}\.)?({NAME})$", re.IGNORECASE)


def _alone(statements: Iterable[str], owner: str | None) -> Iterator[str]:
    """Yield them with the time they wait for a lock: long where waiting stops nobody."""
    if owner:
        yield f"set role {quoted(owner)}"
    patient: bool | None = None
    for statement in statements:
        if patient is not (stops_nobody := _STOPS_NOBODY.search(statement) is not None):
            patient = stops_nobody
            yield f"set lock_timeout = '{'0' if patient else _LOCK_TIMEOUT}'"
        yield statement
    yield "reset lock_timeout"
    if owner:
        yield "reset role"


_STOPS_NOBODY: Final = re.compile(r" concurrently | validate constraint |^do \$fill\$", re.IGNORECASE)


def _together(statements: Iterable[str], owner: str | None) -> Iterator[str]:
    yield f"set local lock_timeout = '{_LOCK_TIMEOUT}'"
    if owner:
        yield f"set local role {quoted(owner)}"
    yield from statements
    if owner:
        yield "reset role"


def _execute(statement: str, *, indent: int) -> Iterator[str]:
    margin = " " * indent
    if _NO_LOSS.search(statement):
        statement = f"-- squawk-ignore ban-drop-constraint\n{statement}"
    statement = _BIND.sub(r"\\\\:", statement.replace("\\", "\\\\").replace('"""', r"\"\"\""))
    if "\n" not in statement and '"' not in statement and len(statement) + indent + 14 <= _WIDTH + indent:
        yield f'{margin}op.execute("{statement.replace(_TAB, _SEEN)}")'
        return
    exact = _is_exact(statement)
    yield f'{margin}op.execute("""'
    for line in statement.splitlines() if exact else _broken(statement):
        yield line if exact else f"{margin}    {line}".rstrip()
    yield '""")' if exact else f'{margin}""")'


_TAB, _SEEN = "\t", "\\t"


def _is_exact(statement: str) -> bool:
    """Say whether lines are part of what is quoted in it, as of a function's body; ours may be moved to the margin."""
    parts = _QUOTED.finditer(_OURS.sub("", statement))
    return any(part["mark"] is not None or "\n" in part[0] or "\t" in part[0] for part in parts)


_QUOTED: Final = re.compile(QUOTED)
_OURS: Final = re.compile(r"\$(?:fill|batch)\$")
# The linter is told of what it cannot see: the constraint is added again, or was only there to prove NOT NULL.
_NO_LOSS: Final = re.compile(rf'(?i) DROP CONSTRAINT (?:IF EXISTS ({NAME}), ADD CONSTRAINT \1 |\S.*_not_empty"?$)')
_BIND: Final = re.compile(r"(?<![:\w\\]):(?=\w)")  # what SQLAlchemy would take for a parameter


def _broken(statement: str) -> list[str]:
    """Return a statement in lines, a long one broken before its clauses."""
    if not _BODY_OR_LIST.search(statement):
        return _before_clauses(statement, "    ")
    lines = statement.replace("\t", "    ").splitlines()
    return [part for line in lines for part in (_before_clauses(line, " " * 8) if len(line) > _WIDTH else [line])]


def _before_clauses(line: str, margin: str) -> list[str]:
    """Break a line before each clause, but not in what is quoted."""
    return _CLAUSES.sub(
        lambda found: found[0] if found["clause"] is None else f"\n{margin}{found['clause']}", line
    ).splitlines()


_BODY_OR_LIST: Final = re.compile(r"\n(?!alter )", re.IGNORECASE)
_CLAUSES: Final = re.compile(
    rf"{QUOTED}|(?<=\S) (?P<clause>ADD CONSTRAINT|REFERENCES|WHERE|USING \(|WITH CHECK"
    rf"|ON (?!DELETE|UPDATE)(?={PATH} (?:USING \w+ )?\()|INCLUDE|NOT VALID)",
    re.IGNORECASE,
)


def _text(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _wrapped(sentence: str, margin: str = "") -> str:
    plain = sentence.replace("\\", "\\\\").replace('"""', "'''")
    return "\n".join(wrap(plain, _WIDTH + 10, subsequent_indent=margin, break_long_words=False))
