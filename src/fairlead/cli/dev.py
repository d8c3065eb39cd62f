"""`fairlead dev`: everything for one person in one process: database, API, a worker with example handlers.

Two example organizations are made the first time, with a user, a key and two queues each; later starts find them and
make fresh keys and another password, since neither is kept. Mails are not sent but shown at /outbox, unless a mail
server is named.
"""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from typing import Annotated

import typer
from rich.table import Table

from fairlead.bootstrap import Resources
from fairlead.cli.dev_handlers import app as example
from fairlead.cli.mails import run_mails
from fairlead.cli.output import messages
from fairlead.cli.running import command, loaded, opened, run
from fairlead.cli.serve import Host, Port, listening
from fairlead.cli.worker import load_app, run_maintenance
from fairlead.runtime.collector import settle_in
from fairlead.runtime.signals import stop_signals
from fairlead.services.examples import Example, ensure_example
from fairlead.services.passwords import Passwords
from fairlead.worker.main import Worker, WorkerOptions
from fairlead.worker.registry import App

_PASSWORD_BYTES = 12
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
            password = secrets.token_urlsafe(_PASSWORD_BYTES)
            examples = await _examples(resources, app, password)
            process = Worker(resources, app, options=WorkerOptions())
            await run_maintenance(stack, resources, worker=process)
            address = await listening(stack, resources, host=host, port=port, outbox=True)
            await run_mails(stack, resources, stop=stop, url=address, kept=True)
            await process.start()
            stack.push_async_callback(process.drain, stop.release)  # first: no claim waits for another loop to end
            _introduce(examples, address, password)
            settle_in()
            await stop.drain.wait()


async def _examples(resources: Resources, app: App, password: str) -> list[Example]:
    """Make the organizations, or find them, with owners who sign in with the password."""
    passwords = Passwords()
    secret_hash = await passwords.hashed(password)
    passwords.close()
    return [
        await ensure_example(
            resources.database,
            name=name,
            slug=slug,
            email=email,
            queues=app.queues,
            pepper=resources.pepper,
            secret_hash=secret_hash,
        )
        for name, slug, email in _EXAMPLES
    ]


def _introduce(examples: list[Example], address: str, password: str) -> None:
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
    messages.print(f"Or sign in as a person; mails are kept at {address}/outbox:\n")
    messages.out(
        f"  curl {address}/api/auth/sign-in -H 'Content-Type: application/json' \\\n"
        f"""    -d '{{"email": "{_EXAMPLES[0][2]}", "password": "{password}"}}'\n"""
    )
    messages.print("Ctrl-C stops everything; the data stays.")
