"""An expression is told as PostgreSQL goes on writing it, however often it has read what it wrote."""

from __future__ import annotations

import pytest

from fairlead.toolkit.catalogue.expressions import settled


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            "((word)::text = ANY ((ARRAY['a'::character varying, 'it''s, so)'::character varying])::text[]))",
            "((word)::text = ANY (ARRAY[('a'::character varying)::text, ('it''s, so)'::character varying)::text]))",
        ),
        ("(ARRAY[f(a, b), c[1]])::public.word[]", "ARRAY[(f(a, b))::public.word, (c[1])::public.word]"),
        ("(ARRAY[g((ARRAY[a])::text[]), b])::text[]", "ARRAY[(g(ARRAY[(a)::text]))::text, (b)::text]"),
        ("(id = ANY (ARRAY[1, 2]))", "(id = ANY (ARRAY[1, 2]))"),
        ("('(ARRAY[a])::text[]'::text = word)", "('(ARRAY[a])::text[]'::text = word)"),
    ],
)
def test_a_list_that_is_cast(written: str, told: str) -> None:
    """What is cast as a whole is told as elements that are cast; what is quoted, and other lists, stay."""
    facts = {
        "expression": written,
        "checks": {"one": written},
        "comment": written,
        "body": f"begin atomic {written} end",
    }
    assert settled(facts) == {**facts, "expression": told, "checks": {"one": told}, "body": f"begin atomic {told} end"}
    assert settled(settled(facts)) == settled(facts)


def test_the_text_of_a_function() -> None:
    """The text of a function is what somebody wrote, and stays so."""
    facts = {"body": "begin return (ARRAY[a])::text[]; end", "definition": "create function f() … (ARRAY[a])::text[]"}
    assert settled(facts) == facts
