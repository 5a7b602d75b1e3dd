"""WebSocket bytes to messages and back, without I/O: `client.ClientWire` over the `websockets` library's protocol core.

What lives here: the opening handshake's request and answer, frames, limits. What must not: sockets, clocks, and anything a
provider decides. The one hidden input is the masking key, which `websockets` draws itself.
"""
