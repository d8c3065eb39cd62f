from __future__ import annotations

import psycopg
from tests.fixtures import shop

from fairlead.toolkit.catalogue import read_catalogue
from fairlead.toolkit.change import changes
from fairlead.toolkit.difference import declared_catalogue
from fairlead.toolkit.environment import connected
from fairlead.toolkit.export import export
from fairlead.toolkit.shadow import scratch
from fairlead.toolkit.target import Target, own


def _differences(target: Target, workshop_url: str) -> list[str]:
    declared = declared_catalogue(target, workshop_url)
    with scratch(workshop_url) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(export(target).encode())
        with connected(url) as connection_again:
            found = read_catalogue(connection_again, target)
    return [change.sentence("the exported schema") for change in changes(found, declared)]


def test_fairlead_whole(workshop_url: str) -> None:
    """What is exported makes, in an empty database, what the models declare."""
    assert _differences(own(), workshop_url) == []


def test_another_application_whole(workshop_url: str) -> None:
    """So it does for another application, whose functions, triggers and views listen to its tables."""
    target = Target("shop", shop.second(), own().migrations, "alembic_version")
    assert _differences(target, workshop_url) == []
    assert "-- The schema of shop" in export(target)
