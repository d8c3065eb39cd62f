"""The text of a revision: a module that Alembic runs, whose statements are SQL that a person can review.

The same plan always gives the same text. It imports nothing but Alembic, so that it runs for ever, whatever becomes of
the models and of this toolkit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

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
    built = {match[1] for statement in part.alone if (match := _BUILT.match(statement))}
    if part.alone:
        yield "    with op.get_context().autocommit_block():"
        for statement in _alone(part.alone, owner):
            if statement.startswith("DROP INDEX CONCURRENTLY") and statement.split()[-1].split(".")[-1] in built:
                yield "        # what a build that was broken off left behind"
            yield from _execute(statement, indent=8)
    together = part.together if part.together or part.alone else ()
    if together or not part.alone:
        for statement in _together(together, owner):
            yield from _execute(statement, indent=4)


_BUILT: Final = re.compile(r"CREATE (?:UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS (\S+) ON")


def _alone(statements: Iterable[str], owner: str | None) -> Iterator[str]:
    """Yield them with the time they wait for a lock: long where waiting stops nobody."""
    if owner:
        yield f"SET ROLE {owner}"
    patient: bool | None = None
    for statement in statements:
        if patient is not (stops_nobody := _STOPS_NOBODY.search(statement) is not None):
            patient = stops_nobody
            yield f"SET lock_timeout = '{'0' if patient else _LOCK_TIMEOUT}'"
        yield statement
    yield "RESET lock_timeout"
    if owner:
        yield "RESET ROLE"


_STOPS_NOBODY: Final = re.compile(r" CONCURRENTLY | VALIDATE CONSTRAINT |^DO \$fill\$")


def _together(statements: Iterable[str], owner: str | None) -> Iterator[str]:
    yield f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"
    if owner:
        yield f"SET LOCAL ROLE {owner}"
    yield from statements
    if owner:
        yield "RESET ROLE"


def _execute(statement: str, *, indent: int) -> Iterator[str]:
    margin = " " * indent
    if _NO_LOSS.search(statement):
        statement = f"-- squawk-ignore ban-drop-constraint\n{statement}"
    statement = _BIND.sub(r"\\\\:", statement.replace("\\", "\\\\").replace('"""', r"\"\"\""))
    if "\n" not in statement and '"' not in statement and len(statement) + indent + 14 <= _WIDTH + indent:
        yield f'{margin}op.execute("{statement}")'
        return
    exact = _BODY.search(statement) is not None
    yield f'{margin}op.execute("""'
    for line in statement.splitlines() if exact else _broken(statement):
        yield line if exact else f"{margin}    {line}".rstrip()
    yield '""")' if exact else f'{margin}""")'


# The linter is told of what it cannot see: the constraint is added again, or was only there to prove NOT NULL.
_NO_LOSS: Final = re.compile(r"(?i) DROP CONSTRAINT (?:IF EXISTS (\S+), ADD CONSTRAINT \1 |\S+_not_empty$)")
_BODY: Final = re.compile(r"\$(?!fill\$)\w*\$")  # of a function: each space in it is kept
_BIND: Final = re.compile(r"(?<![:\w\\]):(?=\w)")  # what SQLAlchemy would take for a parameter


def _broken(statement: str) -> list[str]:
    """Return a statement in lines, a long one broken before its clauses."""
    if _BODY_OR_LIST.search(statement):
        return statement.replace("\t", "    ").splitlines()
    return _CLAUSES.sub(r"\n    \1", statement).splitlines()


_BODY_OR_LIST: Final = re.compile(r"\n(?!ALTER )")
_CLAUSES: Final = re.compile(
    r" (ADD CONSTRAINT|REFERENCES|WHERE|USING \(|WITH CHECK|ON (?!DELETE|UPDATE)(?=\S+ (?:USING \w+ )?\()"
    r"|INCLUDE|NOT VALID)",
    re.IGNORECASE,
)


def _text(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _wrapped(sentence: str, margin: str = "") -> str:
    plain = sentence.replace("\\", "\\\\").replace('"""', "'''")
    return "\n".join(wrap(plain, _WIDTH + 10, subsequent_indent=margin, break_long_words=False))
