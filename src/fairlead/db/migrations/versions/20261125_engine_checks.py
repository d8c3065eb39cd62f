"""The second half of `20261124_engine`: its constraints are checked, and every item there is counted.

Run it when no code of the release before is at work any more, which moves items without counting them (run too early,
`fairlead db recount` mends the counters). Checking the constraints reads every item once and stops nobody; counting
reads them once more.

Revision: 20261125_engine_checks, after 20261124_engine
"""

from __future__ import annotations

from alembic import op

revision = "20261125_engine_checks"
down_revision = "20261124_engine"
branch_labels = None
depends_on = None

_UP = """
alter table queue_items_live validate constraint queue_items_live_queue_fkey;
alter table queue_items validate constraint queue_items_ready_check;
alter table queue_items validate constraint queue_items_blocked_check;
alter table queue_items validate constraint queue_items_unique_while_check;
alter table queues validate constraint queues_backoff_policy_check;
alter table queues validate constraint queues_backoff_delays_check;
set local role fairlead_system;
with gone as (
    delete from item_counters
)
insert into item_counters (organization_id, queue_id, waiting, processing, completed, failed, cancelled)
select organization_id, queue_id, count(*) filter (where status = 'waiting'),
    count(*) filter (where status = 'processing'), count(*) filter (where status = 'completed'),
    count(*) filter (where status = 'failed'), count(*) filter (where status = 'cancelled')
from queue_items
group by organization_id, queue_id
"""


def upgrade() -> None:
    """Check and count."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("set local role fairlead_owner")
    for statement in _UP.split(";\n"):
        op.execute(statement)
    op.execute("reset role")


def downgrade() -> None:
    """Leave everything as it is: a counted item and a checked constraint are no less true before."""
