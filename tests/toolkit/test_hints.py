from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairlead.errors import DecisionNeeded
from fairlead.toolkit.catalogue import Kind
from fairlead.toolkit.hints import Hints, ValueNeeded, decide, insist_on_one, read_hints, unused, valued
from fairlead.toolkit.renames import Place, Question, Rename

FULLNAME = Place(Kind.COLUMN, "fullname", "users")
ASKED = Question(FULLNAME, (Place(Kind.COLUMN, "name", "users"), Place(Kind.COLUMN, "title", "users")))
NEEDED = ValueNeeded("backfill", (None, "users", "code"), "It is NOT NULL.", "<SQL expression>")


def test_hints_come_as_options_and_as_a_file(tmp_path: Path) -> None:
    """A file and options say the same things, and the options win."""
    file = tmp_path / "hints.json"
    file.write_text(json.dumps({"renames": {"users.a": "users.b", "users.c": "users.d"}, "drops": ["users.e"]}))
    hints = read_hints(file, renames=["users.a=users.z"], drops=["users.f"], backfills=["users.code='a=b'"])
    assert hints.renames == {"users.a": "users.z", "users.c": "users.d"}
    assert hints.drops == {"users.e", "users.f"}
    assert hints.backfills == {"users.code": "'a=b'"}


@pytest.mark.parametrize("text", ["not json", "[]", '{"rename": {}}', '{"renames": ["users.a"]}'])
def test_a_file_that_is_no_file_of_hints(tmp_path: Path, text: str) -> None:
    """A file that cannot be understood is refused with an example of one that can."""
    file = tmp_path / "hints.json"
    file.write_text(text)
    with pytest.raises(DecisionNeeded, match=r'cannot be used.*"users.fullname": "users.name"'):
        read_hints(file, renames=[], drops=[])


@pytest.mark.parametrize("pair", ["users.name", "=users.name", "users.name="])
def test_an_option_that_is_no_pair(pair: str) -> None:
    """An option that is not old=new is refused with an example."""
    with pytest.raises(DecisionNeeded, match=r"--rename users\.fullname=users\.name"):
        read_hints(None, renames=[pair], drops=[])


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ('users."e.mail"', 'users."e.mail"'),
        ('"users"."name"', "users.name"),
        (' "a.b" . "c=d" ', '"a.b"."c=d"'),
        ('say "hi".na me', 'say "hi".na me'),
        ('"a""b".c', 'a"b.c'),
    ],
)
def test_a_name_in_quotes(told: str, meant: str) -> None:
    """A name is quoted where a dot or an equals sign is in it, and may be elsewhere; values are taken as they are."""
    hints = read_hints(None, renames=[f"{told}={told}"], drops=[told], backfills=[f"{told}='a.b=c'"], casts=[])
    assert hints == Hints({meant: meant}, frozenset({meant}), {meant: "'a.b=c'"})


@pytest.mark.parametrize("told", ["users.", ".name", "users..name", 'users."name', '"users"name.x', ""])
def test_what_is_no_name(told: str) -> None:
    """A path that cannot be read is refused with an example, as an option and in a file."""
    with pytest.raises(DecisionNeeded, match=r'is no name: write users, users.name, or users."e.mail"'):
        read_hints(None, renames=[], drops=[told])
    with pytest.raises(DecisionNeeded, match="--cast"):
        read_hints(None, renames=[], drops=[], casts=[f"{told}=1"])


def test_a_hint_with_two_meanings() -> None:
    """A column and a table of a schema that are told alike are asked apart, and a hint about either is refused."""
    asked = [
        Question(Place(Kind.COLUMN, "orders", "shop"), (Place(Kind.COLUMN, "sales", "shop"),)),
        Question(Place(Kind.TABLE, "orders", schema="shop"), (Place(Kind.TABLE, "sales", schema="shop"),)),
    ]
    insist_on_one(asked, Hints())
    for hints in (Hints(drops=frozenset({"shop.orders"})), Hints(renames={"shop.orders": "sales"})):
        with pytest.raises(DecisionNeeded, match="two meanings"):
            insist_on_one(asked, hints)


def test_without_an_answer_it_says_what_to_pass() -> None:
    """With nobody to ask every question is listed with the options that answer it."""
    with pytest.raises(DecisionNeeded) as raised:
        decide([ASKED], Hints(), None)
    assert raised.value.details == {
        "users.fullname": "--rename users.fullname=users.name or --rename users.fullname=users.title"
        " or --allow-drop users.fullname"
    }


@pytest.mark.parametrize("wanted", ["users.name", "name"])
def test_a_rename_is_taken_from_the_hints(wanted: str) -> None:
    """The new name may be given with its table or by itself."""
    assert decide([ASKED], Hints(renames={"users.fullname": wanted}), None) == [Rename(FULLNAME, ASKED.candidates[0])]


def test_a_drop_is_taken_from_the_hints() -> None:
    """What is said to be dropped is no rename."""
    assert decide([ASKED], Hints(drops=frozenset({"users.fullname"})), None) == []


def test_a_rename_to_what_is_not_new() -> None:
    """A hint that names something that did not come in is refused."""
    with pytest.raises(DecisionNeeded, match=r"cannot have become users\.email"):
        decide([ASKED], Hints(renames={"users.fullname": "users.email"}), None)


def test_a_person_is_asked_what_the_hints_leave_open() -> None:
    """A person is asked only what no hint answers."""
    assert decide([ASKED], Hints(), lambda question: question.candidates[1]) == [Rename(FULLNAME, ASKED.candidates[1])]
    assert decide([ASKED], Hints(), lambda _question: None) == []
    assert valued([NEEDED], {}, lambda need: f"'{need.column}'") == {"users.code": "'users.code'"}
    assert valued([NEEDED], {"users.code": "''"}, None) == {"users.code": "''"}


def test_a_value_that_nobody_gives() -> None:
    """A column whose rows need a value is named with the option that gives it."""
    with pytest.raises(DecisionNeeded) as raised:
        valued([NEEDED], {}, None)
    assert raised.value.details == {"users.code": 'It is NOT NULL. Pass --backfill "users.code=<SQL expression>".'}


def test_hints_follow_a_renamed_table() -> None:
    """What was said of a table's columns by its old name holds under the new one."""
    hints = Hints(renames={"users.a": "users.b"}, drops=frozenset({"users.c"}), casts={"users.d": "d::int"})
    moved = hints.following(Rename(Place(Kind.TABLE, "users"), Place(Kind.TABLE, "people")))
    assert moved.renames == {"people.a": "people.b"}
    assert moved.drops == {"people.c"}
    assert moved.casts == {"people.d": "d::int"}


def test_a_hint_that_answers_nothing_is_noticed() -> None:
    """A misspelt hint is found, and one that was used is not."""
    assert unused(Hints(renames={"users.fullname": "name", "users.fulname": "name"}), [ASKED]) == ["users.fulname"]
