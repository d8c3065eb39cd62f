"""`fairlead worker MODULE:APP`: run an application's handlers."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import traceback
from contextlib import AsyncExitStack
from types import ModuleType
from typing import Annotated

import typer

from fairlead.bootstrap import Resources
from fairlead.cli.output import messages
from fairlead.cli.running import command, loaded, opened, run
from fairlead.db.session import Looks
from fairlead.errors import FairleadError, HandlerInvalid
from fairlead.maintenance.scheduler import scheduler
from fairlead.maintenance.upkeep import Upkeep
from fairlead.runtime.collector import settle_in
from fairlead.runtime.loop import Loop
from fairlead.runtime.signals import StopSignals, stop_signals
from fairlead.settings import Settings
from fairlead.worker.main import Worker, WorkerOptions
from fairlead.worker.registry import App


@command
def worker(
    application: Annotated[str, typer.Argument(help="Where the App is, such as myapp.jobs:app.", metavar="MODULE:APP")],
    *,
    queues: Annotated[
        str | None, typer.Option(help="Only these queues, comma-separated; default: all that have a handler.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=10_000, help="Handlers that run at once.")] = 10,
    drain_seconds: Annotated[float, typer.Option(min=0, help="How long SIGTERM lets handlers finish and report.")] = 30,
    until_input_ends: Annotated[bool, typer.Option("--until-input-ends", hidden=True)] = False,
) -> None:
    """Run handlers until stopped: SIGTERM or Ctrl-C drains, a second one gives everything back at once."""
    settings = loaded()
    app = load_app(application)
    names = [] if queues is None else _named(queues)
    options = WorkerOptions(queues=names, concurrency=concurrency, drain_seconds=drain_seconds)
    run(_work(settings, app, options, until_input_ends=until_input_ends))


def _named(queues: str) -> list[str]:
    if names := [name.strip() for name in queues.split(",") if name.strip()]:
        return names
    raise typer.BadParameter(f"{queues!r} names no queue.", param_hint="--queues")


async def _work(settings: Settings, app: App, options: WorkerOptions, *, until_input_ends: bool) -> None:
    """Work until told to stop; a handler that swallows every cancellation does not keep the process from ending."""
    with stop_signals(lambda: messages.print("Draining; once more to give everything back at once.")) as stop:
        async with AsyncExitStack() as stack:
            if until_input_ends:
                _stop_with_input(stop)
            resources = await opened(stack, settings, application_name="fairlead worker", stop=stop)
            process = Worker(resources, app, options=options)
            await run_maintenance(stack, resources, worker=process)
            await process.start()
            stack.push_async_callback(process.drain, stop.release)  # first: no claim waits for another loop to end
            settle_in()
            await stop.drain.wait()
    if process.has_stubborn_handlers:
        messages.print("A handler cannot be stopped; ending without it.")
        sys.stderr.flush()
        os._exit(0)


def _stop_with_input(stop: StopSignals) -> None:
    """Drain when standard input ends: the command that started this worker is gone, killed perhaps."""
    loop = asyncio.get_running_loop()

    def ended() -> None:
        loop.remove_reader(0)
        stop.receive()

    loop.add_reader(0, ended)


async def run_maintenance(
    stack: AsyncExitStack, resources: Resources, *, worker: Worker | None = None
) -> list[Loop | Upkeep]:
    """Start the loops that every long-running process of ours carries, and stop them with the stack.

    They hear the wake-ups that the process's worker hears, without one those that the process itself sends.
    """
    looks: Looks = resources.database if worker is None else worker.listener
    upkeep = Upkeep(resources, looks)
    if worker is not None:
        worker.also_hears = upkeep.hear
    else:
        resources.notifier.overheard = upkeep.hear
    loops: list[Loop | Upkeep] = [upkeep, scheduler(resources, looks)]
    for loop in loops:
        loop.start()
        stack.push_async_callback(loop.stop)
    return loops


def load_app(place: str) -> App:
    """Import MODULE:APP, looking in the working directory too; raises HandlerInvalid that says what is wrong."""
    module_name, _, attribute = place.partition(":")
    if not module_name or not attribute:
        raise HandlerInvalid(f"{place!r} does not name an application; write MODULE:APP, such as myapp.jobs:app.")
    if os.getcwd() not in sys.path:  # noqa: PTH109 - sys.path holds strings
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    module = _imported(module_name, place)
    if not hasattr(module, attribute):
        raise HandlerInvalid(f"The module {module_name!r} has no {attribute!r}.")
    app = getattr(module, attribute)
    if not isinstance(app, App):
        raise HandlerInvalid(f"{place!r} is a {type(app).__name__}, not a fairlead.App.")
    return app


def _imported(name: str, place: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except FairleadError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            raise HandlerInvalid(f"There is no module {error.name!r} to import {place!r} from.") from error
        raise HandlerInvalid(
            f"The module {name!r} cannot be imported: {type(error).__name__}: {error}{_place_of(error)}."
        ) from error


def _place_of(error: BaseException) -> str:
    """Return the line of the user's code that failed, or nothing when the error says it itself."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)[1:] if "importlib" not in frame.filename]
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
