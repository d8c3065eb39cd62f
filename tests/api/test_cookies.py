from __future__ import annotations

from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from fairlead.api.cookies import drop_token, keep_token, kept_token


def _request(scheme: str, host: str, cookie: str = "", *, public_url: str | None = None) -> Request:
    app = FastAPI()
    app.state.resources = SimpleNamespace(public_url=public_url)
    headers = [(b"host", host.encode()), (b"cookie", cookie.encode())]
    return Request(
        {
            "type": "http",
            "method": "GET",
            "scheme": scheme,
            "path": "/",
            "query_string": b"",
            "headers": headers,
            "app": app,
        }
    )


@pytest.mark.parametrize(
    ("scheme", "host", "name"),
    [
        ("https", "queues.test", "__Host-fairlead"),
        ("http", "queues.test", "__Host-fairlead"),  # behind a proxy that ends TLS
        ("https", "localhost:8000", "__Host-fairlead"),
        ("http", "localhost:8000", "fairlead"),
        ("http", "127.0.0.1:8000", "fairlead"),
        ("http", "[::1]:8000", "fairlead"),
        ("http", "localhost.evil.test", "__Host-fairlead"),
        ("http", "127.0.0.1.evil.test", "__Host-fairlead"),
    ],
)
def test_the_prefix_is_left_out_on_this_machine_alone(scheme: str, host: str, name: str) -> None:
    """The cookie is `__Host-` and Secure everywhere but over plain HTTP on loopback; no other name is listened to."""
    both = "__Host-fairlead=a; fairlead=b"
    assert kept_token(_request(scheme, host, both)) == ("a" if name.startswith("__Host") else "b")
    assert kept_token(_request(scheme, host, both.replace(f"{name}=", "other="))) is None

    kept, dropped = Response(), Response()
    keep_token(_request(scheme, host), kept, token="fls_token")
    drop_token(_request(scheme, host), dropped)

    cookie = kept.headers["set-cookie"]
    assert cookie.startswith(f"{name}=fls_token; HttpOnly; Max-Age=7776000; Path=/; SameSite=lax")
    assert cookie.endswith("; Secure") == name.startswith("__Host")
    assert "domain" not in cookie.lower()
    assert dropped.headers["set-cookie"].startswith(f'{name}=""; HttpOnly; Max-Age=0; Path=/')


def test_https_may_be_told() -> None:
    """Behind a proxy that asks by a loopback name, FAIRLEAD_PUBLIC_URL says that people come by HTTPS."""
    both = "__Host-fairlead=a; fairlead=b"
    for public_url, token in (("https://queues.test", "a"), ("http://queues.test", "b"), (None, "b")):
        assert kept_token(_request("http", "127.0.0.1:8000", both, public_url=public_url)) == token
