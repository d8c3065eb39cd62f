from __future__ import annotations

import pytest
from tests.architecture.source_tree import DOORS, calls, importing, insist, layers, product

SQL_LAYERS = {"schema", "db", "engine", "queries", "producer"}
METADATA_LAYERS = {"toolkit", "studio"}  # whose matter is any application's metadata, not our rows (ADR 0019)
WEB_FRAMEWORKS = ("fastapi", "starlette", "typer", "rich")


def test_sqlalchemy_stays_below_the_services() -> None:
    """SQL is written in four folders, in the producer that hands a statement out, and where metadata is the matter."""
    elsewhere = [source for source in product() if source.layer not in SQL_LAYERS | METADATA_LAYERS]
    insist(
        importing(elsewhere, "sqlalchemy"),
        "Move the statement into queries/ (reads), engine/ (items) or db/ (rows), and call that.",
    )


@pytest.mark.parametrize("framework", WEB_FRAMEWORKS)
def test_a_web_or_terminal_framework_stays_in_the_doors(framework: str) -> None:
    """Rules know nothing of HTTP or terminals: the doors translate."""
    elsewhere = [source for source in product() if source.layer not in DOORS]
    insist(
        importing(elsewhere, framework),
        f"Only api, cli and console may import {framework}: raise an error of `fairlead.errors`, return plain values.",
    )


def test_the_doors_call_services_and_queries() -> None:
    """A door neither moves items itself nor knows tables: what it may do is a service's decision."""
    doors = [source for source in layers(*DOORS, "testing") if source.path not in OWN_SCHEMA]
    insist(
        importing(doors, "fairlead.engine", "fairlead.schema"),
        "Call a function of services/ or queries/ instead; write one there when it is missing.",
    )


OWN_SCHEMA = {
    "src/fairlead/studio/own.py": "tells studio of relations and tenants, which another's metadata does not have",
    "src/fairlead/toolkit/target.py": "makes a target of Fairlead's own schema",
    "src/fairlead/toolkit/doctor/installation.py": "tells the doctor of the roles and tables it examines",
}


def test_the_toolkit_knows_metadata_only() -> None:
    """The toolkit treats Fairlead's schema as it does any other: it learns of it in one place, and calls no rule."""
    toolkit = [source for source in layers("toolkit") if source.path not in OWN_SCHEMA]
    upper = ("bootstrap", "engine", "observability", "queries", "runtime", "services", "wire")
    insist(
        importing(toolkit, "fairlead.schema", "fairlead.rows", *(f"fairlead.{layer}" for layer in upper)),
        "Take a Target (toolkit/target.py); what is about Fairlead's own rows belongs into a service.",
    )


def test_alembic_stays_with_the_migrations() -> None:
    """Alembic is used by the migrations and by the toolkit, and by nothing that serves requests."""
    elsewhere = [source for source in product() if source.layer not in {"db", "toolkit"}]
    insist(importing(elsewhere, "alembic"), "Call the toolkit instead; write the function there when it is missing.")


def test_only_the_fixtures_need_pytest() -> None:
    """Whoever installs Fairlead without its extra `testing` can import every module but the one of the fixtures."""
    elsewhere = [source for source in product() if source.path != "src/fairlead/testing/fixtures.py"]
    insist(importing(elsewhere, "pytest"), "Only testing/fixtures.py may import pytest.")


def test_settings_are_read_once() -> None:
    """Settings are read by bootstrap and the command line; everything else gets its own small options."""
    elsewhere = [source for source in product() if source.layer not in {"bootstrap", "cli", "settings"}]
    insist(
        importing(elsewhere, "fairlead.settings"),
        "Take a frozen options object (see DatabaseOptions) as an argument and let bootstrap fill it.",
    )


def test_the_domain_is_pure() -> None:
    """Rules depend on nothing that acts: no other layer, no clock, no network, no third party but cronsim, as pure."""
    insist(
        importing(
            [source for source in product() if source.layer == "domain"],
            *(
                "asyncio",
                "httpx",
                "orjson",
                "psycopg",
                "pydantic",
                "random",
                "socket",
                "sqlalchemy",
                "time",
            ),
            *(f"fairlead.{layer}" for layer in ("db", "engine", "queries", "schema", "services", "settings", "wire")),
        ),
        "Keep domain/ pure: take the time, the chance or the bytes as an argument.",
    )


INSTANTS = {
    "src/fairlead/domain/cron.py": "turns wall times into instants",
    "src/fairlead/domain/schedules.py": "tells which instants are owed",
    "src/fairlead/domain/versions.py": "writes the instant of a change down as a version",
}


def test_the_domain_reads_no_clock() -> None:
    """Where instants are the matter itself they are arguments: nothing there asks what time it is."""
    domain = layers("domain")
    dated = {place.partition(":")[0] for place in importing(domain, "datetime")}
    insist(
        dated - INSTANTS.keys(), "Keep domain/ pure: take the time as an argument, or list the module with a reason."
    )
    insist(INSTANTS.keys() - dated, "These exceptions are not needed any more; take them out.")
    insist(
        [
            source.at(call)
            for source in domain
            for call in calls(source)
            if getattr(call.func, "attr", "") in {"now", "utcnow", "today", "time", "monotonic"}
        ],
        "Take the time as an argument.",
    )
