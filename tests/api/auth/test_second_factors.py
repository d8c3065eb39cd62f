from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest
from tests.fixtures.people import tell
from tests.fixtures.signing import PASSWORD, Account, bearer, begin, code_of

from fairlead.db.session import Database

pytestmark = pytest.mark.anyio
PATH = "/api/auth/second-factor"


async def _now(database: Database) -> float:
    [(seconds,)] = await tell(database, "select extract(epoch from statement_timestamp())")
    return float(seconds)


async def _with_factor(
    visitor: httpx.AsyncClient, database: Database, account: Account
) -> tuple[bytes, list[str], str]:
    """Put a second factor in force; return its secret, its backup codes and a session's token."""
    own = bearer((await begin(database, account.user.id)).token)
    offered = (await visitor.post(PATH, json={"password": PASSWORD}, headers=own)).json()["data"]
    secret = base64.b32decode(offered["secret"])
    code = code_of(secret, await _now(database) - 30)
    confirmed = (await visitor.post(f"{PATH}/confirm", json={"code": code}, headers=own)).json()["data"]
    return secret, confirmed["backupCodes"], confirmed["session"]["token"]


async def _challenge(visitor: httpx.AsyncClient, account: Account) -> str:
    refused = await visitor.post("/api/auth/sign-in", json={"email": account.user.email, "password": PASSWORD})
    assert (refused.status_code, refused.json()["code"]) == (403, "SECOND_FACTOR_NEEDED")
    return str(refused.json()["details"]["challenge"])


async def _shown(visitor: httpx.AsyncClient, challenge: str, code: str) -> httpx.Response:
    return await visitor.post("/api/auth/sign-in/code", json={"challenge": challenge, "code": code})


async def test_a_factor_is_asked_for_once_it_is_confirmed(
    visitor: httpx.AsyncClient, database: Database, account: Account
) -> None:
    """Offered alone it changes nothing; confirmed it ends every session, and a sign-in needs its code."""
    own, other = [bearer((await begin(database, account.user.id)).token) for _ in range(2)]
    wrong = await visitor.post(PATH, json={"password": "not it"}, headers=own)
    offered = (await visitor.post(PATH, json={"password": PASSWORD}, headers=own)).json()["data"]
    secret = base64.b32decode(offered["secret"])
    assert wrong.status_code == 401
    assert offered["uri"].startswith("otpauth://totp/Fairlead:")
    plain = await visitor.post("/api/auth/sign-in", json={"email": account.user.email, "password": PASSWORD})
    assert plain.status_code == 200
    early = await visitor.post(f"{PATH}/confirm", json={"code": "000000"}, headers=own)
    assert early.status_code == 401

    now = await _now(database)
    confirmed = await visitor.post(f"{PATH}/confirm", json={"code": code_of(secret, now)}, headers=own)

    assert len(set(confirmed.json()["data"]["backupCodes"])) == 10
    fresh = bearer(confirmed.json()["data"]["session"]["token"])
    for headers, status in ((own, 401), (other, 401), (fresh, 200)):
        assert (await visitor.get("/api/auth/me", headers=headers)).status_code == status
    assert (await visitor.get("/api/auth/me", headers=fresh)).json()["data"]["secondFactor"] is True
    assert (await visitor.post(PATH, json={"password": PASSWORD}, headers=fresh)).status_code == 409
    challenge = await _challenge(visitor, account)
    replayed = await _shown(visitor, challenge, code_of(secret, now))
    entered = await _shown(visitor, challenge, code_of(secret, now + 30))
    assert (replayed.status_code, entered.status_code) == (401, 200)
    assert (await _shown(visitor, challenge, code_of(secret, now + 30))).status_code == 400


async def test_a_backup_code_is_good_once(visitor: httpx.AsyncClient, database: Database, account: Account) -> None:
    """Each backup code lets its owner in once, however it is written; new ones make the old worthless."""
    _, codes, token = await _with_factor(visitor, database, account)
    statuses = [
        (await _shown(visitor, await _challenge(visitor, account), code)).status_code
        for code in (codes[0], codes[0], codes[1].replace("-", " ").lower())
    ]
    assert statuses == [200, 401, 200]

    renewed = await visitor.post(f"{PATH}/backup-codes", json={"password": PASSWORD}, headers=bearer(token))

    assert set(renewed.json()["data"]["backupCodes"]).isdisjoint(codes)
    assert (await _shown(visitor, await _challenge(visitor, account), codes[2])).status_code == 401
    kept = await tell(database, "select secret_hash from credentials where provider = 'backup_code'")
    assert len(kept) == 10
    assert all(len(row.secret_hash) == 64 for row in kept)


async def test_removing_it_needs_the_password(visitor: httpx.AsyncClient, database: Database, account: Account) -> None:
    """Removed with the password it is asked for no more, and its backup codes are gone."""
    _, _, token = await _with_factor(visitor, database, account)
    wrong = await visitor.post(f"{PATH}/remove", json={"password": "not it"}, headers=bearer(token))
    removed = await visitor.post(f"{PATH}/remove", json={"password": PASSWORD}, headers=bearer(token))

    entered = await visitor.post("/api/auth/sign-in", json={"email": account.user.email, "password": PASSWORD})

    assert (wrong.status_code, removed.status_code, entered.status_code) == (401, 200, 200)
    assert (await visitor.get("/api/auth/me", headers=bearer(token))).status_code == 401
    assert await tell(database, "select 1 from credentials where provider = 'backup_code'") == []
    again = bearer(removed.json()["data"]["token"])
    for path in ("remove", "backup-codes"):
        refused = await visitor.post(f"{PATH}/{path}", json={"password": PASSWORD}, headers=again)
        assert refused.status_code == 404


@pytest.mark.parametrize("junk", ["", "12345", "١٢٣٤٥٦", "abcdef", "a" * 40, "''; --"])
async def test_junk_is_no_code(visitor: httpx.AsyncClient, database: Database, account: Account, *, junk: Any) -> None:
    """Whatever is shown as a code is let in or told that it is wrong."""
    await _with_factor(visitor, database, account)

    assert (await _shown(visitor, await _challenge(visitor, account), junk)).status_code == 401


async def test_guesses_of_a_code_come_to_an_end(
    visitor: httpx.AsyncClient, database: Database, account: Account
) -> None:
    """Five wrong codes, then waiting, whatever challenge they are shown with."""
    await _with_factor(visitor, database, account)
    statuses = [(await _shown(visitor, await _challenge(visitor, account), "000000")).status_code for _ in range(6)]

    assert statuses == [401] * 5 + [429]


async def test_a_new_password_voids_a_challenge(
    visitor: httpx.AsyncClient, database: Database, account: Account
) -> None:
    """A challenge stands for the password of that moment, and ends with it."""
    _, codes, token = await _with_factor(visitor, database, account)
    challenge = await _challenge(visitor, account)
    body = {"currentPassword": PASSWORD, "newPassword": "another password for tests"}
    await visitor.post("/api/auth/change-password", json=body, headers=bearer(token))

    assert (await _shown(visitor, challenge, codes[0])).status_code == 400
