"""The hydration gate in runs of anything: nothing lost in silence, nothing twice, all in order, control events never held."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.commands import Hydrate
from pushwire.core.effects import Done, Failed, Fetch, Token
from pushwire.core.events import CONTROL, Down, Gap, Hydrated, Stale, Up
from pushwire.core.gate import Gated
from tests.core.rig import WALL, tx
from tests.core.scripted import Scripted
from tests.core.toy import Always, Data, Event, Tx

HOLD = 3
STEPS = ("message", "ledgered", "burst", "stale", "up", "down", "gap", "loaded", "old answer", "failed", "time", "hydrate")


class Run:
    """A gate with the rules it must keep, checked after each step."""

    def __init__(self) -> None:
        self.inner = Scripted()
        self.gate: Gated[Event] = Gated(self.inner, rng=Always(0.5), hold=HOLD, ledgered=Tx)
        self.now = 0.0
        self.said: list[Event] = []
        self.got: list[object] = []
        self.loads: list[Token] = []
        self.since_loads: list[int] = []
        self.answered: set[Token] = set()
        self.generation = 0
        self.up = self.fresh = False
        self.gate.start(0.0, WALL)

    def step(self, name: str) -> None:
        self.now += 1.0
        number = len(self.said)
        match name:
            case "message":
                self.say(Data("t", str(number)))
            case "ledgered":
                self.say(Tx(tx(str(number)), "new"))
            case "burst":
                self.say(*(Data("t", str(number + more)) for more in range(HOLD)), Tx(tx(str(number + HOLD)), "new"))
            case "stale":
                self.say(Stale(self.now, "t", 0.0))
            case "up":
                self.generation += 1
                self.up, self.fresh = True, False
                self.say(Up(self.now, self.generation))
            case "down":
                self.up = False
                self.say(Down(self.now, "reset", None))
            case "gap":
                self.fresh = False
                self.say(Gap(self.now, WALL, WALL))
            case "hydrate":
                self.fresh = False
                self.gate.submit(Hydrate(), self.now)
            case "time":
                self.now += 60.0
                self.gate.handle_timer(self.now, WALL + self.now)
            case _:
                self.answer(name)
        self.take()

    def answer(self, name: str) -> None:
        if not self.loads:
            return
        token = self.loads[0] if name == "old answer" else self.loads[-1]
        if token not in self.answered:
            self.answered.add(token)
            self.gate.fulfil(token, Failed(OSError()) if name == "failed" else Done(token), self.now)

    def say(self, *events: Event) -> None:
        self.said += events
        self.inner.events += events
        self.gate.receive(["?"], self.now)
        for event in events:
            assert type(event) not in CONTROL or event in self.gate._events, "a control event is never held"

    def take(self) -> None:
        for effect in self.gate.take_effects():
            assert isinstance(effect, Fetch)
            self.loads.append(effect.token)
            self.fresh = True
        news = list(self.gate.take_events())
        for event in news:
            if isinstance(event, Hydrated):
                assert event.snapshot == self.loads[-1], "only the newest load counts"
                assert self.fresh, "nothing was missed since it began"
                assert self.up
        self.got += news
        assert sum(not held.ledgered for held in self.gate._held) <= HOLD

    def end(self) -> None:
        self.inner.finished = True
        self.gate.stop(self.now)
        self.take()


@given(st.lists(st.sampled_from(STEPS), max_size=60))
def test_whatever_happens_the_gate_keeps_its_rules(steps: list[str]) -> None:
    run = Run()
    for name in steps:
        run.step(name)
    run.end()
    got = [event for event in run.got if isinstance(event, Data | Tx)]
    said = [event for event in run.said if isinstance(event, Data | Tx)]
    assert got == [event for event in said if event in got], "in order, none twice"
    lost = [event for event in said if event not in got]
    assert not any(isinstance(event, Tx) for event in lost), "nothing ledgered is let go"
    told = [event for event in run.got if isinstance(event, Gap) and event not in run.said]
    assert len(lost) == len(told) * (HOLD + 1), "each overflow is told"
    control = [event for event in run.got if type(event) in CONTROL and event in run.said]
    assert control == [event for event in run.said if type(event) in CONTROL]


@given(st.lists(st.sampled_from([name for name in STEPS if name != "burst"]), max_size=60))
def test_between_ready_and_the_snapshot_no_message_comes(steps: list[str]) -> None:
    run = Run()
    for name in steps:
        run.step(name)
    open_ = False
    for event in run.got:
        match event:
            case Hydrated():
                open_ = True
            case Up() | Down():
                open_ = False
            case Data() | Tx():
                assert open_
            case _:
                pass
