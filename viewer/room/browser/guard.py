"""Who may enter: a token in the address, then a cookie; other sites' pages not at all; and nothing is fetched from elsewhere."""

import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web  # pyright: ignore[reportMissingImports]

POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval'; img-src 'self' data: blob:; connect-src 'self'; frame-ancestors 'self'; "
    "base-uri 'self'; form-action 'none'"
)
"""The page's scripts are Vue templates, which a browser compiles; all of them come from here."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
REFUSAL = "This page asks for its token. Open the address that the program printed when it started."


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """A token of its own for every start.

    Attributes
    ----------
    token
        What the first request has to bring; 128 bits of chance.
    """

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(16)

    def admit(self, app: web.Application) -> None:
        """Stand at the door of an application."""
        app.middlewares.append(self._ask)

    @web.middleware
    async def _ask(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        # A cookie does not know of ports, so another page of this machine could send it; it cannot hide whence it comes.
        is_ours = origin is None or urlsplit(origin).netloc == request.host
        name = f"vesalius-{request.url.port}"
        if is_ours and self._fits(request.cookies.get(name, "")):
            response = await handler(request)
        elif is_ours and request.path in ("/", "/index.html") and self._fits(request.query.get("token", "")):
            # The address without the token: it is not left in the history, and a reload finds the cookie.
            response = web.Response(status=302, headers={"Location": "index.html?reconnect=auto"})
            response.set_cookie(name, self.token, httponly=True, samesite="Strict", path="/")
        else:
            response = web.Response(status=403, text=REFUSAL)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    def _fits(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self.token.encode())
