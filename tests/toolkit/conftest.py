"""The toolkit on the tests' server, as the login the product asks for, here allowed to make databases."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Connection
from tests.fixtures.databases import LOGIN, stranger
from tests.fixtures.workbench import declared_by, workbench

from fairlead.db.scratch import ScratchServer
from fairlead.toolkit.catalogue import Catalogue
from fairlead.toolkit.one_transaction import one_transaction
from fairlead.toolkit.target import own

__all__ = ["stranger", "workbench"]


@pytest.fixture(scope="session")
def workshop_url(server_url: str, scratch: ScratchServer, template: str) -> str:  # noqa: ARG001 - the roles exist
    """The URL of a login that may make databases, on a server where Fairlead's roles are."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtext(%s))", [LOGIN])
        connection.execute(sql.SQL("alter role {} createdb").format(sql.Identifier(LOGIN)))
    assert scratch.owner_url is not None
    return scratch.owner_url


@pytest.fixture(scope="session")
def declared(workbench: None) -> Catalogue:  # noqa: ARG001 - it is asked
    """What Fairlead's models declare."""
    return declared_by(own())


@pytest.fixture
def undone(process_url: str) -> Iterator[Connection]:
    """A connection to a migrated database on which everything is one transaction, which is undone afterwards."""
    with one_transaction(process_url) as (connection, _):
        yield connection
