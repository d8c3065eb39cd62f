from __future__ import annotations

from dataclasses import replace

import pytest
from chaos.canary import canary_of
from chaos.history import Expected, History, State
from tests.chaos.histories import (
    ASKED,
    CANARY,
    COMPLETED,
    FAILED,
    GOOD,
    HELD,
    HELD_AGAIN,
    ITEM,
    ORGANIZATION,
    QUIET,
    ROW,
    SEED,
    TOKEN,
    WAITING,
    WAITING_AGAIN,
    WORKED,
    broken,
    change,
    event,
    said,
    with_events,
    with_life,
)

COMPLETED_BY_SECOND = State("completed", claims=2, attempts=2)
RESCUED = ((10.0, WAITING), (10.5, HELD), (12.5, WAITING_AGAIN), (15.0, HELD_AGAIN), (16.0, COMPLETED_BY_SECOND))


def test_a_history_in_which_everything_held_is_accepted() -> None:
    """The checker finds nothing where nothing is wrong."""
    assert broken(GOOD) == set()


def test_a_rescue_after_the_leases_end_is_accepted() -> None:
    """An item whose holder said nothing may be taken back, granted again and completed by the second."""
    assert broken(with_life(*RESCUED, events=said("complete", "ok", lease=2), claims=2, attempts=2)) == set()


def test_an_acknowledged_item_that_is_gone_is_a_loss() -> None:
    """What was acknowledged has to be there at the end."""
    assert "I1" in broken(replace(GOOD, rows=[]))


def test_an_item_that_is_there_twice_is_wrong() -> None:
    """An acknowledged enqueue is one item, not two."""
    assert "I1" in broken(replace(GOOD, rows=[ROW, ROW]))


def test_an_item_that_never_ends_is_a_loss() -> None:
    """After the drain everything has ended, unless the run does not promise that."""
    stuck = with_life((10.0, WAITING), status="waiting", claims=0, attempts=0, result_canary=None)
    assert broken(stuck) == {"I1"}
    assert broken(replace(stuck, expected=Expected(seed=SEED, drained=False))) == set()


def test_an_accepted_completion_that_is_forgotten_is_a_loss() -> None:
    """A completion that was accepted is the last word, also after a crash."""
    forgotten = with_life((10.0, WAITING), (10.5, HELD), (12.5, FAILED), events=said("complete", "ok"), status="failed")
    assert "I1" in broken(forgotten)


def test_an_item_that_vanishes_from_the_database_is_a_loss() -> None:
    """Only a deletion that somebody asked for removes an item."""
    assert "I1" in broken(with_life((10.0, WAITING), (11.0, None)))


@pytest.mark.parametrize("token", [None, "another"])
def test_an_item_that_nobody_asked_for_is_a_ghost(token: str | None) -> None:
    """Every item was asked for."""
    assert broken(replace(GOOD, rows=[replace(ROW, token=token)])) == {"I2"}


def test_an_item_in_another_organization_is_a_ghost() -> None:
    """An item is in the organization in which it was asked for."""
    other = replace(ROW, organization_id="other", canary=canary_of("other", seed=SEED), result_canary=None)
    assert broken(replace(GOOD, rows=[other])) == {"I2"}


def test_an_item_whose_enqueue_was_refused_is_a_ghost() -> None:
    """A refusal means that nothing was changed."""
    refused = [ASKED[0], event("fail", "enqueue", tokens=[TOKEN], organization_id=ORGANIZATION), *QUIET]
    assert broken(replace(GOOD, events=refused)) == {"I2"}


def test_an_enqueue_whose_answer_was_lost_may_have_happened_or_not() -> None:
    """Nobody knows what became of a request whose answer was lost, so that both are right, and twice is not."""
    lost = [ASKED[0], event("info", "enqueue", tokens=[TOKEN], organization_id=ORGANIZATION), *QUIET]
    assert broken(replace(GOOD, events=lost)) == set()
    assert broken(History(lost, [], [], Expected(seed=SEED))) == set()
    twice = replace(GOOD, events=lost, rows=[ROW, replace(ROW, id="second")])
    assert broken(twice) == {"I2"}


def test_a_completion_under_a_lease_that_was_over_breaks_the_fence() -> None:
    """Only the holder of a lease that has not ended completes an item."""
    assert broken(with_life((10.0, WAITING), (10.5, HELD), (12.5, COMPLETED))) == {"I3"}


@pytest.mark.parametrize("verb", ["complete", "fail", "release", "snooze", "renew"])
def test_an_outcome_that_was_accepted_too_late_breaks_the_fence(verb: str) -> None:
    """No outcome is accepted from a holder whose lease is over, not even one that changes nothing."""
    late = with_life(*RESCUED, events=said(verb, "ok", lease=1), claims=2, attempts=2)
    assert "I3" in broken(late)


def test_a_completion_that_was_refused_and_happened_breaks_the_fence() -> None:
    """Whoever is told that the lease is lost has changed nothing."""
    refused = said("complete", "fail")
    assert broken(with_life((10.0, WAITING), (10.5, HELD), (11.0, COMPLETED), events=refused)) == {"I3"}


def test_a_completion_that_was_asked_for_twice_may_be_refused_once() -> None:
    """A completion whose first answer was lost may have happened although the second was a refusal."""
    asked_again = [*said("complete", "info"), *said("complete", "fail")]
    assert broken(with_life((10.0, WAITING), (10.5, HELD), (11.0, COMPLETED), events=asked_again)) == set()


def test_two_completions_break_the_fence() -> None:
    """An item is completed once, unless somebody asked for a retry."""
    again = State("waiting", claims=1)
    second = State("processing", claims=2, attempts=1, lease_ends=15.0)
    steps = ((10.0, WAITING), (10.5, HELD), (11.0, COMPLETED), (12.0, again), (13.0, second))
    twice = (*steps, (14.0, State("completed", claims=2, attempts=1)))
    assert "I3" in broken(with_life(*twice, claims=2))
    assert broken(with_life(*twice, events=[event("invoke", "retry", ids=[ITEM])], claims=2)) == set()


def test_a_renewal_of_a_lease_that_was_over_breaks_the_fence() -> None:
    """A lease that is over cannot be extended any more."""
    later = replace(HELD, lease_ends=16.0)
    assert broken(with_life((10.0, WAITING), (10.5, HELD), (13.0, later), (14.0, COMPLETED))) == {"I3"}


def test_a_shortened_lease_is_an_overlap() -> None:
    """A renewal never shortens a lease: its holder would not know."""
    shorter = replace(HELD, lease_ends=11.5)
    assert broken(with_life((10.0, WAITING), (10.5, HELD), (11.0, shorter), (11.2, COMPLETED))) == {"I4"}


def test_an_item_taken_from_a_good_lease_is_an_overlap() -> None:
    """A rescue before the lease's end would let two work at once; only the holder may let go."""
    steps = ((10.0, WAITING), (10.5, HELD), (11.0, WAITING_AGAIN), (15.0, HELD_AGAIN), (16.0, COMPLETED_BY_SECOND))
    assert broken(with_life(*steps, claims=2)) == {"I4"}
    assert broken(with_life(*steps, events=said("fail", "info"), claims=2)) == set()


def test_an_item_failed_under_a_good_lease_is_an_overlap() -> None:
    """Not even the last attempt is ended by anybody but its holder before the lease's end."""
    waiting, held, failed = (replace(state, max_attempts=1) for state in (WAITING, HELD, FAILED))
    steps = ((10.0, waiting), (10.5, held), (11.0, failed))
    assert broken(with_life(*steps, status="failed")) == {"I4"}
    assert broken(with_life(*steps, events=said("fail", "ok"), status="failed")) == set()


def test_a_lease_granted_over_another_is_an_overlap() -> None:
    """An item that is held is not granted to somebody else."""
    assert "I4" in broken(with_life((10.0, WAITING), (10.5, HELD), (11.0, HELD_AGAIN), (12.0, COMPLETED_BY_SECOND)))


def test_a_change_that_nobody_saw_is_an_overlap() -> None:
    """Each change begins with what the last one left."""
    unseen = [GOOD.changes[0], GOOD.changes[2]]
    assert "I4" in broken(replace(GOOD, changes=unseen))


def test_a_grant_before_the_item_is_due_is_wrong() -> None:
    """An item for later is not handed out before its time, by the database's clock."""
    later = replace(WAITING, due=11.0)
    early = with_life((10.0, later), (10.5, HELD), (11.0, COMPLETED))
    assert broken(early) == {"I4"}
    assert broken(with_life((10.0, later), (11.0, HELD), (11.5, COMPLETED))) == set()


def test_a_lease_that_is_worked_twice_is_an_overlap() -> None:
    """A lease is for one run of a handler."""
    again = event("invoke", "handle", id=ITEM, lease=1, organization_id=ORGANIZATION, canary=CANARY)
    assert broken(with_events(again)) == {"I4"}


def test_a_handler_without_a_lease_is_an_overlap() -> None:
    """A handler runs only under a lease that was granted: a claim that was rolled back is none."""
    phantom = event("invoke", "handle", id=ITEM, lease=2, organization_id=ORGANIZATION, canary=CANARY)
    assert broken(with_events(phantom)) == {"I4"}


@pytest.mark.parametrize(
    "held",
    [replace(HELD, claims=0), replace(HELD, claims=2), replace(HELD, attempts=0), replace(HELD, attempts=2)],
)
def test_a_claim_that_counts_wrongly_is_found(held: State) -> None:
    """A claim counts one attempt and one claim, so that crashes count and no fence is given out twice."""
    ended = State("completed", claims=held.claims, attempts=held.attempts)
    assert "I5" in broken(with_life((10.0, WAITING), (10.5, held), (11.0, ended), claims=held.claims))


def test_more_attempts_than_allowed_are_found() -> None:
    """An item that kills its workers ends."""
    waiting, held = State("waiting", claims=3, attempts=3), State("processing", 4, 4, lease_ends=12.0)
    ended = State("completed", claims=4, attempts=4)
    history = [change(1, 10.0, None, waiting), change(2, 10.5, waiting, held), change(3, 11.0, held, ended)]
    assert "I5" in broken(replace(GOOD, changes=history, rows=[replace(ROW, claims=4)]))


def test_an_item_that_fails_with_attempts_left_is_found() -> None:
    """Nobody but a handler that gives up fails an item before its attempts are used."""
    early = ((10.0, WAITING), (10.5, HELD), (12.5, FAILED))
    assert broken(with_life(*early, status="failed")) == {"I5"}
    assert broken(with_life(*early, events=said("fail", "info"), status="failed")) == set()


def test_an_attempt_given_back_by_nobody_is_found() -> None:
    """Only a holder that lets go, or that has not begun, gets the attempt back; a rescue counts it."""
    forgiven = State("waiting", claims=1, attempts=0)
    again = State("processing", claims=2, attempts=1, lease_ends=17.0)
    done = State("completed", claims=2, attempts=1)
    steps = ((10.0, WAITING), (10.5, HELD), (12.5, forgiven), (15.0, again), (16.0, done))
    begun = event("invoke", "handle", id=ITEM, lease=1, organization_id=ORGANIZATION, canary=CANARY)
    assert broken(with_life(*steps, events=[begun], claims=2)) == {"I5"}
    assert broken(with_life(*steps, claims=2)) == set()


def test_a_rescue_that_takes_too_long_is_found() -> None:
    """A dead worker's items come back soon after their leases' end."""
    slow = ((10.0, WAITING), (10.5, HELD), (19.0, WAITING_AGAIN), (20.0, replace(HELD_AGAIN, lease_ends=22.0)))
    ended = (*slow, (21.0, COMPLETED_BY_SECOND))
    assert broken(with_life(*ended, claims=2)) == {"I6"}


def test_a_rescue_is_not_late_while_there_is_no_database() -> None:
    """The time without a database does not count."""
    slow = ((10.0, WAITING), (10.5, HELD), (19.0, WAITING_AGAIN), (20.0, replace(HELD_AGAIN, lease_ends=22.0)))
    outage = [event("info", "down", t=11.0), event("info", "up", t=18.0)]
    assert broken(with_life(*slow, (21.0, COMPLETED_BY_SECOND), events=outage, claims=2)) == set()


def test_the_canary_of_another_organization_is_a_leak() -> None:
    """A handler, a payload or a result that carries another organization's canary has seen its data."""
    foreign = canary_of("other", seed=SEED)
    handled = event("invoke", "handle", id=ITEM, lease=1, organization_id=ORGANIZATION, canary=foreign)
    assert broken(replace(GOOD, events=[*ASKED, *QUIET, handled])) == {"I9"}
    assert broken(replace(GOOD, rows=[replace(ROW, canary=foreign)])) == {"I9"}
    assert broken(replace(GOOD, rows=[replace(ROW, result_canary=foreign)])) == {"I9"}


def test_a_payload_in_a_log_is_a_leak() -> None:
    """No line of a log carries a payload."""
    assert broken(with_events(event("info", "leak", place="worker-1.log"))) == {"I9"}


def test_an_error_in_a_workers_log_is_found() -> None:
    """A worker logs an error for what it did not expect, which nothing that is broken here excuses."""
    assert broken(with_events(event("info", "defect", place="worker-1.log", count=1, first="{}"))) == {"log"}


def test_what_is_left_afterwards_is_found() -> None:
    """After the run nothing is held, open or running, and somebody has looked."""
    left = event("info", "quiet", left={"connections": 0, "open transactions": 1})
    assert broken(with_events(left)) == {"I10"}
    assert broken(replace(GOOD, events=[*ASKED, *WORKED])) == {"I10"}
