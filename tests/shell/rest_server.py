"""A real HTTP server on 127.0.0.1, and the endpoints that the tests call on it."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import ClassVar, Literal, TypeAlias

import attrs
import h11
import trio

from pushwire.core.config import ConnectionConfig
from pushwire.core.http import Endpoint, Paged, Request, Response
from pushwire.core.ratelimit import RateLimit
from pushwire.core.secrets import Secret
from pushwire.core.tokens import Grant, TokenSource
from pushwire.errors import AuthenticationRefused, CommandRefused, RemoteProtocolError
from tests.shell.sockets import serve


@attrs.frozen
class Asked:
    """A request as the server saw it; `connection` counts from 1."""

    connection: int
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answer: TypeAlias = tuple[int, dict[str, str], bytes]
Answers: TypeAlias = Callable[[Asked], Awaitable[Answer | None]]
"""What to answer; None: hang up."""


@attrs.define
class Server:
    """Serves HTTP/1.1. `asked` holds what came; `gone` counts the connections that have ended."""

    answers: Answers
    url: str = ""
    asked: list[Asked] = attrs.Factory(list[Asked])
    connections: int = 0
    gone: int = 0
    changed: trio.lowlevel.ParkingLot = attrs.Factory(trio.lowlevel.ParkingLot)

    async def start(self, nursery: trio.Nursery, tls: ssl.SSLContext | None = None) -> None:
        port = await serve(nursery, self._serve, tls)
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{port}"

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something is so."""
        while not holds():
            await self.changed.park()

    async def _serve(self, stream: trio.abc.Stream) -> None:
        self.connections += 1
        number = self.connections
        connection = h11.Connection(h11.SERVER)
        try:
            while True:
                request, body = await _event(connection, stream), b""
                if not isinstance(request, h11.Request):
                    return
                while isinstance(data := await _event(connection, stream), h11.Data):
                    body += bytes(data.data)
                headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
                asked = Asked(number, request.method.decode(), request.target.decode(), headers, body)
                self.asked.append(asked)
                self.changed.unpark_all()
                answer = await self.answers(asked)
                if answer is None:
                    return
                status, told, content = answer
                told = {"Content-Length": str(len(content)), **told}
                head = h11.Response(status_code=status, headers=list(told.items()))
                for event in (head, h11.Data(data=content), h11.EndOfMessage()):
                    await stream.send_all(connection.send(event) or b"")
                if connection.our_state is not h11.DONE:
                    return
                connection.start_next_cycle()
        finally:
            self.gone += 1
            self.changed.unpark_all()
            await trio.aclose_forcefully(stream)


async def _event(connection: h11.Connection, stream: trio.abc.Stream) -> h11.Event | type[h11.PAUSED]:
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(bytes(await stream.receive_some(65536)))
    assert not isinstance(event, type) or event is h11.PAUSED
    return event


async def hello(asked: Asked) -> Answer:
    return 200, {}, b"hello"


async def never(asked: Asked) -> Answer:
    await trio.sleep_forever()
    raise AssertionError


# A provider


@attrs.frozen(kw_only=True)
class Config(ConnectionConfig):
    url: str = "http://shop.invalid"
    token: TokenSource | Secret | None = None
    oauth: Grant | None = None
    limits: dict[str, RateLimit] = attrs.field(factory=dict[str, RateLimit])

    def credential(self, name: str) -> Secret | TokenSource | None:
        return self.token if name == "token" else None

    def grant(self) -> Grant | None:
        return self.oauth

    @property
    def rate_limits(self) -> dict[str, RateLimit]:
        return self.limits


@attrs.frozen
class Get(Endpoint[Config, bytes]):
    """Safe to repeat, with a token."""

    path: str = "/item"
    method: ClassVar[Literal["GET", "POST"]] = "GET"

    def request(self, config: Config, token: Secret | None) -> Request:
        headers = {} if token is None else {"Authorization": Secret(f"Bearer {token.reveal()}")}
        return Request(self.method, config.url + self.path, headers, b"" if self.method == "GET" else b"{}")

    def decode(self, response: Response) -> bytes:
        name = type(self).__name__
        if response.status == 401:
            raise AuthenticationRefused("token expired", status=401, code=2002)
        if response.headers.get("x-code"):
            raise CommandRefused(name, int(response.headers["x-code"]), "no", trace_id=response.headers.get("x-trace"))
        if response.status >= 300:
            raise RemoteProtocolError(f"{name}: HTTP {response.status}")
        return response.body


@attrs.frozen
class Open(Get):
    """Without a token."""

    auth: ClassVar[Literal["none", "token"]] = "none"


@attrs.frozen
class Order(Open):
    """Not safe to repeat."""

    repeatable: ClassVar[bool] = False
    buckets: ClassVar[tuple[str, ...]] = ("orders",)
    method: ClassVar[Literal["GET", "POST"]] = "POST"


@attrs.frozen
class TokenOrder(Order):
    auth: ClassVar[Literal["none", "token"]] = "token"


@attrs.frozen
class Listing(Paged[Config, int]):
    """Answers with its number; there are three."""

    number: int = 1
    auth: ClassVar[Literal["none", "token"]] = "none"

    def request(self, config: Config, token: Secret | None) -> Request:
        return Request("GET", f"{config.url}/list?page={self.number}")

    def decode(self, response: Response) -> int:
        return int(response.body)

    def next_page(self, page: int) -> Listing | None:
        return Listing(page + 1) if page < 3 else None


LIMITS = {"orders": RateLimit(100, 60)}
