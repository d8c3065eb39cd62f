"""Every bound on what comes in, in one place; the HTTP contract and the tests read them from here."""

from __future__ import annotations

from typing import Final

BODY_BYTES: Final = 1024 * 1024
HEADER_BYTES: Final = 16 * 1024  # of a request's head: the address, and all headers together
REQUEST_SECONDS: Final = 15.0  # for all of a request, unless it may wait or is a stream
STREAM_SECONDS: Final = 120.0
WAIT_SECONDS: Final = 20.0  # how long a claim may wait for items
STREAM_BYTES: Final = 50 * 1024 * 1024  # of a body of items, one a line
PAYLOAD_BYTES: Final = 256 * 1024
RESULT_BYTES: Final = 256 * 1024
ERROR_CHARACTERS: Final = 8 * 1024  # longer errors are cut, never refused
ERRORS_KEPT: Final = 10  # attempts whose errors an item remembers
JSON_DEPTH: Final = 32
BATCH_ITEMS: Final = 1000
NAME_CHARACTERS: Final = 100
DESCRIPTION_CHARACTERS: Final = 500
TAGS: Final = 20
TAG_CHARACTERS: Final = 50
KEY_CHARACTERS: Final = 200  # unique and ordering keys
PRIORITY: Final = 1_000_000  # priorities run from minus this to this
MAX_ATTEMPTS: Final = 1000
CLAIMS: Final = 2**31 - 1  # how often an item can be claimed
MAX_CONCURRENCY: Final = 10_000
LEASE_SECONDS: Final = 12 * 3600
DELAY_SECONDS: Final = 366 * 24 * 3600
PAGE_ITEMS: Final = 100
EMAIL_CHARACTERS: Final = 254
PASSWORD_BYTES: Final = range(8, 1024 + 1)
SLUG_CHARACTERS: Final = 63
URL_CHARACTERS: Final = 2048
GRACE_SECONDS: Final = 7 * 24 * 3600  # how long a rotated API key may go on
WEIGHT: Final = 1000
QUEUE_DEPTH: Final = 1_000_000_000
ORGANIZATION_CONCURRENCY: Final = 1_000_000
RATE: Final = 1_000_000_000
RETENTION_SECONDS: Final = 3660 * 24 * 3600
CRON_CHARACTERS: Final = 200
CATCH_UP: Final = 100  # missed runs that are made up for at once
TICKS_SHOWN: Final = 100
