"""What the tests of the fault harness share."""

from __future__ import annotations

from tests.fixtures.projects import project

__all__ = ["project"]
