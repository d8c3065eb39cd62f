"""A stranger's project for each test."""

from __future__ import annotations

from tests.fixtures.projects import project

__all__ = ["project"]
