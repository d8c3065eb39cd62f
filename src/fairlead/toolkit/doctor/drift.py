"""Whether the schema is still the declared one: somebody may have changed the database past the migrations.

What the models declare is made in a throw-away database, and both are compared by PostgreSQL's catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from fairlead.toolkit.catalogue import read_catalogue
from fairlead.toolkit.change import Action, changes, telling
from fairlead.toolkit.difference import declared_catalogue
from fairlead.toolkit.doctor.finding import CannotLook, Check, Condition, Finding, Severity
from fairlead.toolkit.doctor.migrations import standing
from fairlead.toolkit.doctor.patient import Patient
from fairlead.toolkit.environment import connected

DRIFTED: Final = Condition(
    "schema-drifted",
    Severity.WARNING,
    "Something is in the database that the models do not declare; or, an error, something they declare is missing or "
    "different.",
    "'fairlead db check --live' tells all of it. Undo it in the database, or declare it and generate a migration.",
    at_worst=Severity.ERROR,
)

_MOST: Final = 20


def _look_at_schema(patient: Patient) -> Iterator[Finding]:
    server_url = patient.wiring.workshop_url
    if server_url is None:
        raise CannotLook("A throw-away database is needed to compare with; set FAIRLEAD_SHADOW_URL.")
    for target in patient.targets:
        if any(standing(target, patient.connection)):
            raise CannotLook("The migrations that are applied are not this release's; what differs says nothing yet.")
        with connected(patient.wiring.session_url) as connection:
            found = read_catalogue(connection, target)
        for change in islice(telling(changes(found, declared_catalogue(target, server_url))), _MOST):
            yield DRIFTED.found(
                f"{change.sentence('the database')}.".replace("..", "."),
                subject=change.thing.title,
                remedy=DRIFTED.remedy.replace(" --live", f" --live{patient.target_option(target)}"),
                worst=change.action is not Action.REMOVE,
                target=target.name,
            )


CHECKS: Final = (Check(_look_at_schema, (DRIFTED,)),)
