from __future__ import annotations

import pytest
from tests.fixtures.studios import ORIGIN, PORT, Guest

from fairlead.studio.app import STATIC
from fairlead.studio.guard import CSRF_HEADER

pytestmark = pytest.mark.anyio

CHANGE = {"key": ["x"], "column": "name", "seen": "work", "value": "other"}
WRITES = ["/t/queues/change", "/t/queues/add", "/t/queues/delete", "/tenant", "/sql/run", "/sql/cancel"]
PAGES = [
    "/",
    "/sql",
    "/migrations",
    "/t/users",
    "/t/users/structure",
    "/t/users/export.csv",
    "/organizations",
    "/t/users/row",
]


async def test_a_stranger_sees_nothing(guest: Guest) -> None:
    """Without the cookie no page, list or file is shown, whoever asks on this machine."""
    for path in PAGES:
        answer = await guest.stranger.get(path)
        assert answer.status_code == 401, path
        assert "fairlead db studio" in answer.text


async def test_a_stranger_does_nothing(guest: Guest) -> None:
    """Without the cookie nothing is done, even from the right origin."""
    for path in WRITES:
        answer = await guest.stranger.post(path, json={}, headers={"origin": ORIGIN, CSRF_HEADER: "x"})
        assert answer.status_code == 401, path


async def test_the_address_works_once(guest: Guest) -> None:
    """The token is spent by the first who opens it; the browser that has the cookie goes on."""
    address = f"/open?token={guest.studio.door.address.partition('token=')[2]}"
    assert (await guest.stranger.get(address)).status_code == 401
    assert (await guest.stranger.get("/open?token=")).status_code == 401
    assert (await guest.stranger.get("/open")).status_code == 401
    assert not guest.stranger.cookies
    again = await guest.client.get("/open")
    assert (again.status_code, again.headers["location"]) == (303, "/")


async def test_the_cookie(guest: Guest) -> None:
    """Scripts cannot read the cookie and no other site's request carries it; it is named after the port."""
    guest.studio.door._token = "again"
    answer = await guest.stranger.get("/open?token=again")
    cookie = answer.headers["set-cookie"].lower()
    assert answer.status_code == 200
    assert cookie.startswith(f"fairlead_studio_{PORT}=")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "domain" not in cookie


FOREIGN = ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", f"0.0.0.0:{PORT}", ""]


async def test_another_name_is_refused(guest: Guest) -> None:
    """A name that somebody's DNS points at this machine (rebinding) gets no answer, cookie or not."""
    for host in FOREIGN:
        for client, path in ((guest.client, "/"), (guest.client, "/t/users"), (guest.stranger, "/open?token=x")):
            answer = await client.get(path, headers={"host": host})
            assert answer.status_code == 421, host
            assert "<" not in answer.text


async def test_our_own_names(guest: Guest) -> None:
    """The loopback's own names with our port are answered."""
    for name in ("localhost", "[::1]", "127.0.0.1"):
        assert (await guest.client.get("/", headers={"host": f"{name}:{PORT}"})).status_code == 200, name


FORGED = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": f"http://127.0.0.1:{PORT + 1}"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {CSRF_HEADER: ""},
    {CSRF_HEADER: "guessed"},
]


async def test_another_pages_request_is_refused(writer: Guest) -> None:
    """A request that another page makes this browser send does nothing, though the cookie came along."""
    for path in WRITES:
        for forged in FORGED:
            answer = await writer.client.post(path, json=CHANGE, headers=forged)
            assert answer.status_code == 403, f"{path} {forged}"


async def test_no_other_verbs(guest: Guest) -> None:
    """Nothing is offered to other sites, by no verb: there is no CORS."""
    for verb in ("OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"):
        answer = await guest.client.request(verb, "/sql/run", headers={"access-control-request-method": "POST"})
        assert answer.status_code == 405
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_body_has_an_end(guest: Guest) -> None:
    """More than a few megabytes are refused before they are read."""
    answer = await guest.client.post("/sql/run", content=b"x", headers={"content-length": "5000000"})
    assert answer.status_code == 413


async def test_every_answer_forbids_what_is_elsewhere(guest: Guest) -> None:
    """Pages, files, refusals: all carry the policy that lets nothing in from elsewhere and nobody frame it."""
    for client, path in (
        (guest.client, "/"),
        (guest.client, "/t/none"),
        (guest.stranger, "/"),
        (guest.client, "/static/studio.js"),
    ):
        headers = (await client.get(path)).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_nothing_of_ours_comes_from_elsewhere() -> None:
    """No file of the page names another host, and none has a script or style that the policy would have to allow."""
    for file in (*STATIC.iterdir(), *(STATIC.parent / "templates").iterdir()):
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        for word in ("http:", "https:", "//cdn", "style=", " onclick=", "eval(", "innerHTML", "@import"):
            assert word not in text, f"{file.name}: {word}"
