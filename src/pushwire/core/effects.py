"""What a machine asks of its shell, and what the shell tells it in return. Values only: nothing here acts.

Frames are plain `str` (no wrapper object per message); a frame with a secret in it is a `SecretFrame`, so that a journal or a log
can leave it out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

import attrs
import msgspec

from .http import Request
from .secrets import PLACEHOLDER, Secret

__all__ = [
    "Close",
    "Committed",
    "Credential",
    "Dial",
    "Done",
    "Effect",
    "Failed",
    "Fetch",
    "Fetchable",
    "Handshake",
    "Hangup",
    "Held",
    "Identity",
    "Loaded",
    "Outcome",
    "Pause",
    "Payloads",
    "Persist",
    "Ping",
    "Record",
    "Resends",
    "Restored",
    "SecretFrame",
    "Settled",
    "Snapshot",
    "Ticket",
    "Token",
    "Write",
    "scalars_text",
]

Scalar: TypeAlias = str | int | bool | None


class Identity(msgspec.Struct, frozen=True, order=True, gc=False, cache_hash=True):
    """What the ledger knows a message by: the provider's immutable key, and the version of it.

    There is one for each message, which ledger and store look up many times: made, and hashed, in a fifth of a tuple's time.
    """

    key: tuple[Scalar, ...]
    version: tuple[Scalar, ...]

    def __iter__(self) -> Iterator[tuple[Scalar, ...]]:
        """For `key, version = identity`."""
        return iter((self.key, self.version))

    @property
    def text(self) -> str | None:
        """Both as one text, the same for the same identity on every machine; None where it is empty."""
        return scalars_text((self.key, self.version)) if self.key else None


_encode: Final = msgspec.json.Encoder().encode


def scalars_text(value: tuple[Scalar | tuple[Scalar, ...], ...]) -> str:
    """As JSON without spaces: the same for equal ones, another for others; `json.loads` reads it."""
    try:
        return _encode(value).decode()
    except UnicodeEncodeError:
        # Lone surrogates, which Python's text can hold: as escapes.
        return json.dumps(value, separators=(",", ":"))


class Ticket(NamedTuple):
    """A submitted command. Handed back in `Settled`."""

    serial: int


class Token(NamedTuple):
    """Names one `Fetch` or `Persist`. `generation` is the connection it belongs to; 0 for what outlives connections."""

    generation: int
    serial: int


@attrs.frozen
class SecretFrame:
    """A frame to send that holds a secret. `shown` is the same frame with placeholders, for journals and logs."""

    text: str = attrs.field(repr=lambda _: PLACEHOLDER)
    shown: str


@attrs.frozen
class Dial:
    """Open a connection: the shell answers with `opened`, or with `closed` when it could not."""

    generation: int
    url: str | Secret
    """The whole URL; a `Secret` where the provider wants a token in it."""
    headers: Mapping[str, str | Secret]
    max_message: int
    """Bytes; a longer message ends the connection with close code 1009."""
    compression: bool = False
    subprotocols: tuple[str, ...] = ()


@attrs.frozen
class Hangup:
    """End the connection (or the dialling). The shell answers with `closed`, whatever the peer does, within `within` seconds."""

    code: int
    reason: str
    within: float


@attrs.frozen
class Ping:
    """Send an RFC 6455 ping frame; its answer comes back through `pong`."""

    payload: bytes


@attrs.frozen
class Credential:
    """A fetch of the credential called `name`; `refresh` asks for a new one, since the last was refused.

    `refused` is that last one. The shell adds it, so that a source shared by several knows whether it was replaced meanwhile.
    """

    name: str
    refresh: bool = False
    refused: Secret | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class Snapshot:
    """A load of the caller's snapshot, up to which events are held back. A later one takes the place of those before, whose
    answers are ignored."""


@attrs.frozen
class Payloads:
    """The raw messages of these held deliveries, from the store. Answered with `Loaded`."""

    identities: tuple[Identity, ...]


@attrs.frozen
class Loaded:
    """What the store holds of the `Payloads` asked for; what is missing, it does not hold."""

    raws: Mapping[Identity, str] = attrs.field(repr=lambda raws: f"<{len(raws)} messages>")


Fetchable: TypeAlias = Credential | Request | Snapshot | Payloads
"""What a machine may ask for."""


@attrs.frozen
class Fetch:
    """Get something for the machine; answered through `fulfil(token, outcome)`."""

    token: Token
    what: Fetchable


@attrs.frozen
class Pause:
    """Stop handing in what arrives (`on`), or go on. Tell `reading` as for a full inbox; a call that waits for its reply is not
    kept waiting."""

    on: bool


RecordKind: TypeAlias = Literal["finished", "delivered", "parked", "held"]


class Record(msgspec.Struct, frozen=True, gc=False):
    """One row of the ledger.

    `at` is POSIX seconds: for "finished" and "parked" when it was settled, for "held" when it was received, for "delivered" the
    low-water mark when it was received. `note` holds the reason of a parked one, `raw` its payload, and that of a held one: the
    whole message.
    """

    kind: RecordKind
    identity: Identity
    at: float
    note: str = ""
    raw: str = ""

    def __repr__(self) -> str:
        return f"Record({self.kind!r}, {self.identity!r}, {self.at!r}, {self.note!r}, raw=<{len(self.raw)} characters>)"


@attrs.frozen
class Write:
    """The records of one ticket (None: the machine's own). They are stored together or not at all."""

    ticket: Ticket | None
    records: tuple[Record, ...]


@attrs.frozen
class Persist:
    """Make these writes durable, in this order; answered with `Done(Committed)`, or `Failed` when nothing was stored.

    `mark` is the low-water mark (POSIX seconds) to store with them: a later run must ask for everything since.
    """

    token: Token
    writes: tuple[Write, ...]
    mark: float


@attrs.frozen
class Committed:
    """A commit happened. `failed` holds the tickets whose own booking raised: their records alone were left out."""

    failed: Mapping[Ticket, BaseException] = attrs.Factory(dict[Ticket, BaseException])


class Held(NamedTuple):
    """A held delivery without its payload: when it was received (POSIX seconds), and about how many bytes it has."""

    at: float
    size: int


@attrs.frozen
class Restored:
    """What a store remembers of an earlier run.

    `finished` and `delivered` map an identity to POSIX seconds, oldest first; `mark` is None for a store never used before.
    `held` are those that the provider has its ACK for and the caller has not finished, in the order they were received.
    """

    finished: Mapping[Identity, float] = attrs.Factory(dict[Identity, float])
    delivered: Mapping[Identity, float] = attrs.Factory(dict[Identity, float])
    mark: float | None = None
    held: Mapping[Identity, Held] = attrs.Factory(dict[Identity, Held])


@attrs.frozen
class Resends:
    """What a provider may send again at the next connect: what is no older than `before_mark` seconds before the low-water mark,
    and no older than `ever`. A store lets go of no row that such a message would find."""

    before_mark: float
    ever: float

    def since(self, mark: float, now: float) -> float:
        """From when on (POSIX seconds) what was finished may be sent again."""
        return max(mark - self.before_mark, now - self.ever)


@attrs.frozen
class Done:
    """An effect succeeded. `value`: a `Committed` for `Persist`, a `Secret` for a `Credential`, a `Response` for a `Request`, a
    `Loaded` for `Payloads`, and whatever the caller's function gave for a `Snapshot`."""

    value: object


@attrs.frozen
class Failed:
    """An effect failed."""

    error: Exception


Outcome: TypeAlias = Done | Failed


@attrs.frozen
class Settled:
    """The answer to a ticket: exactly one of `reply` and `error` counts; `error` is None when it went well."""

    ticket: Ticket
    reply: object = None
    error: BaseException | None = None


@attrs.frozen
class Handshake:
    """The accepted opening handshake. Header names are lower case."""

    status: int = 101
    headers: Mapping[str, str] = attrs.Factory(dict[str, str])
    subprotocol: str | None = None


@attrs.frozen
class Close:
    """How a connection, or an attempt at one, ended.

    Exactly one of these tells the story: `code` (a close frame, from `by`), `status` (an HTTP refusal, with the seconds of its
    Retry-After), or neither: `reason` then names the transport's error.
    """

    code: int | None = None
    reason: str = ""
    status: int | None = None
    retry_after: float | None = None
    by: Literal["peer", "us", "transport"] = "peer"

    def __str__(self) -> str:
        if self.status is not None:
            head = f"HTTP {self.status}"
        elif self.code is not None:
            head = f"close {self.code} by {self.by}"
        else:
            head = "connection lost"
        return f"{head}: {self.reason}" if self.reason else head


Effect: TypeAlias = str | SecretFrame | Dial | Hangup | Ping | Fetch | Persist | Pause
