"""How a command runs: one event loop, errors as exit codes, no traceback for what a person can mend.

Exit codes: 0 done, 1 error, 2 wrong usage or settings or a decision is needed, 3 refused because it destroys,
4 the schema is not the declared one, 130 interrupted.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import typer
import uvloop

from fairlead.bootstrap import Resources, open_resources
from fairlead.cli.output import messages, show_error
from fairlead.errors import DecisionNeeded, DestructiveRefused, FairleadError, SchemaDrifted, SettingsInvalid
from fairlead.observability import log
from fairlead.runtime.signals import StopSignals
from fairlead.settings import Settings, load

_EXIT_CODES: Final[dict[type[FairleadError], int]] = {
    SettingsInvalid: 2,
    DecisionNeeded: 2,
    DestructiveRefused: 3,
    SchemaDrifted: 4,
}
_THREADS_SECONDS: Final = 5.0
_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


def loaded() -> Settings:
    """Read the settings and set logging up by them."""
    settings = load()
    log.configure(level=settings.log_level, log_format=settings.log_format)
    return settings


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a command's work on a fresh event loop; SIGTERM interrupts it in order, as Ctrl-C does."""
    interruptible()
    gc.freeze()  # start-up stays: looking it through now and then would stop everything for a tenth of a second
    return uvloop.run(work)


def end_without_threads(*, code: int) -> None:
    """Let the process end within seconds: threads that handlers began and that are no daemons are waited for by Python.

    They get `_THREADS_SECONDS` to end by themselves; then they are named, and the process ends with `code`.
    """
    threading.Thread(target=_end_without_threads, args=[code], name="end", daemon=True).start()


def _end_without_threads(code: int) -> None:
    threading.main_thread().join()
    time.sleep(_THREADS_SECONDS)
    left = [thread.name for thread in threading.enumerate() if thread.is_alive() and not thread.daemon]
    if not left:  # it is ending already
        return
    messages.print(f"Threads that do not end: {', '.join(left)}; ending without them.")
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(code)


def interruptible() -> None:
    """Let SIGTERM interrupt this command in order, as Ctrl-C does.

    Shells start background jobs with SIGINT ignored, which would make SIGTERM ignored here too.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda _number, _frame: signal.raise_signal(signal.SIGINT))


async def opened(stack: AsyncExitStack, settings: Settings, *, application_name: str, stop: StopSignals) -> Resources:
    """Open what a long-running command needs, waiting for a database that is away; exit when told to stop first."""
    resources = open_resources(settings, application_name=application_name, wait_for_database=True)
    opening = asyncio.create_task(stack.enter_async_context(resources))
    stopping = asyncio.create_task(stop.drain.wait())
    await asyncio.wait([opening, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not opening.done():
        opening.cancel()
        await asyncio.wait([opening])
    if opening.cancelled():
        raise typer.Exit
    return opening.result()


def command(function: Callable[_Parameters, None]) -> Callable[_Parameters, None]:
    """Turn Fairlead's errors into a message and an exit code."""

    @wraps(function)
    def guarded(*arguments: _Parameters.args, **options: _Parameters.kwargs) -> None:
        try:
            function(*arguments, **options)
        except FairleadError as error:
            show_error(error, as_json="--json" in sys.argv)
            raise typer.Exit(_EXIT_CODES.get(type(error), 1)) from None
        except KeyboardInterrupt:
            messages.print("Interrupted.")
            raise typer.Exit(130) from None

    return guarded
