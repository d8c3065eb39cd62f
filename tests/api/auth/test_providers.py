from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from joserfc.jwk import ECKey, OctKey
from tests.fixtures.issuer import GITHUB, ISSUER, Issuer
from tests.fixtures.people import actions, tell
from tests.fixtures.signing import URL, Account, coming_from, make_account

from fairlead.db.session import Database
from fairlead.domain.providers import ProviderOptions

pytestmark = pytest.mark.anyio
NAME = "corporate"


@pytest.fixture
def issuer(app: FastAPI) -> Issuer:
    """An issuer with which people can sign in, and that is known as GitHub, too."""
    made = Issuer()
    app.state.providers = {NAME: made.provider(), "github": made.provider(GITHUB)}
    app.state.resources = replace(app.state.resources, public_url=URL)
    return made


@pytest.fixture
async def verified(database: Database) -> Account:
    """Somebody whose address both sides have verified."""
    account = await make_account(database, email="ada@example.org")
    await tell(database, "update users set email_verified = true")
    return account


async def begin(visitor: httpx.AsyncClient, *, name: str = NAME, **body: str) -> str:
    """Begin a sign-in and return where the browser is sent."""
    answer = await visitor.post(f"/api/auth/providers/{name}/sign-in", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["url"])


async def come_back(visitor: httpx.AsyncClient, brought: dict[str, str], *, name: str = NAME) -> httpx.Response:
    """Come back from the provider as a browser does."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    return await visitor.get(f"/api/auth/providers/{name}/callback", params=brought, headers=headers)


async def sign_in(visitor: httpx.AsyncClient, issuer: Issuer, *, name: str = NAME, **body: str) -> httpx.Response:
    """Go all the way."""
    return await come_back(visitor, issuer.consent(await begin(visitor, name=name, **body)), name=name)


@pytest.mark.usefixtures("issuer")
async def test_providers_are_listed(visitor: httpx.AsyncClient) -> None:
    """Whoever signs in is told with whom; another name is not found."""
    listed = await visitor.get("/api/auth/providers")

    assert listed.json()["data"] == [{"name": NAME}, {"name": "github"}]
    assert (await visitor.post("/api/auth/providers/nobody/sign-in", json={})).status_code == 404
    assert (await visitor.get("/api/auth/providers/nobody/callback")).status_code == 404


async def test_the_browser_is_sent_with_state_nonce_and_challenge(visitor: httpx.AsyncClient, issuer: Issuer) -> None:
    """The address is the issuer's own, the way back is ours by the settings, and each sign-in has new secrets."""
    headers = {"Host": "evil.example"}
    first = await visitor.post(f"/api/auth/providers/{NAME}/sign-in", json={}, headers=headers)
    urls = [first.json()["data"]["url"], await begin(visitor)]
    asked = [{name: values[0] for name, values in parse_qs(urlsplit(url).query).items()} for url in urls]

    assert urls[0].startswith(f"{issuer.name}/authorize?")
    assert {one["redirect_uri"] for one in asked} == {f"{URL}/api/auth/providers/{NAME}/callback"}
    for name in ("state", "nonce", "code_challenge"):
        assert len({one[name] for one in asked}) == 2
    cookie = first.headers["set-cookie"]
    assert cookie.startswith("__Host-fairlead-sign-in=")
    assert all(part in cookie for part in ("HttpOnly", "Secure", "SameSite=lax", "Max-Age=600", "Path=/"))
    assert asked[0]["state"] not in cookie


async def test_an_address_that_both_have_verified_links(
    visitor: httpx.AsyncClient, issuer: Issuer, database: Database, verified: Account
) -> None:
    """The account here becomes the one there, in the trail, too; the session is in a cookie and works."""
    issuer.person["email"] = "ADA@Example.org"
    entered = await sign_in(visitor, issuer)

    assert entered.status_code == 200, entered.text
    assert entered.json()["data"]["user"]["id"] == verified.user.id
    assert entered.json()["data"]["token"] is None
    assert (await visitor.get("/api/auth/me")).status_code == 200
    assert {"user.identity_linked", "user.signed_in"} <= set(await actions(database))


async def test_who_is_known_is_known_by_the_providers_id(
    visitor: httpx.AsyncClient, issuer: Issuer, database: Database, verified: Account
) -> None:
    """After the first time the address does not matter, neither another one there nor who has it by now."""
    await sign_in(visitor, issuer)
    other = await make_account(database, email="new@example.org")
    await tell(database, "update users set email_verified = true")
    issuer.person |= {"email": "new@example.org", "email_verified": False}
    again = await sign_in(visitor, issuer)
    issuer.person |= {"sub": "8", "email_verified": True}
    another = await sign_in(visitor, issuer)

    assert again.json()["data"]["user"]["id"] == verified.user.id
    assert another.json()["data"]["user"]["id"] == other.user.id
    assert len(await tell(database, "select 1 from credentials where provider = :p", p=ISSUER)) == 2


@pytest.mark.usefixtures("verified")
@pytest.mark.parametrize("told", [{"email_verified": False}, {"email_verified": "true"}, {"email": None}])
async def test_an_address_that_the_provider_has_not_verified_links_nobody(
    visitor: httpx.AsyncClient, issuer: Issuer, told: dict[str, Any]
) -> None:
    """Whoever just says that an address is theirs gets no account by it, also not a new one."""
    issuer.person |= told
    answers = [await sign_in(visitor, issuer), await sign_in(visitor, issuer, organization="Mine")]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "ACCOUNT_NOT_LINKED")] * 2
    assert (await visitor.get("/api/auth/me")).status_code == 401


async def test_an_account_that_has_not_proved_its_address_is_not_linked(
    visitor: httpx.AsyncClient, issuer: Issuer, database: Database
) -> None:
    """An account that somebody made with another's address does not get hold of that other's identity."""
    await make_account(database, email="ada@example.org")
    refused = await sign_in(visitor, issuer, organization="Mine")

    assert (refused.status_code, refused.json()["code"]) == (403, "ACCOUNT_NOT_LINKED")
    assert "verify" in refused.json()["error"]


async def test_whoever_is_new_brings_an_organization(
    visitor: httpx.AsyncClient, issuer: Issuer, database: Database
) -> None:
    """Without the name of one nobody is made; with it there is an owner with a verified address, and no password."""
    refused = await sign_in(visitor, issuer)
    assert (refused.status_code, refused.json()["code"]) == (403, "ACCOUNT_NOT_LINKED")
    assert await tell(database, "select 1 from users") == []
    made = await sign_in(visitor, issuer, organization="Analytical Engines")

    assert made.status_code == 200, made.text
    [row] = await tell(database, "select u.email, u.email_verified, o.name from users u join organizations o on true")
    assert tuple(row) == ("ada@example.org", True, "Analytical Engines")
    assert [row.provider for row in await tell(database, "select provider from credentials")] == [ISSUER]


async def test_a_second_factor_is_asked_for_here_too(
    visitor: httpx.AsyncClient, issuer: Issuer, database: Database, verified: Account
) -> None:
    """A provider is one factor; the other one is still ours to ask for."""
    insert = "insert into second_factors (user_id, sealed_secret, confirmed_at) values (:u, '\\x00', now())"
    await tell(database, insert, u=verified.user.id)
    answer = await sign_in(visitor, issuer)

    assert (answer.status_code, answer.json()["code"]) == (403, "SECOND_FACTOR_NEEDED")
    assert answer.json()["details"]["challenge"].startswith("flc_")


async def test_a_deleted_user_is_nobody(
    visitor: httpx.AsyncClient, issuer: Issuer, database: Database, verified: Account
) -> None:
    """Who was deleted does not come back by a provider that still knows them."""
    await sign_in(visitor, issuer)
    await tell(database, "update users set deleted_at = now() where id = :u", u=verified.user.id)

    assert (await sign_in(visitor, issuer)).json()["code"] == "ACCOUNT_NOT_LINKED"


LIES: dict[str, dict[str, Any]] = {
    "another nonce": {"lies": {"nonce": "x"}},
    "no nonce": {"lies": {"nonce": None}},
    "for somebody else": {"lies": {"aud": "them"}},
    "for us and somebody else": {"lies": {"aud": ["us", "them"], "azp": "them"}},
    "of another issuer": {"lies": {"iss": "https://evil.test"}},
    "too old": {"lies": {"exp": int(time.time()) - 1000}},
    "without an end": {"lies": {"exp": None}},
    "of nobody": {"lies": {"sub": None}},
    "of a number": {"lies": {"sub": 7}},
    "of what no id can be": {"lies": {"sub": "a\x00b"}},
    "unsigned": {"algorithm": "none"},
    "signed with another key": {"signs_with": ECKey.generate_key("P-256", {"kid": "one"})},
    "signed with a shared secret": {
        "signs_with": OctKey.import_key("a-secret-that-the-issuer-knows"),
        "algorithm": "HS256",
    },
}


@pytest.mark.usefixtures("verified")
@pytest.mark.parametrize("lie", LIES)
async def test_what_is_not_the_issuers_word_for_us_now_is_not_believed(
    visitor: httpx.AsyncClient, issuer: Issuer, lie: str
) -> None:
    """An ID token that is forged, old, of another sign-in or for others signs nobody in."""
    for name, value in LIES[lie].items():
        setattr(issuer, name, value)
    answer = await sign_in(visitor, issuer)

    assert (answer.status_code, answer.json()["code"]) == (401, "SIGN_IN_FAILED"), answer.text
    assert (await visitor.get("/api/auth/me")).status_code == 401


@pytest.mark.usefixtures("verified")
async def test_only_the_browser_that_began_can_finish(app: FastAPI, visitor: httpx.AsyncClient, issuer: Issuer) -> None:
    """A way back that somebody else began, that was changed or used, signs nobody in."""
    brought = issuer.consent(await begin(visitor))
    async with coming_from(app) as victim:
        answers = [await come_back(victim, brought)]  # an attacker's link: no cookie
        await begin(victim)
        answers.append(await come_back(victim, brought))  # the cookie of another sign-in
    answers += [
        await come_back(visitor, {**brought, "state": "x"}),
        await come_back(visitor, {"code": brought["code"]}),
        await come_back(visitor, {"state": brought["state"]}),
        await come_back(visitor, {"state": brought["state"], "error": "access_denied"}),
        await come_back(visitor, brought, name="github"),  # the cookie belongs to the other provider
    ]
    entered = await come_back(visitor, brought)
    answers.append(await come_back(visitor, brought))

    assert entered.status_code == 200
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(401, "SIGN_IN_FAILED")}


@pytest.mark.usefixtures("verified")
async def test_a_code_is_of_no_use_without_its_verifier(visitor: httpx.AsyncClient, issuer: Issuer) -> None:
    """A code that was stolen from one sign-in is refused in another: it is bound to the secret of its own."""
    stolen = issuer.consent(await begin(visitor))["code"]
    mine = issuer.consent(await begin(visitor))

    assert (await come_back(visitor, {**mine, "code": stolen})).json()["code"] == "SIGN_IN_FAILED"


async def test_an_issuer_that_is_away_or_another_one(visitor: httpx.AsyncClient, issuer: Issuer) -> None:
    """It is told that the provider cannot be asked, to begin and to finish; later it works."""
    issuer.is_away = True
    away = await visitor.post(f"/api/auth/providers/{NAME}/sign-in", json={})
    issuer.is_away, issuer.name = False, "https://evil.test"
    another = await visitor.post(f"/api/auth/providers/{NAME}/sign-in", json={})
    issuer.name = ISSUER
    brought = issuer.consent(await begin(visitor))
    issuer.is_away = True
    unfinished = await come_back(visitor, brought)

    told = [(answer.status_code, answer.json()["code"]) for answer in (away, another, unfinished)]
    assert told == [(503, "PROVIDER_UNAVAILABLE")] * 3


async def test_github_is_asked_for_what_it_has_verified(
    visitor: httpx.AsyncClient, issuer: Issuer, database: Database, verified: Account
) -> None:
    """Of GitHub, which has no ID tokens, the number of the account and its verified primary address are taken."""
    issuer.person["email_verified"] = False
    refused = await sign_in(visitor, issuer, name="github")
    issuer.person["email_verified"] = True
    entered = await sign_in(visitor, issuer, name="github")

    assert refused.json()["code"] == "ACCOUNT_NOT_LINKED"
    assert entered.json()["data"]["user"]["id"] == verified.user.id
    [row] = await tell(database, "select provider, account_id from credentials where provider <> 'password'")
    assert tuple(row) == ("https://github.com", "7")


@pytest.mark.usefixtures("verified")
async def test_the_browser_goes_on_to_a_page_of_ours(visitor: httpx.AsyncClient, issuer: Issuer) -> None:
    """With a path to return to the answer sends the browser there, signed in; another site's address is refused."""
    entered = await sign_in(visitor, issuer, returnTo="/queues?page=2")

    assert (entered.status_code, entered.headers["location"]) == (303, "/queues?page=2")
    assert (await visitor.get("/api/auth/me")).status_code == 200
    for address in ("https://evil.test/", "//evil.test", "/\\evil.test", "/\tx", "queues", ""):
        refused = await visitor.post(f"/api/auth/providers/{NAME}/sign-in", json={"returnTo": address})
        assert refused.status_code == 400, address


@pytest.mark.usefixtures("issuer")
async def test_another_sites_page_begins_nothing(visitor: httpx.AsyncClient) -> None:
    """Beginning is for our own pages and for programs."""
    headers = {"Sec-Fetch-Site": "cross-site"}
    refused = await visitor.post(f"/api/auth/providers/{NAME}/sign-in", json={}, headers=headers)

    assert refused.status_code == 403


@pytest.mark.usefixtures("issuer")
async def test_no_header_says_where_the_browser_comes_back(app: FastAPI, visitor: httpx.AsyncClient) -> None:
    """While nobody has said where we are found, a sign-in begins at a loopback address and is refused elsewhere."""
    app.state.resources = replace(app.state.resources, public_url=None)
    path = f"/api/auth/providers/{NAME}/sign-in"
    elsewhere = await visitor.post(path, json={}, headers={"Host": "evil.example"})
    here = await visitor.post(path, json={}, headers={"Host": "localhost:8000"})

    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "FORBIDDEN")
    assert "FAIRLEAD_PUBLIC_URL" in elsewhere.json()["error"]
    assert here.status_code == 200


def test_secrets_are_not_shown() -> None:
    """The representation of a provider, which may be logged, has no secret."""
    assert "hush" not in repr(ProviderOptions("x", ISSUER, "us", "hush"))
