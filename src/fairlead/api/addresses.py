"""From where a request comes."""

from __future__ import annotations

from starlette.requests import Request

from fairlead.domain.addresses import counted_address
from fairlead.services.sessions import Client


def address_of(request: Request) -> str:
    """Return the address of whoever is connected, as attempts are counted by it."""
    return counted_address(None if request.client is None else request.client.host)


def client_of(request: Request) -> Client:
    """Return from where and with what program somebody signs in."""
    return Client(address_of(request), request.headers.get("user-agent"), request.state.request_id)
