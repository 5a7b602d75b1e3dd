"""What a stream of JetStream must be, for what is stored in it to stay, and to be stored once. Values only.

What lives here: the settings of streams, judged. What a server says is read leniently: it is of any version.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Final

import attrs
import msgspec

__all__ = ["ACCEPTED", "ApiError", "Reply", "StreamConfig", "StreamInfo", "Wanted", "covers", "refusable"]

NANO: Final = 1_000_000_000
STRONG: Final = 3
"""Replicas of which one may be lost for good, and the others go on."""

ACCEPTED: Final[Mapping[str, str]] = {
    "page-cache": "what is stored may be lost where the power of all servers that hold it fails together",
    "fewer-replicas": "what is stored may be lost with the disk of one server",
    "short-window": "what a provider sends again, or is under way in an outage, after the duplicate window is stored twice",
    "interest": "what nobody is interested in when it comes is not kept",
}
"""The weaker promises that one may accept, by their names."""


class ApiError(msgspec.Struct, frozen=True):
    """Why JetStream did not do what was asked."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class StreamConfig(msgspec.Struct, frozen=True):
    """What is asked of a stream's settings. Times are nanoseconds; limits below 1 are none."""

    name: str = ""
    subjects: tuple[str, ...] = ()
    retention: str = ""
    storage: str = ""
    discard: str = ""
    num_replicas: int = 0
    duplicate_window: int = 0
    max_age: int = 0
    max_msgs: int = -1
    max_bytes: int = -1
    max_msgs_per_subject: int = -1
    no_ack: bool = False
    sealed: bool = False
    allow_direct: bool = False
    persist_mode: str = ""
    mirror: dict[str, object] | None = None


class Peer(msgspec.Struct, frozen=True):
    name: str = ""


class Cluster(msgspec.Struct, frozen=True):
    leader: str = ""
    replicas: tuple[Peer, ...] = ()


class State(msgspec.Struct, frozen=True):
    messages: int = 0
    last_seq: int = 0


class StreamInfo(msgspec.Struct, frozen=True):
    """A stream as it is."""

    config: StreamConfig
    state: State = State()
    cluster: Cluster | None = None

    def servers(self, connected: str) -> frozenset[str]:
        """The names of the servers that hold it; `connected` is the one that answered."""
        if self.cluster is None or not (self.cluster.leader or self.cluster.replicas):
            return frozenset({connected})
        return frozenset({self.cluster.leader, *(peer.name for peer in self.cluster.replicas)} - {""})


class Reply(msgspec.Struct, frozen=True):
    """Any answer of the API, and of a stream that was published to: fields that are not there are not said."""

    error: ApiError | None = None
    config: StreamConfig | None = None
    state: State = State()
    cluster: Cluster | None = None
    stream: str = ""
    seq: int = 0
    duplicate: bool = False

    @property
    def info(self) -> StreamInfo | None:
        return None if self.config is None else StreamInfo(self.config, self.state, self.cluster)


@attrs.frozen(kw_only=True)
class Wanted:
    """What one stream must be. `window` is seconds, `accepted` names of `ACCEPTED`."""

    name: str
    subject: str
    replicas: int
    window: float
    accepted: Collection[str]

    def creation(self) -> dict[str, object]:
        """How it is made: nothing ever goes away by itself."""
        return {
            "name": self.name,
            "subjects": [self.subject],
            "retention": "limits",
            "storage": "file",
            "discard": "new",
            "num_replicas": self.replicas,
            "duplicate_window": math.ceil(self.window) * NANO,
            "allow_direct": True,
        }

    def problems(self, config: StreamConfig) -> Iterator[str]:
        """All that is wrong with it."""
        if config.storage != "file":
            yield f"storage is {config.storage}: a restart would lose what is stored; it must be file"
        if config.persist_mode == "async":
            yield "persist_mode is async: it would answer before anything is written"
        if config.no_ack:
            yield "no_ack is set: it would never say what is stored"
        if config.sealed:
            yield "it is sealed"
        if config.mirror is not None:
            yield "it is a mirror: nothing can be published to it"
        elif not any(covers(subject, self.subject) for subject in config.subjects or (config.name,)):
            yield f"it does not take the subject {self.subject}, only {', '.join(config.subjects)}"
        if config.num_replicas < self.replicas:
            yield f"num_replicas is {config.num_replicas}, wanted are {self.replicas}"
        window = config.duplicate_window / NANO
        if window < self.window and "short-window" not in self.accepted:
            yield (
                f"duplicate_window is {window:g} s, and what comes again within {math.ceil(self.window)} s must be known: "
                f"make it longer (nats stream edit --dupe-window {math.ceil(self.window)}s), or {refusable('short-window')}"
            )
        if config.retention == "interest" and "interest" not in self.accepted:
            yield f"retention is interest: it must be limits or workqueue, or {refusable('interest')}"

    def promises(self, info: StreamInfo) -> Iterator[str]:
        """What it promises, and what takes away what it holds."""
        config = info.config
        yield f"stream {config.name}: {info.state.messages} messages, the last has seq {info.state.last_seq}"
        copies = "of one server" if config.num_replicas <= 1 else f"of most of {config.num_replicas} servers"
        yield f"stream {config.name}: a PubAck means that it is in a file {copies}"
        yield f"stream {config.name}: what comes again within {config.duplicate_window / NANO:g} s is stored once"
        for line in self._goes_away(config):
            yield f"stream {config.name}: {line}"

    def _goes_away(self, config: StreamConfig) -> Iterator[str]:
        limits = {"max_msgs": config.max_msgs, "max_bytes": config.max_bytes, "max_msgs_per_subject": config.max_msgs_per_subject}
        found = [f"{name} is {value}" for name, value in limits.items() if value > 0]
        if config.max_age > 0:
            yield f"max_age is {config.max_age / NANO:g} s: what is older goes away, read or not"
        if found and config.discard == "new":
            yield f"{', '.join(found)}, discard is new: once full it takes nothing more, and the relay waits"
        elif found:
            yield f"{', '.join(found)}, discard is {config.discard}: once full the oldest go away, read or not"
        if config.retention != "limits":
            yield f"retention is {config.retention}: what its readers have acknowledged goes away"
        if config.max_age > 0 or found or config.retention != "limits":
            yield "of what went away it is not known any more whether the same came again, or something else under its key"


def refusable(name: str) -> str:
    """How one accepts a weaker promise, and which."""
    return f'accept = ["{name}"]: {ACCEPTED[name]}'


def covers(pattern: str, subject: str) -> bool:
    """Whether `pattern` takes every subject that `subject`, which may have wildcards as well, stands for."""
    theirs, ours = pattern.split("."), subject.split(".")
    for place, token in enumerate(theirs):
        if token == ">":
            return len(ours) > place
        if place >= len(ours) or ours[place] == ">":
            return False
        if token not in ("*", ours[place]):
            return False
    return len(theirs) == len(ours)
