"""The command tree of `fairlead`."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated, Any, NoReturn

import typer

from fairlead.cli import bench, create, credentials, db, demo, dev, doctor, queues, schedules, serve, worker
from fairlead.cli.output import show_wrong_usage
from fairlead.cli.running import end_without_threads

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
create.users.command("password")(credentials.password)
create.users.command("remove-second-factor")(credentials.remove_factor)
app.add_typer(create.users, name="user")
app.add_typer(create.keys, name="key")
app.add_typer(queues.queues, name="queue")
app.add_typer(schedules.group, name="schedule")


def main() -> None:
    """Run the command line; the process ends although a thread of a handler's own goes on."""
    try:
        _run()
    except SystemExit as ended:
        end_without_threads(code=ended.code if isinstance(ended.code, int) else int(ended.code is not None))
        raise


def _run() -> NoReturn:
    """Run it; wrong usage is told as JSON where that is what was asked for."""
    if "--json" not in sys.argv:
        sys.exit(app())
    try:
        sys.exit(app(standalone_mode=False))
    except _WRONG_USAGE as error:
        show_wrong_usage(error.format_message())
        sys.exit(2)
    except typer.Abort:
        sys.exit(1)


_WRONG_USAGE: Any = typer.BadParameter.__base__  # of every error in options and arguments; Typer gives it no name
