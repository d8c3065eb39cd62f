"""What only a person can decide, as options of a command, as a file, or as answers on a terminal.

A file is JSON: {"renames": {"users.fullname": "users.name"}, "drops": ["users.nick"], "backfills":
{"orders.code": "'none'"}, "casts": {"orders.total": "total::numeric"}}.

Names are written as people say them, a name with a dot or an equals sign in it in quotes: `users."e.mail"`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from fairlead.errors import DecisionNeeded
from fairlead.toolkit.catalogue import Kind
from fairlead.toolkit.naming import pair_from, path_from, path_of
from fairlead.toolkit.renames import Place, Question, Rename


@dataclass(frozen=True, slots=True)
class Hints:
    """The answers given beforehand; things are named as `str(Place)` does, `users.name`."""

    renames: Mapping[str, str] = field(default_factory=dict)
    drops: frozenset[str] = frozenset()
    backfills: Mapping[str, str] = field(default_factory=dict)  # a column to the SQL that its empty rows get
    casts: Mapping[str, str] = field(default_factory=dict)  # a column to the SQL that converts it

    def following(self, rename: Rename) -> Hints:
        """Return them with what is in a renamed table or enum named by its new name."""
        if rename.old.kind not in {Kind.TABLE, Kind.ENUM}:
            return self
        old, new = f"{rename.old}.", f"{rename.new}."

        def moved(name: str) -> str:
            return new + name.removeprefix(old) if name.startswith(old) else name

        return Hints(
            {moved(name): moved(wanted) for name, wanted in self.renames.items()},
            frozenset(map(moved, self.drops)),
            {moved(name): value for name, value in self.backfills.items()},
            {moved(name): value for name, value in self.casts.items()},
        )


@dataclass(frozen=True, slots=True)
class ValueNeeded:
    """A column whose rows need something that the models do not say: `option` is "backfill" or "cast"."""

    option: str
    place: tuple[str | None, str, str]  # schema, table and name of the column
    reason: str
    example: str

    @property
    def column(self) -> str:
        """The column as it is passed to a command."""
        return path_of(*self.place)


# Ask a person: the candidate or None for "dropped"; the expression.
AskRename: TypeAlias = Callable[[Question], Place | None]
AskValue: TypeAlias = Callable[[ValueNeeded], str]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    renames: dict[str, str] = {}
    drops: list[str] = []
    backfills: dict[str, str] = {}
    casts: dict[str, str] = {}


def read_hints(path: Path | None, *, renames: Iterable[str], drops: Iterable[str], **values: Iterable[str]) -> Hints:
    """Return the hints of a file and of options, `old=new` each; the options win. Raises DecisionNeeded."""
    given = _read(path) if path is not None else _File()
    renamed = {**_named(given.renames), **_pairs("--rename", renames)}
    return Hints(
        {old: _name(new) for old, new in renamed.items()},
        frozenset(map(_name, [*given.drops, *drops])),
        {**_named(given.backfills), **_pairs("--backfill", values.get("backfills", ()))},
        {**_named(given.casts), **_pairs("--cast", values.get("casts", ()))},
    )


def _named(given: Mapping[str, str]) -> dict[str, str]:
    return {_name(name): value for name, value in given.items()}


def _name(told: str) -> str:
    """Return a name in the one way in which it is compared."""
    name = path_from(told)
    if name is None:
        raise DecisionNeeded(f'{told!r} is no name: write users, users.name, or users."e.mail" for one with a dot.')
    return name


def _read(path: Path) -> _File:
    try:
        return _File(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise DecisionNeeded(
            f"The hints in {path} cannot be used ({reason}). Write "
            '{"renames": {"users.fullname": "users.name"}, "drops": ["users.nick"], "backfills": {}, "casts": {}}.'
        ) from error


def _pairs(option: str, given: Iterable[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for pair in given:
        found = pair_from(pair)
        if found is None:
            raise DecisionNeeded(f"{option} {pair!r} is not understood: write {option} {_EXAMPLES[option]}")
        pairs[found[0]] = found[1]
    return pairs


_EXAMPLES = {
    "--rename": "users.fullname=users.name",
    "--backfill": "\"orders.code='none'\"",
    "--cast": '"orders.total=total::numeric"',
}


def decide(asked: Iterable[Question], hints: Hints, ask: AskRename | None) -> list[Rename]:
    """Return the renames among the questions; what is dropped is left out.

    Raises DecisionNeeded that says what to pass, when there is nobody to ask.
    """
    decided: list[Rename] = []
    open_questions: list[Question] = []
    for question in asked:
        told = _names(question)
        if renamed := told & hints.renames.keys():
            decided.append(Rename(question.gone, _candidate(question, hints.renames[min(renamed)])))
        elif told & hints.drops:
            continue
        elif ask is None:
            open_questions.append(question)
        elif (chosen := ask(question)) is not None:
            decided.append(Rename(question.gone, chosen))
    if open_questions:
        raise undecided(open_questions)
    return decided


def _names(question: Question) -> set[str]:
    return {str(question.gone), question.gone.whole}


def insist_on_one(asked: Iterable[Question], hints: Hints) -> None:
    """Raise DecisionNeeded where a hint could be about two things: a column `a.b`, and a table `b` of a schema `a`."""
    told = Counter(str(question.gone) for question in asked)
    if both := sorted(name for name, times in told.items() if times > 1 and name in {*hints.renames, *hints.drops}):
        raise DecisionNeeded(
            "These hints have two meanings: a column, or a value of an enum, and a table of a schema are called so.",
            details=dict.fromkeys(both, "Leave it out and answer at a terminal, or change one of the two at a time."),
        )


def undecided(open_questions: Iterable[Question]) -> DecisionNeeded:
    """Return the error that says what to pass."""
    return DecisionNeeded(
        "Renamed, or dropped with all that is in it? Pass one answer for each.",
        choices={str(question.gone): _answers(question) for question in open_questions},
    )


def _candidate(question: Question, wanted: str) -> Place:
    exact = [one for one in question.candidates if wanted in {str(one), one.whole}]
    for candidate in exact or question.candidates:
        if candidate in exact or wanted == path_of(candidate.name):
            return candidate
    raise DecisionNeeded(
        f"{question.gone} cannot have become {wanted}, which is not new in the models.",
        choices={str(question.gone): _answers(question)},
    )


def _answers(question: Question) -> list[tuple[str, str]]:
    renames = [("--rename", f"{question.gone}={question.told(candidate)}") for candidate in question.candidates]
    return [*renames, ("--allow-drop", str(question.gone))]


def valued(needed: Iterable[ValueNeeded], given: Mapping[str, str], ask: AskValue | None) -> dict[str, str]:
    """Return `given` with an expression for each column that needs one; raises DecisionNeeded as `decide` does."""
    values = dict(given)
    unknown: list[ValueNeeded] = []
    for need in needed:
        if need.column in values:
            continue
        if ask is None:
            unknown.append(need)
        else:
            values[need.column] = ask(need)
    if unknown:
        raise unvalued(unknown)
    return values


def value_option(option: str, value: str) -> str:
    """Return an option as a shell takes it, in quotes that leave room for SQL's own."""
    return f'{option} "{_SPECIAL.sub(_ESCAPED, value)}"'


_SPECIAL: Final = re.compile(r'([\\"$`])')
_ESCAPED: Final = r"\\\1"


def unvalued(unknown: Sequence[ValueNeeded]) -> DecisionNeeded:
    """Return the error that says what to pass."""
    answers = {need.column: (f"--{need.option}", f"{need.column}={need.example}") for need in unknown}
    return DecisionNeeded(
        "Existing rows need a value that the models do not give.",
        details={need.column: f"{need.reason} Pass {value_option(*answers[need.column])}." for need in unknown},
        choices={column: [answer] for column, answer in answers.items()},
    )


def unused(hints: Hints, asked: Iterable[Question], *, gone: Iterable[str] = ()) -> list[str]:
    """Return the hints that mean nothing, misspelt or done already: renames nobody asks about, drops of what stays.

    `gone` is what is dropped without a question.
    """
    known = {name for question in asked for name in _names(question)}
    return sorted({*(hints.renames.keys() - known), *(hints.drops - known - set(gone))})
