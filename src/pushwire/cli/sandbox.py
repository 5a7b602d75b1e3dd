"""`pushwire sandbox`: a provider's server side on a port. The first line on stdout is its URL, and there is no other."""

from __future__ import annotations

import attrs
import trio

from ..errors import PushwireError
from ..sandbox.server import serve
from ..sandbox.simulated import Simulated
from .output import Output
from .running import Ending

__all__ = ["Sandbox"]


@attrs.define
class Sandbox:
    """One run of the command, until a signal ends it."""

    simulated: Simulated
    host: str
    port: int

    async def __call__(self, ending: Ending) -> int:
        """Serve. Raises `PushwireError` where it cannot listen there."""
        output = Output()
        listening = False
        try:
            async with serve(self.simulated.machine, self.host, self.port) as server:
                listening = True
                await output.write([server.url])
                await trio.sleep_forever()
        except OSError as error:
            if listening:
                raise
            told = f"cannot listen on {self.host}:{self.port}: {error.strerror or error}"
            raise PushwireError(f"{told}; name another --host or --port (0: any port that is free)") from None
