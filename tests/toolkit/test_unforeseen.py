from __future__ import annotations

import pytest
from sqlalchemy import MetaData
from tests.fixtures.clinics import Clinic, clinic, models
from tests.fixtures.pushes import live

from fairlead.errors import DecisionNeeded, MigrationFailed, OperatorError, PushFailed
from fairlead.toolkit.decisions import Deciding
from fairlead.toolkit.hints import Hints
from fairlead.toolkit.one_transaction import one_transaction
from fairlead.toolkit.push import plan
from fairlead.toolkit.unforeseen import told_as

__all__ = ["clinic"]


def test_an_error_of_ours_stays_what_it_is() -> None:
    """A question stays a question."""
    with pytest.raises(DecisionNeeded), told_as(OperatorError, "It failed: {}."):
        raise DecisionNeeded


def test_any_other_error_becomes_the_cause() -> None:
    """What it was is named in the sentence, braces and all, and is the cause."""
    with pytest.raises(OperatorError, match=r"It failed: ValueError: {a}\.$") as raised:  # noqa: SIM117 - reads better
        with told_as(OperatorError, "It failed: {}."):
            raise ValueError("{a}")
    assert isinstance(raised.value.__cause__, ValueError)


def test_generate_never_ends_in_a_traceback(clinic: Clinic) -> None:
    """What Alembic says in its own way, here of a revision whose predecessor is missing, is told as a sentence."""
    astray = clinic.migrations / "versions" / "20261127_astray.py"
    astray.write_text('revision = "20261127_astray"\ndown_revision = "nobody"\n')
    with pytest.raises(MigrationFailed, match=r"cannot be generated: .*nobody.*Nothing was written"):
        clinic.generated(models())
    astray.unlink()


@pytest.mark.usefixtures("workbench")
def test_push_never_ends_in_a_traceback(empty_url: str) -> None:
    """A connection that is gone in the middle of it is told as a sentence."""
    with one_transaction(empty_url) as (connection, _):
        shadow = live(connection, MetaData())
        connection.close()
        with pytest.raises(PushFailed, match=r"cannot be planned: .*closed.*Nothing was changed"):
            plan(shadow, Deciding(Hints()))
