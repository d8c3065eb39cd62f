from __future__ import annotations

from fairlead.db import migrate
from fairlead.db.migrating.revisions import files_of, in_order, read
from fairlead.toolkit.rendering import outdated, rendered_files
from fairlead.toolkit.target import own


def test_our_own_migrations_have_their_sql_beside_them() -> None:
    """Every migration of ours can be read as SQL, which is what it sends; the first lies in `sql/` as a whole."""
    scripts = [one for one in in_order(read(migrate.OWN)) if len(files_of(migrate.OWN, one)) == 1]
    assert len(scripts) >= 7
    assert [path.name for one in scripts for path in rendered_files(own(), one.revision) if not path.is_file()] == []
    assert outdated(own()) == {}
