"""Outcomes of many items at once, each accepted or refused by itself.

What `services/leases.py` says of one item holds for each of these. A batch has 1 to 1,000 items, each once. Refused
changes nothing of that item: it is not here, its lease is not current any more, or it was cancelled under this lease,
which an outcome of it ends.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain import limits
from fairlead.domain.ids import is_id
from fairlead.domain.json_values import storable
from fairlead.domain.retry import delay_seconds as backoff_delay_seconds
from fairlead.engine.complete import Completion, complete_by_queue
from fairlead.engine.end_cancelled import end_cancelled
from fairlead.engine.fail import Failure, fail
from fairlead.engine.release import release
from fairlead.engine.renew import renew
from fairlead.engine.reports import Lease
from fairlead.errors import FairleadError, ItemCancelled, LeaseLost, NotFound, ValidationFailed
from fairlead.queries.cancelled import find_cancelled
from fairlead.queries.items import OutcomeRules, find_outcome_rules
from fairlead.services.checks import is_batch, no_text, range_problem, ranged, refuse
from fairlead.services.item_rules import optional_object_problem, result_problem

_CHANCE: Final = random.SystemRandom()


class Report(Protocol):
    """Whatever is said of one item under its lease."""

    @property
    def item_id(self) -> str:
        """The item."""

    @property
    def lease(self) -> int:
        """The fencing number that its claim gave out."""


Said = TypeVar("Said", bound=Report)


class Completed(NamedTuple):
    """One item that is done, and what came of it: any JSON value, None for nothing."""

    item_id: str
    lease: int
    result: Any = None


class Failed(NamedTuple):
    """One attempt that failed; see `leases.fail_item`."""

    item_id: str
    lease: int
    error: str
    retry: bool = True
    delay_seconds: float | None = None


class Renewed(NamedTuple):
    """One lease to be extended, and how far the work is."""

    item_id: str
    lease: int
    progress: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What became of a batch: the ids accepted, why the others were refused, and the queues that may go on for it."""

    accepted: Collection[str]
    refused: Mapping[str, FairleadError]
    freed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Renewals:
    """The ends of the leases that were extended, and why the others were refused."""

    accepted: Mapping[str, datetime]
    refused: Mapping[str, FairleadError]


async def complete_items(
    session: Session, scope: TenantScope, *, items: Sequence[Completed], queue_ids: Collection[str] | None = None
) -> Answers:
    """Accept the work on many items; `queue_ids` limits them to some queues'. Raises ValidationFailed."""
    _check(items, {"result": lambda item: result_problem(item.result)})
    known = None if queue_ids is None else await _rules(session, scope, items, queue_ids)
    completions = [
        Completion(Lease(scope.organization_id, item.item_id, item.lease), item.result)
        for item in items
        if is_id(item.item_id) and (known is None or item.item_id in known)
    ]
    accepted = await complete_by_queue(session, scope, completions=completions) if completions else {}
    left = _left(items, accepted)
    if known is None:  # as mostly: nothing has to be known of what was accepted
        known = await _rules(session, scope, left, None) if left else {}
    return await _answered(session, scope, left=left, rules=known, accepted=accepted)


async def fail_items(
    session: Session, scope: TenantScope, *, items: Sequence[Failed], queue_ids: Collection[str] | None = None
) -> Answers:
    """Record that many attempts failed; `queue_ids` as for completing. Raises ValidationFailed."""
    _check(
        items,
        {
            "error": lambda item: no_text(item.error),
            "delay_seconds": lambda item: range_problem(item.delay_seconds, least=0, most=limits.DELAY_SECONDS),
        },
    )
    rules = await _rules(session, scope, items, queue_ids)
    failures = [_failure(scope, item, rules) for item in items if item.item_id in rules]
    failed = await fail(session, scope, failures=failures) if failures else {}
    accepted = {item_id: rules[item_id].queue_id for item_id in failed}
    return await _answered(session, scope, left=_left(items, accepted), rules=rules, accepted=accepted)


async def renew_items(
    session: Session,
    scope: TenantScope,
    *,
    items: Sequence[Renewed],
    lease_seconds: int | None = None,
    queue_ids: Collection[str] | None = None,
) -> Renewals:
    """Extend many leases, each to `lease_seconds` from now (None: its queue's own). Raises ValidationFailed."""
    refuse({"lease_seconds": range_problem(lease_seconds, least=1, most=limits.LEASE_SECONDS, whole=True)})
    _check(items, {"progress": lambda item: optional_object_problem(item.progress, most_bytes=limits.RESULT_BYTES)})
    rules = await _rules(session, scope, items, queue_ids)
    alike: defaultdict[int, list[Lease]] = defaultdict(list)
    for item in items:
        if item.item_id in rules:
            alike[lease_seconds or rules[item.item_id].lease_seconds].append(_lease(scope, item, rules))
    shown = {item.item_id: item.progress for item in items if item.progress is not None}
    ends: dict[str, datetime] = {}
    for seconds in sorted(alike):
        ends |= await renew(session, scope, leases=alike[seconds], lease_seconds=seconds, progress=shown)
    refused = await _refused(session, scope, left=_left(items, ends), rules=rules)
    return Renewals(ends, refused)


async def release_items(session: Session, scope: TenantScope, *, leases: Mapping[str, int]) -> set[str]:
    """Give items back that nobody began to work on, by their leases; return the ids of those that were."""
    held = [Lease(scope.organization_id, item_id, lease) for item_id, lease in leases.items() if is_id(item_id)]
    return await release(session, scope, leases=held) if held else set()


def _check(items: Sequence[Report], checks: Mapping[str, Any]) -> None:
    """Raise ValidationFailed with what is wrong with every item, or with the batch."""
    if not is_batch(items) or len({item.item_id for item in items}) < len(items):
        raise ValidationFailed(details={"items": f"must be 1 to {limits.BATCH_ITEMS:,} items, each once"})
    every = {"lease": lambda item: ranged(0, limits.CLAIMS)(item.lease), **checks}
    refuse(
        {f"items[{place}].{field}": check(item) for place, item in enumerate(items) for field, check in every.items()}
    )


async def _rules(
    session: Session, scope: TenantScope, items: Sequence[Report], queue_ids: Collection[str] | None
) -> dict[str, OutcomeRules]:
    """Return by id what is to be known of those items that are here, and of one of the queues."""
    found = await find_outcome_rules(session, scope, item_ids=[item.item_id for item in items])
    return {item_id: rules for item_id, rules in found.items() if queue_ids is None or rules.queue_id in queue_ids}


def _lease(scope: TenantScope, item: Report, rules: Mapping[str, OutcomeRules]) -> Lease:
    return Lease(scope.organization_id, item.item_id, item.lease, rules[item.item_id].queue_id)


def _failure(scope: TenantScope, item: Failed, rules: Mapping[str, OutcomeRules]) -> Failure:
    known = rules[item.item_id]
    delay = item.delay_seconds
    if delay is None:
        delay = backoff_delay_seconds(known.backoff, known.attempts, chance=_CHANCE.random())
    error = storable(item.error, most=limits.ERROR_CHARACTERS)
    return Failure(_lease(scope, item, rules), error, delay, give_up=not item.retry)


async def _answered(
    session: Session,
    scope: TenantScope,
    *,
    left: Sequence[Report],
    rules: Mapping[str, OutcomeRules],
    accepted: Mapping[str, str],
) -> Answers:
    """Return what became of outcomes: `accepted` for the queues named, and those of the items that are `left` refused.

    Those of items that are being cancelled end them: their worker has stopped.
    """
    refused = await _refused(session, scope, left=left, rules=rules)
    stopped = [item for item in left if isinstance(refused[item.item_id], ItemCancelled)]
    if stopped:
        await end_cancelled(session, scope, leases=[_lease(scope, item, rules) for item in stopped])
    freed = {*accepted.values(), *(rules[item.item_id].queue_id for item in stopped)}
    return Answers(sorted(accepted), refused, frozenset(freed))


async def _refused(
    session: Session, scope: TenantScope, *, left: Sequence[Report], rules: Mapping[str, OutcomeRules]
) -> dict[str, FairleadError]:
    """Return why each item that is `left` was refused; the database is asked only when one of them is here."""
    here = [(scope.organization_id, item.item_id, item.lease) for item in left if item.item_id in rules]
    cancelled = await find_cancelled(session, scope, leases=here) if here else frozenset()
    reasons: dict[str, FairleadError] = {item.item_id: NotFound() for item in left}
    reasons |= {item_id: LeaseLost() for _, item_id, _ in here}
    return reasons | {item_id: ItemCancelled() for item_id in cancelled}


def _left(items: Sequence[Said], accepted: Container[str]) -> list[Said]:
    return [item for item in items if item.item_id not in accepted]
