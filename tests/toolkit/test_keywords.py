from __future__ import annotations

import pytest

from fairlead.toolkit.keywords import small


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("ALTER TABLE users ADD COLUMN id VARCHAR(40)", "alter table users add column id varchar(40)"),
        ("CHECK (Name <> 'It''s A' AND \"Name\" > 0)", "check (name <> 'It''s A' and \"Name\" > 0)"),
        ('ALTER TABLE "A ""B"" C" ADD x TEXT', 'alter table "A ""B"" C" add x text'),
        ("DEFAULT E'It\\'s A' || 'B'", "default E'It\\'s A' || 'B'"),
        ("CHECK (a ~ '\\' AND B = 'C')", "check (a ~ '\\' and b = 'C')"),
        ("LANGUAGE sql AS $F$ SELECT 'A' $G$ $F$ STABLE", "language sql as $F$ SELECT 'A' $G$ $F$ stable"),
        ("DO $$ BEGIN END $$", "do $$ BEGIN END $$"),
        (
            "SELECT 1 -- It's ONE\n FROM A /* It's TWO */ WHERE B",
            "select 1 -- It's ONE\n from a /* It's TWO */ where b",
        ),
        ("COMMENT ON TABLE größe IS 'Ä'", "comment on table größe is 'Ä'"),
    ],
)
def test_what_is_not_quoted_is_in_small_letters(given: str, wanted: str) -> None:
    """Keywords and names are in small letters, as PostgreSQL reads them; whatever is quoted or a comment is kept."""
    assert small(given) == wanted
    assert small(wanted) == wanted
