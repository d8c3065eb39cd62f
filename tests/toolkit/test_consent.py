"""What a change does to values that rows have: nothing of it is done unasked, or unannounced."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import ARRAY, Column, Computed, Date, Integer, Numeric, SmallInteger, Text
from tests.fixtures.clinics import Clinic
from tests.fixtures.depots import depot, depots

from fairlead.errors import DecisionNeeded
from fairlead.toolkit.brought_back import impossible, invented
from fairlead.toolkit.hints import Hints

__all__ = ["depot"]

NARROW = depots(
    area=(Numeric(10, 0),), since=(Date(),), bought=(Date(), Computed("'2020-02-02'::date", persisted=True))
)


def test_what_would_be_changed_for_good_is_asked(depot: Clinic) -> None:
    """A type that does not keep every value, and a column that is generated from now on, are asked, with an example."""
    with pytest.raises(DecisionNeeded) as raised:
        depot.generated(NARROW)
    told = raised.value.details
    assert told["bay.bought"].startswith(
        "It is generated from now on, and the values that it has go. Pass --allow-drop"
    )
    assert told["bay.area"] == (
        "It becomes numeric(10, 0): 1.23 becomes 1. Pass --allow-drop bay.area, "
        'or say how to convert it: --cast "bay.area=<SQL expression>".'
    )
    assert "2001-02-03 04:05:06.789012+00 becomes 2001-02-03." in told["bay.since"]
    assert raised.value.choices["bay.since"] == [("--allow-drop", "bay.since")]


def test_what_may_be_changed_for_good(depot: Clinic) -> None:
    """Said to be meant, or how, it is done, and the revision says what it does and what its way back gives."""
    hints = Hints(drops=frozenset({"bay.since", "bay.bought"}), casts={"bay.area": "ceil(area)"})
    with depot.changed(NARROW, hints=hints) as changed:
        assert [str(row) for row in changed.rows("select area::int, since, bought from bay order by id")] == [
            "(13, datetime.date(2026, 1, 2), datetime.date(2020, 2, 2))",
            "(5, datetime.date(2026, 1, 2), datetime.date(2020, 2, 2))",
        ]
        [draft] = changed.drafts
        assert any("bay.since is changed for good" in warning for warning in draft.warnings)
        assert any("makes it a plain column again" in warning for warning in draft.warnings)
        changed.take_back()
        assert changed.rows("select count(*) from bay where bought = '2020-02-02'") == [(2,)]


def test_what_fails_on_rows_is_said(depot: Clinic) -> None:
    """A type that refuses values rather than change them is no question: the revision says that it may fail."""
    [draft] = depot.generated(depots(area=(Numeric(4, 2),)))
    assert any("does not fit the type numeric(4, 2) this fails" in warning for warning in draft.warnings)


def test_partitioned_tables(depot: Clinic) -> None:
    """Rows of all partitions get the value that was given, and the conversion, up and down."""
    humid = Column("humid", SmallInteger, nullable=False)
    given = {"scan.humid": "coalesce(scan.temp % 5, 9)"}
    hints = Hints(backfills=given, casts={"scan.place": "array[place]"})
    with depot.changed(depots(scanned=(humid,), place=ARRAY(Text)), hints=hints) as changed:
        assert changed.rows("select id, humid, place from scan order by id") == [
            (1, 2, ["50%"]),
            (2, 3, ["x"]),
            (3, 9, [None]),
        ]
        changed.take_back()


GONE = frozenset({"label", "code", "docks", "spare", "kind", "yard_id"})


def test_what_a_way_back_gives(depot: Clinic) -> None:
    """NOT NULL columns come back with a value that is announced, or, where none can be right, only without rows."""
    with depot.changed(depots(without=GONE)) as changed:
        [draft] = changed.drafts
        said = " ".join(draft.warnings)
        for column, value in (("bay.docks", "0"), ("bay.spare", "''"), ("bay.kind", "'wide'")):
            assert f"The downgrade puts {value} into every row's {column}, " in said
        for column in ("bay.label", "bay.code", "bay.yard_id"):
            assert f"The downgrade brings {column} back only while its table has no rows" in said
        with psycopg.connect(changed.url, autocommit=True) as driver:
            down = [*draft.down.alone, *draft.down.together]
            assert sorted(impossible(down, driver)) == ["bay.code", "bay.label", "bay.yard_id"]
            assert sorted(loss.sentence for loss in invented(down, driver)) == [
                "the values of bay.docks, in whose place each row gets 0: 2 row(s)",
                "the values of bay.kind, in whose place each row gets 'wide': 2 row(s)",
                "the values of bay.spare, in whose place each row gets '': 2 row(s)",
            ]
            changed.do("delete from bay")
            assert (impossible(down, driver), invented(down, driver)) == ([], [])
        changed.take_back()


def test_what_a_way_back_gives_rows(depot: Clinic) -> None:
    """What is announced is what rows have when the revision is taken back."""
    with depot.changed(depots(without=frozenset({"docks", "kind"}))) as changed:
        changed.take_back()
        assert changed.rows("select docks, kind::text from bay") == [(0, "wide")] * 2


def test_triggers_that_a_backfill_fires(depot: Clinic) -> None:
    """Triggers that note every update are named, and can keep still while rows are filled."""
    size = Column("size", Integer, nullable=False)
    with depot.changed(depots(size), hints=Hints(backfills={"bay.size": "id"})) as changed:
        [draft] = changed.drafts
        assert any("fires its trigger bay_touch" in warning for warning in draft.warnings)
        assert changed.rows("select size, touched from bay order by id") == [(1, None), (2, None)]
        changed.take_back()


def test_a_column_that_is_generated_of_another_type(depot: Clinic) -> None:
    """What was generated is no value of the type before: that the way back has nothing is said."""
    first, second = ((Integer(), Computed("docks * 2", persisted=True)) for _ in range(2))
    for models, column, told in (
        (depots(bought=first), "bay.bought", "with nothing in it."),
        (depots(spare=second), "bay.spare", "only while its table has no rows."),
    ):
        [draft] = depot.generated(models, hints=Hints(drops=frozenset({column})))
        assert any(warning.endswith(told) for warning in draft.warnings)
