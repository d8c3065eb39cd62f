from __future__ import annotations

import pytest

from fairlead.errors import ValidationFailed
from fairlead.queries.page import LAST_PAGE, Page, Window


def test_window_counts_from_one() -> None:
    """The first page skips nothing, the next skips one page."""
    assert Window().offset == 0
    assert Window(3, 20).offset == 40


@pytest.mark.parametrize(("page", "limit", "wrong"), [(0, 20, "page"), (LAST_PAGE + 1, 1, "page"), (1, 0, "limit")])
def test_window_has_limits(page: int, limit: int, wrong: str) -> None:
    """A page or size that no list has is refused by name."""
    with pytest.raises(ValidationFailed) as refused:
        Window(page, limit)
    assert refused.value.details.keys() == {wrong}


@pytest.mark.parametrize(("total", "pages"), [(0, 0), (1, 1), (20, 1), (21, 2)])
def test_pages_are_counted_up(total: int, pages: int) -> None:
    """A started page counts."""
    assert Page[int]((), 1, 20, total).total_pages == pages
