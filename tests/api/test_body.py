from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.organizations import Tenant

from fairlead.api.body import parse_json
from fairlead.domain import limits
from fairlead.errors import ValidationFailed

JSON = {"content-type": "application/json"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'\xef\xbb\xbf{"payload": {}}',
        b'{"payload": {"a": "\xed\xa0\x80"}}',
        b'{"payload": {"a": "\\ud800"}}',
        b'{"payload": {"\\udfff": 1}}',
        b'{"payload": {"a": "\\u0000"}}',
        b'{"payload": {"a": "\x00"}}',
        b'{"payload": {"a": NaN}}',
        b'{"payload": {"a": Infinity}}',
        b'{"payload": {"a": -Infinity}}',
        b'{"payload": {"a": 1e999}}',
        b'{"payload": {"a": 9223372036854775808}}',
        b'{"payload": {"a": -9223372036854775809}}',
        b'{"payload": {"a": ' + b"9" * 100_000 + b"}}",
        b'{"payload": {}, "payload": {}}',
        b'{"payload": {"a": 1, "a": 1}}',
        b'{"payload": ' + b'{"a":' * 100 + b"1" + b"}" * 101,
        b"[" * 500_000,
        b'{"a":' * 150_000,
        b'"' + b'\\"' * 500_000,
        b"[]" * 400_000,
        b"[" * 200_000 + b"]" * 200_000,
        b"null",
        b"[]",
        b'"text"',
    ],
    ids=lambda body: repr(body[:30]),
)
async def test_unreadable_bodies_are_refused(client: httpx.AsyncClient, ours: Tenant, *, body: bytes) -> None:
    """Whatever is not one strict JSON object is 400 with a sentence on the body, never 500."""
    refused = await client.post(f"/api/queues/{ours.queue_id}/items", content=body, headers=JSON)

    assert refused.status_code == 400
    assert refused.json()["code"] == "VALIDATION_FAILED"
    assert refused.json()["details"].keys() == {"body"}


@pytest.mark.anyio
async def test_extremes_survive_unchanged(client: httpx.AsyncClient, ours: Tenant) -> None:
    """Numbers, texts and nesting at their limits come back exactly as they were sent."""
    deep: dict[str, Any] = {}
    for _ in range(limits.JSON_DEPTH - 2):
        deep = {"d": deep}
    payload = {"most": 2**63 - 1, "least": -(2**63), "float": 0.1, "text": 'é𝄞\u2028"\\', "": None, "deep": deep}

    made = await client.post(f"/api/queues/{ours.queue_id}/items", json={"payload": payload})
    deeper = await client.post(f"/api/queues/{ours.queue_id}/items", json={"payload": payload | {"deep": {"d": deep}}})

    assert made.status_code == 201
    assert made.json()["data"]["payload"] == payload
    assert deeper.status_code == 400
    assert deeper.json()["details"].keys() == {"payload"}


@pytest.mark.anyio
@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
async def test_other_media_types_are_refused(
    client: httpx.AsyncClient, ours: Tenant, *, media_type: str | None
) -> None:
    """A body that does not say it is JSON is 415."""
    headers = {} if media_type is None else {"content-type": media_type}

    refused = await client.post(f"/api/queues/{ours.queue_id}/items", content=b'{"payload": {}}', headers=headers)

    assert refused.status_code == 415
    assert refused.json()["code"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.anyio
async def test_media_type_may_name_its_charset(client: httpx.AsyncClient, ours: Tenant) -> None:
    """Parameters and letter case of the media type do not matter."""
    headers = {"content-type": "Application/JSON; charset=utf-8"}

    made = await client.post(f"/api/queues/{ours.queue_id}/items", content=b'{"payload": {}}', headers=headers)

    assert made.status_code == 201


@pytest.mark.anyio
@pytest.mark.parametrize("announced", [True, False])
async def test_body_size_has_a_limit(client: httpx.AsyncClient, ours: Tenant, *, announced: bool) -> None:
    """A body at the limit is read; one byte more is 413, with or without a Content-Length."""
    shell = b'{"payload": {}}'
    sizes = (limits.BODY_BYTES, limits.BODY_BYTES + 1)
    path = f"/api/queues/{ours.queue_id}/items"

    statuses = []
    for size in sizes:
        body = shell + b" " * (size - len(shell))
        content = body if announced else _chunks(body)
        statuses.append((await client.post(path, content=content, headers=JSON)).status_code)

    assert statuses == [201, 413]


@pytest.mark.anyio
async def test_endless_body_is_not_read_on(client: httpx.AsyncClient, ours: Tenant) -> None:
    """A body without an end is refused as soon as it is larger than the limit."""
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 65536
            yield b" " * 65536

    refused = await client.post(f"/api/queues/{ours.queue_id}/items", content=endless(), headers=JSON)

    assert refused.status_code == 413
    assert refused.json()["code"] == "PAYLOAD_TOO_LARGE"
    assert read <= limits.BODY_BYTES + 2 * 65536


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\u0d8123eE-.NaIl ', max_size=200).map(str.encode))
def test_no_bytes_break_the_parser(body: bytes) -> None:
    """Any bytes either parse or are refused as ValidationFailed; nothing else ever comes out."""
    with suppress(ValidationFailed):
        parse_json(body)


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]
