"""picows with msgspec, the limit: frames cut by compiled code, the types that pushwire decodes into, and no protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import picows

from pushwire.providers.bitpanda.messages import decode as decode_price
from pushwire.providers.gelabs.messages import decode as decode_push

from ..payloads import REQUESTS
from .job import Job, Watch


def run(job: Job, watch: Watch) -> None:
    asyncio.run(main(job, watch))


class Limit(picows.WSListener):
    """Decodes what comes, and keeps none of it."""

    def __init__(self, job: Job, watch: Watch) -> None:
        self._request = REQUESTS[job.kind]
        self._decode: Callable[[str], object] = decode_push if job.kind == "push" else decode_price
        self._left = job.count
        self._watch = watch
        self._greeted = False

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        if self._request:
            transport.send(picows.WSMsgType.TEXT, self._request.encode())

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if not self._greeted:
            self._greeted = True
            return
        self._decode(frame.get_payload_as_utf8_text())
        self._watch.start()
        self._left -= 1
        if self._left == 0:
            self._watch.stop()
            transport.disconnect(graceful=False)


async def main(job: Job, watch: Watch) -> None:
    assert not job.acks, "the limit only reads"
    listener = Limit(job, watch)
    # Its `**kwargs` have no type.
    transport, _ = await picows.ws_connect(lambda: listener, job.url, read_buffer_init_size=262144)  # pyright: ignore[reportUnknownMemberType]
    await transport.wait_disconnected()
