"""`fairlead dev`: everything for one person in one process: database, API, a worker with example handlers.

Two example organizations are made the first time, with a user, a key and two queues each; later starts find them and
make fresh keys, since a key is only ever shown once.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Annotated

import typer
from rich.table import Table

from fairlead.cli.dev_handlers import app as example
from fairlead.cli.output import messages
from fairlead.cli.running import command, loaded, opened, run
from fairlead.cli.serve import Host, Port, listening
from fairlead.cli.worker import load_app, run_maintenance
from fairlead.runtime.signals import stop_signals
from fairlead.services.examples import Example, ensure_example
from fairlead.worker.main import Worker, WorkerOptions
from fairlead.worker.registry import App

_EXAMPLES = (("Acme", "acme", "ada@acme.example"), ("Globex", "globex", "grace@globex.example"))


@command
def dev(
    application: Annotated[
        str, typer.Argument(help="Your App, such as myapp.jobs:app; default: example handlers.", metavar="[MODULE:APP]")
    ] = "",
    *,
    host: Host = "127.0.0.1",
    port: Port = 8000,
) -> None:
    """Start everything for development: database, API, and a worker; Ctrl-C stops it all."""
    run(_dev(load_app(application) if application else example, host, port))


async def _dev(app: App, host: str, port: int) -> None:
    with stop_signals(lambda: messages.print("Stopping; once more to hurry.")) as stop:
        async with AsyncExitStack() as stack:
            resources = await opened(stack, loaded(), application_name="fairlead dev", stop=stop)
            examples = [
                await ensure_example(
                    resources.database, name=name, slug=slug, email=email, queues=app.queues, pepper=resources.pepper
                )
                for name, slug, email in _EXAMPLES
            ]
            process = Worker(resources, app, options=WorkerOptions())
            await process.start()
            stack.push_async_callback(process.drain, stop.release)
            await run_maintenance(stack, resources, worker=process)
            address = await listening(stack, resources, host=host, port=port)
            _introduce(examples, address)
            await stop.drain.wait()


def _introduce(examples: list[Example], address: str) -> None:
    table = Table(title="Two organizations to try things with", title_justify="left")
    for heading in ("organization", "queue", "queue id", "API key"):
        table.add_column(heading, no_wrap=heading == "queue id", overflow="fold")
    for made in examples:
        for name, queue_id in made.queues.items():
            table.add_row(made.name, name, queue_id, made.key)
    messages.print(table)
    queue, queue_id = next(iter(examples[0].queues.items()))
    messages.print(f"Enqueue an item into {examples[0].name}'s queue '{queue}':\n")
    messages.out(
        f"  curl {address}/api/queues/{queue_id}/items \\\n"
        f"    -H 'Authorization: Bearer {examples[0].key}' -H 'Content-Type: application/json' \\\n"
        """    -d '{"payload": {"to": "you@example.com"}}'\n"""
    )
    messages.print("Ctrl-C stops everything; the data stays.")
