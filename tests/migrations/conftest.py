"""The fixtures that only the tests of the migrations need."""

from __future__ import annotations

from tests.fixtures.databases import foreign_url, model_url, stranger

__all__ = ["foreign_url", "model_url", "stranger"]
