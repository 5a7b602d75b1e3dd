"""Whatever happens to connection, store and process: no ACK before its message is durable, each delivered until it is finished,
in order of receipt, and finished once."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pushwire.core.effects import Committed, Done, Failed, Held, Identity, Outcome, Persist, Record, Restored, Write
from pushwire.core.events import Delivery
from pushwire.core.holding import Holding
from pushwire.core.holds import HoldLimits
from pushwire.core.machine import Phase
from pushwire.errors import LocalProtocolError
from tests.core.hold_rig import HoldRig
from tests.core.rig import tx
from tests.core.stateful import explore
from tests.core.toy import Event, Tx

# With room for one more while there is too little for a page.
LIMITS = HoldLimits(rows=8, out=3)
KEYS = "abcde"


class Disk:
    """What survives."""

    def __init__(self) -> None:
        self.held: dict[Identity, Record] = {}
        self.finished: dict[Identity, float] = {}
        self.settled: list[Identity] = []
        self.mark: float | None = None

    def store(self, persist: Persist) -> None:
        for record in (record for write in persist.writes for record in write.records):
            self.keep(record)
        self.mark = persist.mark

    def keep(self, record: Record) -> None:
        identity = record.identity
        if record.kind == "held":
            if identity not in self.finished:
                self.held.setdefault(identity, record)
            return
        assert record.kind == "finished", "nothing is parked, and the session finishes nothing by itself"
        assert identity in self.held, "only what was held is finished"
        del self.held[identity]
        self.finished[identity] = record.at
        self.settled.append(identity)

    def restored(self) -> Restored:
        held = {identity: Held(record.at, len(record.raw)) for identity, record in self.held.items()}
        return Restored(dict(self.finished), {}, self.mark, held)


class World(RuleBasedStateMachine):
    """One provider, one disk, one caller; processes come and go."""

    holding: type[Holding[Event]] = Holding

    def __init__(self) -> None:
        super().__init__()
        self.disk = Disk()
        self.now = 0.0
        self.sent: list[str] = []
        self.owed: dict[str, None] = {}

    @initialize()
    def boot(self) -> None:
        self.rig = HoldRig(LIMITS, restored=self.disk.restored(), now=self.now, holding=self.holding)
        # What the provider has said to this process.
        self.said: set[str] = set()
        self.hand: list[Identity] = []
        self.handed: list[Identity] = []
        self.rig.start()
        self.look()

    def look(self) -> None:
        """Take all that the machine has said, and judge it."""
        for frame in self.rig.frames():
            if frame.startswith("ack "):
                self.acked(frame.split()[2])
            elif frame == "ping":
                self.rig.say("pong")
        for event in self.rig.news():
            if isinstance(event, Tx):
                assert event.identity in self.disk.held, "delivered before it was durable, or after it was finished"
                assert event.identity not in self.handed, "delivered twice in one run"
                held = list(self.disk.held)
                earlier = held[: held.index(event.identity)]
                assert set(earlier) <= set(self.handed), "not in the order of receipt"
                self.hand.append(event.identity)
                self.handed.append(event.identity)
        assert len(self.hand) <= LIMITS.out

    def acked(self, key: str) -> None:
        for text in self.sent:
            identity = _identity(text)
            if identity.key == (key,):
                durable = identity in self.disk.held or identity in self.disk.finished
                assert durable or text not in self.said, "ACKed before it was durable"
                if durable:
                    self.owed.pop(text, None)

    # The provider

    @rule()
    @precondition(lambda self: self.rig.phase() in (Phase.DIALLING, Phase.BACKING_OFF))
    def connect(self) -> None:
        if self.rig.phase() is Phase.BACKING_OFF:
            self.pass_time(self.rig.machine.next_deadline() - self.now)
        if self.rig.phase() is Phase.DIALLING:
            self.rig.open()
            self.rig.say("hello")
            self.look()
            # One by one: the toy's ACK names the key alone, and is taken for all of it that was said before.
            for text in list(self.owed):
                self.say(text)

    @rule(keys=st.lists(st.sampled_from(KEYS), min_size=1, max_size=3))
    def send(self, keys: list[str]) -> None:
        texts = [f"tx {key} {1 + sum(text.split()[1] == key for text in self.sent)}" for key in dict.fromkeys(keys)]
        self.sent += texts
        self.owed.update(dict.fromkeys(texts))
        if self.rig.phase() is Phase.READY:
            self.say(*texts)

    def say(self, *texts: str) -> None:
        self.said.update(texts)
        self.rig.say(*texts)
        self.look()

    @rule()
    @precondition(lambda self: self.rig.phase() in (Phase.READY, Phase.HANGING_UP))
    def drop(self) -> None:
        self.rig.drop()
        self.look()

    # The store

    @rule()
    @precondition(lambda self: bool(self.rig.persists))
    def commit(self) -> None:
        self.disk.store(self.rig.persists[0])
        self.rig.commit()
        self.look()

    @rule(stored=st.booleans())
    @precondition(lambda self: bool(self.rig.persists))
    def fail(self, stored: bool) -> None:
        """It did not happen, or it did and nobody can tell."""
        if stored:
            self.disk.store(self.rig.persists[0])
        before = set(self.hand)
        tickets = [write.ticket for write in self.rig.persists[0].writes if write.ticket is not None]
        self.rig.fail_commit()
        if tickets and stored:
            # The caller was told that it is unknown; it has what it had, and a repetition is safe.
            assert before == set(self.hand)
        self.look()

    @rule()
    @precondition(lambda self: bool(self.rig.fetches))
    def load(self) -> None:
        identities = self.rig.asked()
        self.rig.give({identity: self.disk.held[identity].raw for identity in identities})
        self.look()

    @rule()
    @precondition(lambda self: bool(self.rig.fetches))
    def fail_to_load(self) -> None:
        self.rig.give_nothing()
        self.look()

    # The caller

    @rule(data=st.data())
    @precondition(lambda self: any(i in self.disk.held for i in self.hand) and not self.rig.persists)
    def finish(self, data: st.DataObject) -> None:
        some = data.draw(st.lists(st.sampled_from([i for i in self.hand if i in self.disk.held]), min_size=1, unique=True))
        self.rig.finish(*some)
        (persist,) = self.rig.persists
        if data.draw(st.booleans()):
            self.disk.store(persist)
            self.rig.commit()
            self.hand = [identity for identity in self.hand if identity not in some]
        else:
            self.rig.fail_commit()
        self.look()

    # The process

    @rule(seconds=st.sampled_from([0.5, 3.0, 20.0, 200.0]))
    def pass_time(self, seconds: float) -> None:
        self.rig.advance(seconds, each=self.look)
        self.now = self.rig.now
        self.look()

    @rule()
    def crash(self) -> None:
        self.boot()

    @invariant()
    def nothing_is_lost(self) -> None:
        for text in self.sent:
            identity = _identity(text)
            assert text in self.owed or identity in self.disk.held or identity in self.disk.finished
        assert len(self.disk.settled) == len(set(self.disk.settled)), "finished twice"

    def teardown(self) -> None:
        """In the end all is delivered and finished, and the provider owes nothing."""
        if not hasattr(self, "rig"):
            return
        for _ in range(60):
            if not self.owed and not self.disk.held:
                return
            while self.rig.persists:
                self.commit()
            while self.rig.fetches:
                self.load()
            if self.rig.phase() is Phase.HANGING_UP:
                self.drop()
            if self.rig.phase() in (Phase.DIALLING, Phase.BACKING_OFF):
                self.connect()
            if self.hand:
                self.rig.finish(*self.hand)
                self.hand.clear()
            else:
                self.pass_time(20.0)
        raise AssertionError(f"left: {self.owed}, {self.disk.held}")


def _identity(text: str) -> Identity:
    _, key, version = text.split()
    return tx(key, version)


@pytest.mark.slow
def test_whatever_happens_each_is_acked_when_durable_and_delivered_until_it_is_finished() -> None:
    explore(World, examples=100, steps=40)


# Bugs planted on purpose: the same world must fail each of them.


class DeliversEarly(Holding[Event]):
    """With what has arrived, not with what is stored."""

    def _arrive(self, event: Event, identity: Identity, delivery: Delivery, raw: str) -> None:
        super()._arrive(event, identity, delivery, raw)
        self._events.append(event)


class AcksEarly(Holding[Event]):
    """The session is told that all is stored as soon as it has asked for it."""

    def _as_held(self, persist: Persist) -> Persist:
        self._machine.fulfil(persist.token, Done(Committed()), 0.0)
        return super()._as_held(persist)


class HoldsNothing(Holding[Event]):
    """What the session takes for finished is stored as that."""

    def _held(self, write: Write) -> Write:
        return Write(None, write.records)


class ForgetsTheEarlierRun(Holding[Event]):
    """What an earlier run held is left where it is."""

    def _load(self) -> None:
        self._waiting.clear()


class OvertakesWhatFailed(Holding[Event]):
    """What could not be stored goes to the end of the queue."""

    def _stored(self, error: BaseException | None, now: float) -> None:
        fresh = self._fresh
        if error is not None:
            self._fresh = []
        super()._stored(error, now)
        if error is not None:
            self._fresh = [*fresh, *self._fresh]


class OvertakesWhatWaits(Holding[Event]):
    """What arrives is delivered at once, though others wait."""

    def _stored(self, error: BaseException | None, now: float) -> None:
        waiting, self._waiting = self._waiting, type(self._waiting)()
        super()._stored(error, now)
        self._waiting.extendleft(reversed(waiting))


class DropsWhatWasNotLoaded(Holding[Event]):
    """A load that failed is forgotten."""

    def _loaded(self, outcome: Outcome, now: float) -> None:
        failed = isinstance(outcome, Failed)
        super()._loaded(outcome, now)
        if failed:
            self._waiting.clear()


@pytest.mark.parametrize(
    "bug",
    [
        DeliversEarly,
        AcksEarly,
        HoldsNothing,
        ForgetsTheEarlierRun,
        OvertakesWhatFailed,
        OvertakesWhatWaits,
        DropsWhatWasNotLoaded,
    ],
)
def test_the_world_notices(bug: type[Holding[Event]]) -> None:
    class Bugged(World):
        holding = bug

    with pytest.raises((AssertionError, KeyError, LocalProtocolError, BaseExceptionGroup)):
        explore(Bugged, examples=600, steps=40, shrink=False)
