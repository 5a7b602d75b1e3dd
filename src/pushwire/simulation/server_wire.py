"""The server's end of a simulated WebSocket: bytes in, requests and messages out, and the other way round.

The client's is `wire.ClientWire`.
"""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from ..sandbox.base import Accept, ConnectRequest, Refuse

__all__ = ["ServerWire"]

_SILENT: Final = logging.Logger("pushwire.simulation")
_SILENT.disabled = True


class ServerWire:
    """After `feed` look at `request`, take `take_messages()`, and send `data_to_send()`; `ended` says that no more will come."""

    def __init__(self) -> None:
        self._protocol = ServerProtocol(logger=_SILENT, max_size=2**20)
        self._asked: Request | None = None
        self._messages: list[str | bytes] = []
        self.request: ConnectRequest | None = None
        """The opening handshake, until `answer` answers it."""
        self.pinged: bool = False
        """A ping came; it has been answered."""

    @property
    def ended(self) -> bool:
        """Whether the connection is over, by a close frame, a broken frame or a refusal."""
        return self._protocol.close_expected()

    def feed(self, data: bytes) -> None:
        """Bytes came from the client. Total."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._asked = event
                url = urlsplit(event.path)
                headers = {name.lower(): value for name, value in event.headers.raw_items()}
                self.request = ConnectRequest(url.path, dict(parse_qsl(url.query)), headers)
            elif isinstance(event, Frame):
                self._on_frame(event)

    def _on_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT:
            self._messages.append(bytes(frame.data).decode(errors="replace"))
        elif frame.opcode is Opcode.BINARY:
            self._messages.append(bytes(frame.data))
        elif frame.opcode is Opcode.PING:
            self.pinged = True

    def answer(self, verdict: Accept | Refuse) -> None:
        """Answer the opening handshake."""
        assert self._asked is not None, "a handshake is answered once"
        if isinstance(verdict, Accept):
            response = self._protocol.accept(self._asked)
        else:
            response = self._protocol.reject(verdict.status, verdict.reason)
            if verdict.retry_after is not None:
                response.headers["Retry-After"] = f"{verdict.retry_after:g}"
        self._protocol.send_response(response)
        self._asked = self.request = None

    def take_messages(self) -> list[str | bytes]:
        """The whole messages since the last call."""
        messages, self._messages = self._messages, []
        return messages

    def send(self, message: str | bytes) -> None:
        """Send a message; nothing happens once the connection is closing."""
        if self._protocol.state is OPEN:
            if isinstance(message, str):
                self._protocol.send_text(message.encode(errors="replace"))
            else:
                self._protocol.send_binary(message)

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(code, reason)

    def data_to_send(self) -> bytes:
        """All that must go out, in one piece."""
        return b"".join(self._protocol.data_to_send())
