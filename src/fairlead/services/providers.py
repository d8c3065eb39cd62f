"""Asking a provider who somebody is: OAuth 2 with PKCE, and OpenID Connect with a nonce, through Authlib.

`begin` returns where to send a browser, and what it has to bring back; `identify` turns the code that it brings back
into an identity. What the provider says is believed only when it comes from the provider itself: an ID token that is
signed with an asymmetric key of its own, for us, now, and with the nonce of this very sign-in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client import BaseApp
from authlib.integrations.base_client.async_app import AsyncOAuth2Mixin
from authlib.integrations.base_client.async_openid import AsyncOpenIDMixin
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc.errors import JoseError

from fairlead.domain.providers import Identity, ProviderOptions
from fairlead.errors import ProviderUnavailable, SignInFailed

_SECONDS: Final = 10.0
_ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
_SUBJECT: Final = re.compile(r"[!-~]{1,255}")  # as OpenID Connect has it
_DISCOVERY: Final = "/.well-known/openid-configuration"
_GITHUB: Final = {
    "authorize_url": "https://github.com/login/oauth/authorize",
    "access_token_url": "https://github.com/login/oauth/access_token",
    "api_base_url": "https://api.github.com/",
}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that has begun: where the browser goes, and the secrets that belong to its way back."""

    url: str
    state: str
    redirect_uri: str
    code_verifier: str = field(repr=False)
    nonce: str | None = field(default=None, repr=False)


class _App(AsyncOAuth2Mixin, AsyncOpenIDMixin, BaseApp):  # type: ignore[misc]  # Authlib has no types
    client_cls = AsyncOAuth2Client


class Provider:
    """One provider; `transport` is how it is reached, for tests."""

    def __init__(self, options: ProviderOptions, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.options = options
        client = {"timeout": _SECONDS, "transport": transport, "code_challenge_method": "S256"}
        known: dict[str, Any] = {"client_kwargs": {**client, "scope": "openid email profile"}}
        if options.is_github:
            known = {**_GITHUB, "client_kwargs": {**client, "scope": "read:user user:email"}}
        else:
            known["server_metadata_url"] = options.issuer.rstrip("/") + _DISCOVERY
        self._app = _App(None, options.name, client_id=options.client_id, client_secret=options.client_secret, **known)

    async def begin(self, *, redirect_uri: str) -> Begun:
        """Begin a sign-in. Raises ProviderUnavailable."""
        try:
            await self._discover()
            made = await self._app.create_authorization_url(redirect_uri)
        except (httpx2.HTTPError, ValueError, RuntimeError) as error:
            raise self._unavailable(error) from error
        return Begun(made["url"], made["state"], redirect_uri, made["code_verifier"], made.get("nonce"))

    async def identify(self, begun: Begun, *, code: str) -> Identity:
        """Return who came back with a code. Raises SignInFailed, and ProviderUnavailable."""
        try:
            await self._discover()
            token = await self._app.fetch_access_token(
                redirect_uri=begun.redirect_uri, code=code, code_verifier=begun.code_verifier
            )
            if self.options.is_github:
                return await self._github(token)
            return self._identity(await self._claims(token, begun))
        except (AuthlibBaseError, JoseError, KeyError, TypeError) as error:
            _log.warning("sign_in_refused", provider=self.options.name, error=type(error).__name__)
            raise SignInFailed from error
        except (httpx2.HTTPError, ValueError, RuntimeError) as error:
            raise self._unavailable(error) from error

    async def _discover(self) -> None:
        """Learn of the provider once, and trust it with no more than it may say."""
        if self.options.is_github or "_loaded_at" in self._app.server_metadata:
            return
        told = await self._app.load_server_metadata()
        if told.get("issuer") != self.options.issuer:
            self._app.server_metadata.clear()
            raise ValueError("the document names another issuer")
        offered = _ALGORITHMS.intersection(told.get("id_token_signing_alg_values_supported", ["RS256"]))
        told["id_token_signing_alg_values_supported"] = sorted(offered) or ["RS256"]

    async def _claims(self, token: dict[str, Any], begun: Begun) -> dict[str, Any]:
        expected = {
            "iss": {"essential": True, "value": self.options.issuer},
            "aud": {"essential": True, "value": self.options.client_id},
            "nonce": {"essential": True, "value": begun.nonce},
        }
        claims = await self._app.parse_id_token(token, begun.nonce, claims_options=expected)
        return dict(claims or {})

    def _identity(self, claims: dict[str, Any]) -> Identity:
        verified = claims.get("email") if claims.get("email_verified") is True else None
        return self._made(claims["sub"], claims.get("name"), verified)

    async def _github(self, token: dict[str, Any]) -> Identity:
        """Ask GitHub, which has no ID tokens, with the token that it just gave."""
        user = await self._asked("user", token)
        emails = await self._asked("user/emails", token)
        verified = [entry["email"] for entry in emails if entry["primary"] and entry["verified"]]
        name = user.get("name") or user["login"]
        return self._made(str(user["id"]), name, verified[0] if verified else None)

    def _made(self, subject: Any, name: Any, email: Any) -> Identity:
        """Return an identity of what a provider says, which may be of any type and length."""
        if not isinstance(subject, str) or _SUBJECT.fullmatch(subject) is None:
            raise TypeError("the provider's id of somebody is none")
        texts = [text if isinstance(text, str) else None for text in (name, email)]
        return Identity(self.options.issuer, subject, *texts)

    async def _asked(self, path: str, token: dict[str, Any]) -> Any:
        answer = await self._app.get(path, token=token)
        answer.raise_for_status()
        return answer.json()

    def _unavailable(self, error: Exception) -> ProviderUnavailable:
        _log.warning("provider_unavailable", provider=self.options.name, error=str(error))
        return ProviderUnavailable(retry_after_seconds=5)
