"""`fairlead demo [DIRECTORY]`: the main job on real input, with a worker killed half-way.

Two organizations take the files in turn, one item each; two worker processes read them; some first attempts fail on
purpose; one worker gets SIGKILL half-way. At the end every file's SHA-256 is compared with one computed here.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from fairlead.bootstrap import Resources, open_resources
from fairlead.cli.child_worker import child_worker
from fairlead.cli.output import AsJson, answers, messages, show_json, show_rows
from fairlead.cli.running import command, loaded, run
from fairlead.db.tenancy import system
from fairlead.domain.limits import BATCH_ITEMS
from fairlead.domain.retry import Backoff
from fairlead.errors import OperatorError, ValidationFailed
from fairlead.queries.item_summary import ItemSummary, results, summarize
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items
from fairlead.services.trials import Trial, erase_trial, make_trial

QUEUE = "demo-files"
_SCOPE = system("a demonstration")
_ORGANIZATIONS = ("Acme", "Globex")
_WORKER = "fairlead.cli.demo_handlers:app"
_CONCURRENCY = 10
_RULES = {"lease_seconds": 2, "max_attempts": 5, "backoff": Backoff(base_seconds=0.2)}
_FAILS_EVERY = 10  # one file in so many fails its first attempt
_WATCH_SECONDS = 1.0  # about how long the work takes when there are few files
_LONGEST_PAUSE_SECONDS = 0.05
_MOST_SECONDS_WITHOUT_PROGRESS = 60.0


@dataclass(frozen=True, slots=True)
class Work:
    """One organization of the demo, and its files by item id."""

    trial: Trial
    files: dict[str, Path]

    @property
    def queue_id(self) -> str:
        """The queue its items are in."""
        return self.trial.queues[QUEUE]


@command
def demo(
    directory: Annotated[Path, typer.Argument(help="Each file below it becomes an item; hidden ones do not.")] = Path(),
    *,
    as_json: AsJson = False,
) -> None:
    """Work every file below a directory for two organizations, kill a worker half-way, and count."""
    files = _files_below(directory)
    report = run(_demo(files))
    if as_json:
        show_json(report)
    else:
        _show(report)
    if report["lost"] or report["wrong"]:
        raise typer.Exit(1)


def _files_below(directory: Path) -> list[Path]:
    """Return the files below a directory that can be read, hidden ones left out."""
    root = directory.resolve()
    if not root.is_dir():
        raise ValidationFailed(f"{directory} is not a directory.")
    found = [
        path
        for path in sorted(root.rglob("*"))
        if not any(_is_left_out(part) for part in path.relative_to(root).parts) and _is_readable_file(path)
    ]
    if len(found) < len(_ORGANIZATIONS):
        raise ValidationFailed(f"There are no files below {root} to work on; name a directory that has some.")
    return found


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__"


def _is_readable_file(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb"):
            return str(path).isprintable()
    except OSError:
        return False


async def _demo(files: Sequence[Path]) -> dict[str, Any]:
    async with open_resources(loaded(), application_name="fairlead demo") as resources, _trials(resources) as trials:
        work = [
            await _enqueue(resources, trial, files[index :: len(trials)], len(files))
            for index, trial in enumerate(trials)
        ]
        await _work_through(resources, work)
        return await _report(resources, work)


@asynccontextmanager
async def _trials(resources: Resources) -> AsyncIterator[list[Trial]]:
    trials = [
        await make_trial(resources.database, _SCOPE, name=name, queues={QUEUE: _RULES}) for name in _ORGANIZATIONS
    ]
    try:
        yield trials
    finally:
        for trial in trials:
            await erase_trial(resources.database, _SCOPE, trial=trial)


async def _enqueue(resources: Resources, trial: Trial, files: Sequence[Path], total: int) -> Work:
    pause = min(_LONGEST_PAUSE_SECONDS, _WATCH_SECONDS * 2 * _CONCURRENCY / total)
    inputs = [
        ItemInput(
            payload={"path": str(path), "pauseSeconds": pause, "failsFirst": number % _FAILS_EVERY == 0},
        )
        for number, path in enumerate(files)
    ]
    ids: list[str] = []
    for start in range(0, len(inputs), BATCH_ITEMS):
        async with resources.database.unit_of_work(trial.scope) as session:
            ids += await enqueue_items(
                session, trial.scope, queue_id=trial.queues[QUEUE], items=inputs[start : start + BATCH_ITEMS]
            )
    return Work(trial, dict(zip(ids, files, strict=True)))


async def _work_through(resources: Resources, work: Sequence[Work]) -> None:
    """Run two workers until everything is finished, and kill one of them half-way."""
    options: dict[str, Any] = {"application": _WORKER, "concurrency": _CONCURRENCY}
    total = sum(len(part.files) for part in work)
    async with child_worker(resources, **options) as survivor, child_worker(resources, **options) as victim:
        patience = Patience()
        async for finished in _progress(resources, work):
            if victim.returncode is None and 2 * finished >= total:
                victim.kill()
                await victim.wait()
                messages.print("Half-way: killed one of the two workers with SIGKILL; the other one goes on.")
            if survivor.returncode is not None:
                raise OperatorError("A worker of the demo stopped by itself; run 'fairlead worker' by hand to see why.")
            patience.saw(finished)


async def _progress(resources: Resources, work: Sequence[Work]) -> AsyncIterator[int]:
    """Show a bar an organization; yield how many items are finished until all are."""
    columns = (TextColumn("{task.description:8}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=messages, transient=True) as progress:
        bars = [progress.add_task(part.trial.name, total=len(part.files)) for part in work]
        while True:
            summaries = [await _summary(resources, part) for part in work]
            for bar, summary in zip(bars, summaries, strict=True):
                progress.update(bar, completed=summary.completed)
            if not any(summary.unfinished for summary in summaries):
                return
            yield sum(summary.completed + summary.failed for summary in summaries)
            await asyncio.sleep(0.05)


class Patience:
    """Ends a demo in which nothing moves, instead of waiting for ever."""

    def __init__(self) -> None:
        self._finished = -1
        self._since = time.monotonic()

    def saw(self, finished: int) -> None:
        """Hear how many items are finished; raises OperatorError when that has not changed for a minute."""
        if finished != self._finished:
            self._finished, self._since = finished, time.monotonic()
        elif time.monotonic() - self._since > _MOST_SECONDS_WITHOUT_PROGRESS:
            raise OperatorError("Nothing has moved for a minute; look at the database's log.")


async def _summary(resources: Resources, part: Work) -> ItemSummary:
    async with resources.database.unit_of_work(part.trial.scope) as session:
        return await summarize(session, part.trial.scope, queue_id=part.queue_id)


async def _report(resources: Resources, work: Sequence[Work]) -> dict[str, Any]:
    """Return what became of everything; the seconds run from the first start to the last finish."""
    summaries = [await _summary(resources, part) for part in work]
    rows = [await _organization_row(resources, part, summary) for part, summary in zip(work, summaries, strict=True)]
    totals = {name: sum(row[name] for row in rows) for name in rows[0] if name != "organization"}
    starts = [summary.first_started_at for summary in summaries if summary.first_started_at]
    ends = [summary.last_finished_at for summary in summaries if summary.last_finished_at]
    seconds = (max(ends) - min(starts)).total_seconds()
    return {
        "organizations": rows,
        **totals,
        "seconds": round(seconds, 2),
        "itemsPerSecond": round(totals["completed"] / seconds, 1),
    }


async def _organization_row(resources: Resources, part: Work, summary: ItemSummary) -> dict[str, Any]:
    async with resources.database.unit_of_work(part.trial.scope) as session:
        done = await results(session, part.trial.scope, queue_id=part.queue_id)
    wrong = await asyncio.to_thread(_count_wrong, part.files, done)
    return {
        "organization": part.trial.name,
        "enqueued": len(part.files),
        "completed": summary.completed,
        "failed": summary.failed,
        "retried": summary.retried,
        "rescued": summary.rescued,
        "lost": len(part.files) - summary.completed - summary.failed,
        "wrong": wrong,
        "lines": sum(result["lines"] for result in done.values()),
        "words": sum(result["words"] for result in done.values()),
    }


def _count_wrong(files: Mapping[str, Path], done: Mapping[str, dict[str, Any]]) -> int:
    """Count the completed files whose SHA-256 is not the one computed here."""
    return sum(
        path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() != done[item_id]["sha256"]
        for item_id, path in files.items()
        if item_id in done
    )


def _show(report: dict[str, Any]) -> None:
    shown = ("organization", "enqueued", "completed", "failed", "retried", "rescued", "lost", "lines", "words")
    rows = [{name: row[name] for name in shown} for row in report["organizations"]]
    show_rows(rows, title="What became of the files")
    answers.print(
        f"{report['enqueued']:,} enqueued, {report['completed']:,} completed, {report['retried']:,} retried, "
        f"{report['rescued']:,} rescued from the killed worker, {report['lost']:,} lost; "
        f"{report['itemsPerSecond']:,.0f} items a second over {report['seconds']:g} seconds."
    )
    if report["lost"] or report["wrong"]:
        messages.print("[red]Something was lost or came out wrong: this is a defect of Fairlead.[/red]")
