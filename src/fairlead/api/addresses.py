"""From where a request comes."""

from __future__ import annotations

from starlette.requests import Request

from fairlead.bootstrap import Resources
from fairlead.domain.addresses import counted_address, origin
from fairlead.services.sessions import Client


def address_of(request: Request) -> str:
    """Return the address that a request comes from, as requests and attempts are counted by it."""
    peer = None if request.client is None else request.client.host
    resources: Resources = request.app.state.resources
    if not resources.trusted_proxies:
        return counted_address(peer)
    forwarded = request.headers.getlist("x-forwarded-for")
    return counted_address(origin(peer, forwarded=forwarded, trusted=resources.trusted_proxies))


def client_of(request: Request) -> Client:
    """Return from where and with what program somebody signs in."""
    return Client(address_of(request), request.headers.get("user-agent"), request.state.request_id)
