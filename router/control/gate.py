"""The gate before control's API: who asks, from where, and whether the request may go in at all.

1. what needs no name goes in: signs of life, the page's own files, which hold no data, and addresses of reports, which
   hold a key (`board.reports.tickets`);
2. a change that another site's page asks for is refused, whoever is signed in;
3. who asks is known by a token or by a proxy that is trusted; without either everybody on this machine may act.

What each role may do is asked where it is done (`router.control.access`); looking takes a viewer.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import JSONResponse

from router.control.access import Caller, NotAllowed, NotSignedIn, Role
from router.control.settings import AccessSettings, TrustedProxy
from router.control.tokens import Tokens
from telemetry.errors import SettingsError, UsageError

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]
Refused = Callable[[Caller, str, UsageError], None]

OPEN: Final = frozenset({"/", "/healthz", "/livez", "/favicon.ico"})
OPEN_BELOW: Final = ("/page/", "/report/")
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HERE: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Gate:
    """Lets requests in. `settings` None lets everybody in who reaches this machine by its own name."""

    def __init__(self, settings: AccessSettings | None, refused: Refused = lambda *_: None) -> None:
        settings = settings or AccessSettings()
        self._tokens = Tokens(settings.tokens) if settings.tokens is not None else None
        self._proxy = settings.trusted_proxy
        self._refused = refused

    @property
    def asks(self) -> bool:
        """Whether anybody is asked who they are."""
        return self._tokens is not None or self._proxy is not None

    def before(self, app: App) -> App:
        """The app behind this gate."""

        async def gated(scope: Scope, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            request = Request(scope)
            try:
                scope["belay.caller"] = self.admit(request)
            except (NotSignedIn, NotAllowed) as error:
                self._refused(nobody(request), f"{request.method} {request.url.path}", error)
                await _told(error)(scope, receive, send)
                return
            await app(scope, receive, send)

        return gated

    def admit(self, request: Request) -> Caller:
        """Who asks. Raises NotSignedIn and NotAllowed."""
        path = request.url.path
        if request.method not in SAFE:
            _own_page(request)
        elif path in OPEN or path.startswith(OPEN_BELOW):
            return nobody(request)
        if not self.asks:
            _own_name(request)
            return Caller("", "admin", _client(request))
        return self._signed_in(request)

    def _signed_in(self, request: Request) -> Caller:
        secret = _secret(request)
        if self._tokens is not None and secret:
            token = self._tokens.of(secret)
            return Caller(token.name, token.role, _client(request))
        if self._proxy is not None and (name := _from_proxy(request, self._proxy)):
            return Caller(name, _role(request, self._proxy), _client(request))
        raise NotSignedIn(
            "this control wants to know who asks, and the request has no token",
            hint="Send it as `Authorization: Bearer TOKEN`; commands take --token or BELAY_TOKEN.",
        )


def caller_of(request: Request) -> Caller:
    """Who asks, as the gate found; without a gate everybody may act."""
    found: Caller = request.scope.get("belay.caller") or Caller("", "admin", _client(request))
    return found


def nobody(request: Request) -> Caller:
    """Somebody who is not known."""
    return Caller("", "viewer", _client(request))


def check_address(host: str, access: AccessSettings | None) -> None:
    """Raise SettingsError where anybody from elsewhere could act."""
    if access is not None and (access.tokens is not None or access.trusted_proxy is not None):
        return
    if not _is_here(host):
        raise SettingsError(
            f"control is to listen on {host} and asks nobody who they are: anybody who reaches it could act",
            hint="Give it tokens (`access: {tokens: FILE}`, made by `belay control token new`) or a trusted proxy; "
            "or let it listen on 127.0.0.1.",
        )


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _own_page(request: Request) -> None:
    """Refuse what another site's page sends: a browser says so, and no client of ours has these headers."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site not in (None, "same-origin", "none"):
        raise NotAllowed(f"this change was asked for by a page of another site (Sec-Fetch-Site: {site})")
    if origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        raise NotAllowed(f"this change was asked for by a page of another site ({origin[:200]})")


def _own_name(request: Request) -> None:
    """Refuse what came by a name that others may have pointed at this machine (DNS rebinding)."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname
    if host not in _HERE:
        raise NotAllowed(
            f"a control that asks nobody who they are is asked as 127.0.0.1 or localhost, this came for {host!r}",
            hint="Give it tokens (`access: {tokens: FILE}`) to be reached by other names.",
        )


def _from_proxy(request: Request, proxy: TrustedProxy) -> str | None:
    """Whom the proxy names; None where the request is not the proxy's, whatever its headers say."""
    if request.client is None:
        return None
    try:
        came_from = ip_address(request.client.host)
    except ValueError:
        return None
    if not any(came_from in network for network in proxy.come_from):
        return None
    return request.headers.get(proxy.header, "").strip()[:200] or None


def _role(request: Request, proxy: TrustedProxy) -> Role:
    """The greatest role that the proxy's header calls for."""
    if proxy.role_header is None:
        return proxy.role
    said = {part.strip() for part in request.headers.get(proxy.role_header, "").split(",")}
    for role in ("admin", "operator"):
        if said & set(proxy.roles.get(role, (role,))):
            return role
    return "viewer"


def _secret(request: Request) -> str | None:
    """The token of a request: as a bearer's, or as the password of an address (`http://belay:TOKEN@host`)."""
    scheme, _, said = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return said.strip() or None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(said.strip(), validate=True).decode().partition(":")[2] or None
        except ValueError:
            return None
    return None


def _client(request: Request) -> str:
    return request.client.host if request.client is not None else "unknown"


def _told(error: NotSignedIn | NotAllowed) -> JSONResponse:
    status = 401 if isinstance(error, NotSignedIn) else 403
    headers = {"www-authenticate": 'Bearer realm="belay control"'} if status == 401 else None
    return JSONResponse({"error": error.message, "hint": error.hint}, status, headers)
