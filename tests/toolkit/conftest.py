"""The toolkit on the tests' server, as the login the product asks for, here allowed to make databases."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql
from tests.fixtures.databases import LOGIN, stranger

from fairlead.db.scratch import ScratchServer
from fairlead.toolkit.catalogue import Catalogue
from fairlead.toolkit.difference import declared_catalogue
from fairlead.toolkit.target import own

__all__ = ["stranger"]


@pytest.fixture(scope="session")
def workshop_url(server_url: str, scratch: ScratchServer, template: str) -> str:  # noqa: ARG001 - the roles exist
    """The URL of a login that may make databases, on a server where Fairlead's roles are."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtext(%s))", [LOGIN])
        connection.execute(sql.SQL("alter role {} createdb").format(sql.Identifier(LOGIN)))
    assert scratch.owner_url is not None
    return scratch.owner_url


@pytest.fixture(scope="session")
def declared(workshop_url: str) -> Catalogue:
    """What Fairlead's models declare."""
    return declared_catalogue(own(), workshop_url)
