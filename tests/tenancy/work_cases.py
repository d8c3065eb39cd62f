"""How what is done to many items at once, and to whole queues, is aimed at another organization, and at a ghost."""

from __future__ import annotations

from typing import Final

from tests.tenancy.case import Case
from tests.tenancy.world import PEPPER, Target

from fairlead.queries import items as item_queries
from fairlead.queries import workers
from fairlead.services import chosen_items, idempotency, items, lease_batches, queues
from fairlead.services.chosen_items import Choice
from fairlead.services.idempotency import Attempt
from fairlead.services.lease_batches import Completed, Failed, Renewed


def _theirs(at: Target) -> Choice:
    return Choice([at.waiting_id, at.completed_id], queue_ids=[at.queue_id])


WORK_CASES: Final[dict[str, Case]] = {
    "queries.items.count_items": Case(
        lambda s, scope, _, at: item_queries.count_items(s, scope, queue_id=at.queue_id, live=True, filters={})
    ),
    "queries.items.count_items of all": Case(
        lambda s, scope, _own, _at: item_queries.count_items(s, scope, live=False, filters={})
    ),
    "queries.items.find_outcome_rules": Case(
        lambda s, scope, _, at: item_queries.find_outcome_rules(s, scope, item_ids=[at.held_id, at.completed_id])
    ),
    "queries.workers.get_workers": Case(lambda s, scope, _own, _at: workers.get_workers(s, scope)),
    "queries.workers.get_workers of some": Case(
        lambda s, scope, _, at: workers.get_workers(s, scope, queue_ids=[at.queue_id])
    ),
    "services.items.count_cancellable": Case(
        lambda s, scope, _, at: items.count_cancellable(s, scope, queue_ids=[at.queue_id])
    ),
    "services.items.count_retryable": Case(
        lambda s, scope, _, at: items.count_retryable(s, scope, queue_ids=[at.queue_id])
    ),
    "services.chosen_items.cancel_chosen": Case(
        lambda s, scope, _, at: chosen_items.cancel_chosen(s, scope, choice=_theirs(at))
    ),
    "services.chosen_items.cancel_chosen by filter": Case(
        lambda s, scope, _, at: chosen_items.cancel_chosen(s, scope, choice=Choice(queue_ids=[at.queue_id]))
    ),
    "services.chosen_items.retry_chosen": Case(
        lambda s, scope, _, at: chosen_items.retry_chosen(s, scope, choice=_theirs(at))
    ),
    "services.chosen_items.count_to_cancel": Case(
        lambda s, scope, _, at: chosen_items.count_to_cancel(s, scope, choice=Choice(queue_ids=[at.queue_id]))
    ),
    "services.chosen_items.count_to_retry": Case(
        lambda s, scope, _, at: chosen_items.count_to_retry(s, scope, choice=Choice(queue_ids=[at.queue_id]))
    ),
    "services.lease_batches.complete_items": Case(
        lambda s, scope, _, at: lease_batches.complete_items(
            s, scope, items=[Completed(at.held_id, at.lease), Completed(at.stopping_id, at.lease)]
        )
    ),
    "services.lease_batches.fail_items": Case(
        lambda s, scope, _, at: lease_batches.fail_items(
            s, scope, items=[Failed(at.held_id, at.lease, "x"), Failed(at.stopping_id, at.lease, "x")]
        )
    ),
    "services.lease_batches.renew_items": Case(
        lambda s, scope, _, at: lease_batches.renew_items(
            s, scope, items=[Renewed(at.held_id, at.lease, {"x": 1}), Renewed(at.completed_id, at.lease)]
        )
    ),
    "services.lease_batches.release_items": Case(
        lambda s, scope, _, at: lease_batches.release_items(s, scope, leases={at.held_id: at.lease})
    ),
    "services.idempotency.recall_answer": Case(
        lambda s, scope, _own, _at: idempotency.recall_answer(s, scope, attempt=Attempt("r", "k", "f"), secret=PEPPER)
    ),
    "services.idempotency.keep_answer": Case(
        lambda s, scope, _own, _at: idempotency.keep_answer(
            s, scope, attempt=Attempt("r", "another", "f"), answer=b"", secret=PEPPER
        )
    ),
    "services.queues.purge_queue": Case(lambda s, scope, _, at: queues.purge_queue(s, scope, queue_id=at.queue_id)),
}
