"""A ledgered toy with receipts around it, in virtual time."""

from __future__ import annotations

from typing import cast

from pushwire.core.acks import AckConfig
from pushwire.core.effects import Done, Failed, Fetch, Identity, Loaded, Pause, Payloads, Record, Restored
from pushwire.core.events import Delivery
from pushwire.core.holding import Holding
from pushwire.core.holds import HoldLimits, acked_already
from pushwire.errors import StoreError
from tests.core.rig import Rig
from tests.core.toy import AckToy, Always, Event, Rules, Tx


def revive(raw: str, identity: Identity, delivery: Delivery, received: float) -> Event:
    """What the toy makes of a message that was kept."""
    if raw.split()[:1] != ["tx"]:
        raise ValueError("no tx")
    return Tx(identity, delivery)


class HoldRig(Rig):
    """See `Rig`."""

    def __init__(
        self,
        limits: HoldLimits | None = None,
        *,
        restored: Restored | None = None,
        config: AckConfig | None = None,
        inner: AckToy | None = None,
        now: float = 0.0,
        holding: type[Holding[Event]] = Holding,
    ) -> None:
        restored = restored or Restored()
        self.inner = inner or AckToy(config, restored=acked_already(restored))
        self.holding: Holding[Event] = holding(
            self.inner, rng=Always(1.0), ledgered=Tx, revive=revive, restored=restored, limits=limits
        )
        super().__init__(cast("Rules", self.holding), now)  # a rig uses nothing but the contract of all machines

    def give_tokens(self) -> None:
        """It needs none: what is fetched are messages."""

    def pauses(self) -> list[bool]:
        """What was asked for since the last call of this or `frames`."""
        return [effect.on for effect in self.effects if isinstance(effect, Pause)]

    def asked(self) -> tuple[Identity, ...]:
        """What the oldest load under way is for."""
        what = self.fetches[0].what
        assert isinstance(what, Payloads)
        return what.identities

    def give(self, raws: dict[Identity, str] | None = None) -> tuple[Identity, ...]:
        """Answer the oldest load: with the toy's own messages, or with these."""
        identities = self.asked()
        messages = {identity: f"tx {identity.key[0]} {identity.version[0]}" for identity in identities}
        self.answer(Done(Loaded(messages if raws is None else raws)))
        return identities

    def give_nothing(self, error: str = "no connection") -> None:
        """The oldest load fails."""
        self.answer(Failed(StoreError(error)))

    def answer(self, outcome: Done | Failed) -> None:
        fetch: Fetch = self.fetches.pop(0)
        self.machine.fulfil(fetch.token, outcome, self.now)
        self.drain()

    def unacked(self) -> int:
        return self.machine.status().unacked

    def trouble(self) -> str | None:
        return self.machine.status().store_error


def ready(limits: HoldLimits | None = None, *, restored: Restored | None = None, config: AckConfig | None = None) -> HoldRig:
    """On a ready connection, at second 0, with nothing left to take; its first mark is stored."""
    rig = HoldRig(limits, restored=restored, config=config)
    rig.get_ready()
    while rig.persists:
        rig.commit()
    rig.frames()
    rig.news()
    return rig


def held(raw: str, at: float) -> Record:
    """What is stored of the toy's message when it arrives."""
    _, key, version, *_ = raw.split()
    return Record("held", Identity((key,), (version,)), at, raw=raw)
