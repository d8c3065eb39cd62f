"""Outcomes of many items over HTTP: one request for a batch, and each item accepted or refused by itself."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.responses import Response

from fairlead.api.answers import changing, one
from fairlead.api.deps import Caller, Consumer, TenantRoute
from fairlead.errors import FairleadError
from fairlead.services.lease_batches import Answers, Completed, Failed, Renewed, complete_items, fail_items, renew_items
from fairlead.wire.lease_batches import (
    CompleteItems,
    FailItems,
    LeaseEnd,
    Outcomes,
    RefusedOutcome,
    Renewals,
    RenewItems,
)
from fairlead.wire.page import Data

router = APIRouter(prefix="/items", tags=["leases"], route_class=TenantRoute)


@router.post("/complete", name="complete_items", response_model=Data[Outcomes], responses=changing())
async def complete(caller: Consumer, body: CompleteItems) -> Response:
    """Report success of up to 1,000 items, each by itself. Scope: `items:claim`."""
    items = [Completed(item.id, item.lease, item.result) for item in body.items]
    async with caller.unit_of_work() as (session, scope):
        answers = await complete_items(session, scope, items=items, queue_ids=caller.principal.queue_ids)
    return _answered(caller, answers)


@router.post("/fail", name="fail_items", response_model=Data[Outcomes], responses=changing())
async def fail(caller: Consumer, body: FailItems) -> Response:
    """Report that up to 1,000 attempts failed, each by itself. Scope: `items:claim`."""
    items = [Failed(item.id, item.lease, item.error, item.retry, item.delay_seconds) for item in body.items]
    async with caller.unit_of_work() as (session, scope):
        answers = await fail_items(session, scope, items=items, queue_ids=caller.principal.queue_ids)
    return _answered(caller, answers)


@router.post("/renew", name="renew_items", response_model=Data[Renewals], responses=changing())
async def renew(caller: Consumer, body: RenewItems) -> Response:
    """Extend up to 1,000 leases, each by itself, and shorten none. Scope: `items:claim`."""
    items = [Renewed(item.id, item.lease, item.progress) for item in body.items]
    async with caller.unit_of_work() as (session, scope):
        renewals = await renew_items(
            session, scope, items=items, lease_seconds=body.lease_seconds, queue_ids=caller.principal.queue_ids
        )
    accepted = [LeaseEnd(id=item_id, lease_expires_at=end) for item_id, end in renewals.accepted.items()]
    return one(Renewals(accepted=accepted, refused=_refusals(renewals.refused)), Renewals)


def _answered(caller: Caller, answers: Answers) -> Response:
    for queue_id in answers.freed:
        caller.resources.notifier.announce(queue_id)
    return one(Outcomes(accepted=list(answers.accepted), refused=_refusals(answers.refused)), Outcomes)


def _refusals(refused: Mapping[str, FairleadError]) -> list[RefusedOutcome]:
    return [RefusedOutcome(id=item_id, code=error.code, error=error.message) for item_id, error in refused.items()]
