"""The studio's names and its token: at which addresses it answers, and who may come in."""

from __future__ import annotations

import hmac
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from urllib.parse import parse_qs

COOKIE = "hrpro_token"
ANYWHERE = ("", "0.0.0.0", "::")


@dataclass(frozen=True)
class Door:
    """Where the server listens. token: None: none is needed. wrong_seconds: what a wrong one costs, s."""

    port: int
    host: str = "127.0.0.1"
    token: str | None = field(default=None, repr=False)
    wrong_seconds: float = 1.0

    @classmethod
    def at(cls, host: str, port: int) -> Door:
        """With a new token of 256 bits where others than this machine's users can reach ``host``."""
        return cls(port, host, None if is_loopback(host) else secrets.token_urlsafe(32))

    @property
    def url(self) -> str:
        """The address to open, without the token."""
        name = "127.0.0.1" if is_loopback(self.host) else self.host
        if self.host in ANYWHERE:
            name = _outward()
        return f"http://{_bracketed(name)}:{self.port}"

    @property
    def url_with_token(self) -> str:
        """The address to print."""
        return f"{self.url}/?token={self.token}" if self.token else f"{self.url}/"

    @property
    def cookie(self) -> str:
        """Its cookie's name; a browser does not keep two ports of one machine apart."""
        return f"{COOKIE}_{self.port}"

    def is_ours(self, host: bytes, reached: Sequence[object] | None) -> bool:
        """Whether the Host header ``host`` names this server. reached: (address, port) of the connection.

        An address that a connection arrived at cannot be another site's name: rebinding needs a name.
        """
        asked = host.decode("latin-1").lower()
        if asked in self._names:
            return True
        return bool(self.token) and bool(reached) and asked in _with_port([str(reached[0])], self.port)  # type: ignore[index]

    @cached_property
    def _names(self) -> frozenset[str]:
        names = ["127.0.0.1", "localhost", "::1"]
        if not is_loopback(self.host):
            machine = socket.gethostname().lower()
            names += [machine, f"{machine}.local", socket.getfqdn().lower()]
        if self.host not in ANYWHERE:
            names.append(self.host.lower())
        return _with_port(names, self.port)

    def fits(self, token: str) -> bool:
        """Whether it is the token, in a time that does not tell how much of it is right."""
        return self.token is not None and hmac.compare_digest(token.encode(), self.token.encode())

    def cookie_for(self, token: str) -> str | None:
        """Set-Cookie for who gave ``token`` in the address; None: wrong. Any does where none is needed.

        Lax, not Strict: the address is opened from a mail or a chat, and what a link elsewhere opens gets no
        Strict cookie, not even that of the redirection before it. A Lax one comes with such a link, and with
        no other request that another site sets off; security.py lets links open the page alone.
        """
        if self.token is None:
            return ""
        if not self.fits(token):
            return None
        return f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Lax"

    def tokens_in(self, headers: dict[bytes, bytes]) -> list[str]:
        """What a request offers as one: in its Authorization, in its cookies."""
        found = []
        scheme, _, value = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if scheme.lower() == "bearer":
            found.append(value.strip())
        for part in headers.get(b"cookie", b"").decode("latin-1").split(";"):
            name, _, value = part.strip().partition("=")
            if name == self.cookie:
                found.append(value)
        return found[:4]

    @staticmethod
    def token_in_address(query: bytes) -> str | None:
        """The value of ?token=, if there is one."""
        try:
            values = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=16).get("token")
        except ValueError:
            return None
        return values[0] if values else None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host`` (a name that is not "localhost" may lead anywhere)."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _outward() -> str:
    """This machine's address as others see it; its own for itself where there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it asks which way packets would go
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _with_port(names: Sequence[str], port: int) -> frozenset[str]:
    """As Host headers give them; a browser leaves out port 80."""
    hosts = {_bracketed(name) for name in names}
    return frozenset({f"{host}:{port}" for host in hosts} | (hosts if port == 80 else set()))


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name and not name.startswith("[") else name
