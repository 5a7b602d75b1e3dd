"""The contract between a provider's server side and whoever drives it: the trio server, the simulator, a fault layer, a test.

A server machine decides; its driver obeys. Like the client's machines it is pure: no socket, clock or thread, and randomness only
from an injected `random.Random`, so the same inputs always give the same outputs. Nothing of one provider lives here.

How to drive a server
---------------------
1. For each opening handshake, `connect` with a connection number never used before. `Refuse`: answer with that HTTP status.
   `Accept`: complete the handshake, then obey the effects for that connection, in order; the first may be there already.
2. `receive` each whole message. When the connection has ended, for whatever reason, also one the machine asked for:
   `disconnected`, once, and nothing of it after.
3. After every input, take `take_effects`. Call `handle_timer` once at the start, then no later than `next_deadline` (early is
   allowed).

`now` is monotonic seconds, `wall` POSIX seconds, everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import attrs

from ..core.http import HttpCall, Response

__all__ = [
    "Accept",
    "CloseConn",
    "ConnectRequest",
    "Cut",
    "HttpCall",
    "HttpMachine",
    "Kind",
    "ListeningMachine",
    "Refuse",
    "SendTo",
    "ServerEffect",
    "ServerMachine",
]


@attrs.frozen
class ConnectRequest:
    """An opening handshake. `path` comes without the query; header names are lower case, of repeated ones the last counts.

    Neither headers nor query are shown in the repr: they carry credentials.
    """

    path: str = "/"
    query: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)


@attrs.frozen
class Accept:
    """Complete the handshake, with this subprotocol, where one was negotiated."""

    subprotocol: str | None = None


@attrs.frozen
class Refuse:
    """Answer the handshake with this HTTP status; `retry_after` (seconds) becomes the header of that name."""

    status: int
    reason: str = ""
    retry_after: float | None = None


Kind: TypeAlias = Literal["reply", "push", "resend"]
"""What a message is: an answer (or greeting), something new, or something sent before (or missed) and now sent again."""


class SendTo(NamedTuple):
    """Send one message to a connection; `bytes` go as a binary frame."""

    conn: int
    text: str | bytes
    kind: Kind = "reply"


class CloseConn(NamedTuple):
    """End a connection in good order: what was sent before arrives, then a close frame with this code."""

    conn: int
    code: int
    reason: str = ""


class Cut(NamedTuple):
    """Drop the TCP connection without a close frame: at once, so that what is still on its way may be lost, or behind it."""

    conn: int
    at_once: bool = True


ServerEffect: TypeAlias = SendTo | CloseConn | Cut


class ServerMachine(Protocol):
    """A provider's server as a pure state machine. See the module for the contract."""

    @property
    def path(self) -> str:
        """The path a client dials; a driver accepts any."""
        ...

    def connect(self, conn: int, request: ConnectRequest, now: float, wall: float) -> Accept | Refuse:
        """Decide about an opening handshake."""
        ...

    def receive(self, conn: int, message: str | bytes, now: float) -> None:
        """One message of a client. Total: never raises, whatever the client sent; of an unknown connection it is ignored."""
        ...

    def disconnected(self, conn: int, now: float) -> None:
        """A connection has ended; harmless for an unknown one."""
        ...

    def handle_timer(self, now: float, wall: float) -> None:
        """Do what is due at `now`; harmless when nothing is."""
        ...

    def next_deadline(self) -> float:
        """When `handle_timer` must be called at the latest; `math.inf`: never. Changes nothing."""
        ...

    def take_effects(self) -> Sequence[ServerEffect]:
        """The effects since the last call, in order; those for a connection that has ended meanwhile are to be ignored."""
        ...


@runtime_checkable
class HttpMachine(Protocol):
    """What a server machine has beside the rest where its provider also answers plain HTTP, on the same port."""

    def http(self, call: HttpCall, now: float, wall: float) -> Response:
        """Answer a request. Total, as `receive` is."""
        ...


@runtime_checkable
class ListeningMachine(Protocol):
    """What a server machine has beside the rest where it must know that a client is there: a ping shows itself nowhere else."""

    def sign_of_life(self, conn: int, now: float) -> None:
        """Bytes of a client came, whatever they are; of an unknown connection they are ignored."""
        ...
