from __future__ import annotations

import re

from tests.architecture.source_tree import calls, insist, layers, strings

_FORBIDDEN = re.compile(r"clock_timestamp|timeofday|current_timestamp|localtime|\bnow\(\)", re.IGNORECASE)


def test_a_statement_has_one_time() -> None:
    """All times in the engine are the statement's, by the database's clock: the same for every row, and shardable."""
    insist(
        [
            source.at(constant)
            for source in layers("engine")
            for constant in strings(source)
            if _FORBIDDEN.search(str(constant.value))
        ],
        "Write statement_timestamp(): clock_timestamp() is refused on distributed tables, now() is the transaction's.",
    )


def test_the_engine_never_asks_the_process_for_the_time() -> None:
    """No verb depends on the clock of the machine it is called from."""
    insist(
        [
            source.at(call)
            for source in layers("engine")
            for call in calls(source)
            if getattr(call.func, "attr", "") in {"now", "utcnow", "today", "time", "monotonic"}
        ],
        "Let the statement use statement_timestamp(), or take a delay in seconds as an argument.",
    )
