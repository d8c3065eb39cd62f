"""`fairlead db` in the directory of an application, on a database in which nothing was made yet."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.fixtures.databases import stranger
from tests.fixtures.processes import completed, environment_of, processes
from tests.fixtures.revisions import Shop, shop
from tests.toolkit.conftest import workshop_url

__all__ = ["processes", "shop", "stranger", "workshop_url"]


@pytest.fixture
def in_shop(shop: Shop, empty_url: str, tmp_path: Path) -> Run:
    """Run `fairlead` in the shop's directory."""
    directory = shop.application()

    def ran(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        known = {**environment_of(tmp_path, empty_url), **environment}
        return completed(*arguments, environment=known, directory=directory)

    return ran
