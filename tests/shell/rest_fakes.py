"""HTTP and grants for tests in virtual time: no sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import msgspec
import trio

from pushwire.core.effects import Credential
from pushwire.core.http import Request, Response
from pushwire.core.secrets import Secret
from pushwire.core.tokens import Grant, GrantExpired, Tokens
from pushwire.errors import AuthenticationRefused
from pushwire.shell.http import Passage

TOKEN = Credential("token")


@attrs.define
class FakeHttp:
    """Answers by a function, which may wait and raise. Bytes have left once it is called, unless it says otherwise."""

    answer: Callable[[Request, Passage], Awaitable[Response]]
    sent: list[Request] = attrs.Factory(list[Request])
    times: list[float] = attrs.Factory(list[float])
    closed: bool = False

    async def send(self, request: Request, passage: Passage | None = None) -> Response:
        passage = passage or Passage()
        passage.left = True
        self.sent.append(request)
        self.times.append(trio.current_time())
        return await self.answer(request, passage)

    async def aclose(self) -> None:
        self.closed = True


class _Answered(msgspec.Struct):
    access: str
    refresh: str | None = None
    lasts: float | None = 100.0


@attrs.frozen
class PasswordGrant(Grant):
    """Tokens of 100 seconds, whose refresh tokens are good for one use."""

    url: str = "http://auth.invalid/token"

    def request(self, held: Tokens | None) -> Request:
        if held is None or held.refresh is None:
            return Request("POST", self.url, {}, b"password")
        return Request("POST", self.url, {}, f"refresh {held.refresh.reveal()}".encode())

    def decode(self, response: Response, held: Tokens | None, wall: float) -> Tokens:
        if response.status == 400:
            raise GrantExpired("the refresh token has expired")
        if response.status == 401:
            raise AuthenticationRefused("no such client", status=401)
        told = msgspec.json.decode(response.body, type=_Answered)
        expires = None if told.lasts is None else wall + told.lasts
        return Tokens(Secret(told.access), wall, expires, None if told.refresh is None else Secret(told.refresh))


@attrs.define
class Issuer:
    """Gives the tokens a1, a2, ... with the refresh tokens r1, r2, ..."""

    given: int = 0
    status: int = 200
    lasts: float | None = 100.0

    async def __call__(self, request: Request, passage: Passage) -> Response:
        if self.status != 200:
            return Response(self.status)
        self.given += 1
        return Response(200, {}, msgspec.json.encode(_Answered(f"a{self.given}", f"r{self.given}", self.lasts)))
