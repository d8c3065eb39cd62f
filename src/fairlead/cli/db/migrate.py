"""`fairlead db migrate`: bring the database to the newest schema."""

from __future__ import annotations

from fairlead.bootstrap import database_server, direct_url
from fairlead.cli.output import AsJson, messages, show_json
from fairlead.cli.running import command, loaded
from fairlead.db import migrate as migrations


@command
def migrate(*, as_json: AsJson = False) -> None:
    """Bring the database to the newest schema; safe to run twice, or on several machines at once."""
    settings = loaded()
    with database_server(settings) as url:
        applied = migrations.migrate(
            direct_url(settings, url), on_step=lambda revision: messages.print(f"Applying {revision}")
        )
    if as_json:
        show_json({"applied": applied})
    else:
        messages.print(f"Applied {len(applied)} migration(s)." if applied else "The schema is the newest already.")
