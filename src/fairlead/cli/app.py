"""The command tree of `fairlead`."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from fairlead.cli import bench, create, db, demo, dev, doctor, queues, schedules, serve, worker

app = typer.Typer(
    name="fairlead",
    help="Fair, multi-tenant work queues on the PostgreSQL you already run.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _show_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"fairlead {version('fairlead')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the version and exit.",
            is_eager=True,
            callback=lambda wanted: _show_version(wanted=wanted),
        ),
    ] = False,
) -> None:
    """Fair, multi-tenant work queues on the PostgreSQL you already run."""


app.command("dev")(dev.dev)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("bench")(bench.bench)
app.command("doctor")(doctor.doctor)
app.add_typer(db.group, name="db")
app.add_typer(create.organizations, name="org")
app.add_typer(create.users, name="user")
app.add_typer(create.keys, name="key")
app.add_typer(queues.queues, name="queue")
app.add_typer(schedules.group, name="schedule")


def main() -> None:
    """Run the command line."""
    app()
