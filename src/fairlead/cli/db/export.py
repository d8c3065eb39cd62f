"""`fairlead db export`: the whole schema as SQL."""

from __future__ import annotations

import sys

from fairlead.cli.db.place import TargetName, chosen_target
from fairlead.cli.output import AsJson, show_json
from fairlead.cli.running import command
from fairlead.toolkit.export import export as exported


@command
def export(*, target: TargetName = "", as_json: AsJson = False) -> None:
    """Print the schema that the models declare as SQL for an empty database; needs no database itself."""
    chosen = chosen_target(target)
    text = exported(chosen)
    if as_json:
        show_json({"target": chosen.name, "sql": text})
    else:
        sys.stdout.write(text)
