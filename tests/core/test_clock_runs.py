"""The parts of core that keep time, each beside a model too simple to be wrong, under any order of what may be done to them."""

from __future__ import annotations

import math

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pushwire.core.gaps import Gaps
from pushwire.core.heartbeat import Heartbeat
from pushwire.core.pacing import Pacer
from pushwire.core.staleness import Staleness
from pushwire.core.throttle import Throttle
from pushwire.core.timers import Timers
from tests.core.stateful import explore
from tests.core.toy import Buy, Look

SECONDS = st.sampled_from([0.0, 0.25, 1.0, 3.0, 10.0])
NAMES = st.sampled_from("abc")


class Clock(RuleBasedStateMachine):
    """Time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.now: float = 100.0

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.now += seconds


class TimersRun(Clock):
    """Deadlines by name: the model is a dict."""

    now: float

    def __init__(self) -> None:
        super().__init__()
        self.timers = Timers()
        self.model: dict[str, float] = {}

    @rule(name=NAMES, seconds=SECONDS)
    def arm(self, name: str, seconds: float) -> None:
        self.timers.arm(name, self.now + seconds)
        self.model[name] = self.now + seconds

    @rule(names=st.lists(NAMES))
    def disarm(self, names: list[str]) -> None:
        self.timers.disarm(*names)
        self.model = {name: at for name, at in self.model.items() if name not in names}

    @rule()
    def clear(self) -> None:
        self.timers.clear()
        self.model.clear()

    @rule()
    def take(self) -> None:
        due = {name: at for name, at in self.model.items() if at <= self.now}
        popped = self.timers.pop_due(self.now)
        assert sorted(popped) == sorted(due)
        assert [due[name] for name in popped] == sorted(due.values())
        self.model = {name: at for name, at in self.model.items() if name not in due}

    @invariant()
    def agree(self) -> None:
        assert self.timers.next() == min(self.model.values(), default=math.inf)
        assert {name: self.timers.due(name) for name in "abc"} == {name: self.model.get(name) for name in "abc"}


class HeartbeatRun(Clock):
    """A driver that pings when it is due, and a peer that answers late or never."""

    now: float

    def __init__(self) -> None:
        super().__init__()
        self.heartbeat = Heartbeat(5.0, 2.0)
        self.out: list[float] = []
        self.unanswered: float | None = None
        """Since when an answer is owed, without the pauses."""
        self.up = False

    @rule()
    def start(self) -> None:
        self.heartbeat.start(self.now)
        self.up, self.out, self.unanswered = True, [], None
        assert self.heartbeat.ping_due() == self.now + 5.0

    @rule()
    def stop(self) -> None:
        self.heartbeat.stop()
        self.up, self.out, self.unanswered = False, [], None

    @rule()
    def ping(self) -> None:
        if self.up and self.heartbeat.ping_due() <= self.now:
            self.heartbeat.sent(self.now)
            self.out.append(self.now)
            self.unanswered = self.now if self.unanswered is None else self.unanswered
            assert self.heartbeat.ping_due() == self.now + 5.0

    @rule()
    def answer(self) -> None:
        assert self.heartbeat.answered() == (self.out.pop(0) if self.out else None)
        self.unanswered = None

    @rule()
    def hear(self) -> None:
        self.heartbeat.traffic(self.now)

    @rule(paused=SECONDS)
    def pause(self, paused: float) -> None:
        self.now += paused
        self.heartbeat.resumed(self.now, paused)
        if self.unanswered is not None:
            self.unanswered = min(self.unanswered + paused, self.now)

    @invariant()
    def agree(self) -> None:
        assert (self.heartbeat.ping_due() == math.inf) is not self.up
        owed = math.inf if self.unanswered is None else self.unanswered + 2.0
        assert self.heartbeat.answer_due() == owed


class StalenessRun(Clock):
    """Each silence is told once, in time, and nothing that is not silent."""

    now: float

    def __init__(self) -> None:
        super().__init__()
        self.staleness: Staleness[str] = Staleness(4.0)
        self.last: dict[str, float] = {}
        self.told: set[str] = set()
        self.untold: dict[str, float] = {}

    @rule(topic=NAMES)
    def watch(self, topic: str) -> None:
        self.staleness.watch(topic, self.now)
        self.last[topic] = self.now
        self.told.discard(topic)

    @rule(topic=NAMES)
    def unwatch(self, topic: str) -> None:
        self.staleness.unwatch(topic)
        self.last.pop(topic, None)
        self.told.discard(topic)

    @rule(topics=st.sets(NAMES), how=st.sampled_from(["one", "all", "later"]))
    def hear(self, topics: set[str], how: str) -> None:
        if how == "one":
            for topic in topics:
                self.staleness.data(topic, self.now)
        elif how == "all":
            self.staleness.data_all(dict.fromkeys(sorted(topics), self.now))
        else:
            self.untold.update(dict.fromkeys(sorted(topics), self.now))
            self.staleness.defer(self.tell)
        for topic in topics & self.last.keys():
            self.last[topic] = self.now
            self.told.discard(topic)

    def tell(self) -> None:
        untold, self.untold = self.untold, {}
        self.staleness.data_all(untold)

    @rule()
    def clear(self) -> None:
        self.staleness.clear()
        self.last.clear()
        self.told.clear()
        self.untold.clear()

    @rule(paused=SECONDS)
    def pause(self, paused: float) -> None:
        self.now += paused
        self.staleness.resumed(self.now, paused)
        self.last = {topic: min(at + paused, self.now) for topic, at in self.last.items()}

    @rule()
    def ask(self) -> None:
        silent = {(topic, at) for topic, at in self.last.items() if at + 4.0 <= self.now and topic not in self.told}
        assert {*self.staleness.overdue(self.now)} == silent
        self.told |= {topic for topic, _ in silent}

    @invariant()
    def in_time(self) -> None:
        waiting = [at + 4.0 for topic, at in self.last.items() if topic not in self.told]
        assert self.staleness.due() <= min(waiting, default=math.inf), "asked too late"


class GapsRun(Clock):
    """What is missing is told, in full in the end, and never a span that ends before it begins."""

    now: float

    def __init__(self) -> None:
        super().__init__()
        self.gaps = Gaps()
        self.complete = 0.0
        self.missing: float | None = None
        self.partly = False

    @rule()
    def all_has_come(self) -> None:
        self.gaps.complete_until(self.now)
        self.complete = self.now

    @rule(offset=st.sampled_from([1000.0, 990.0, 2000.0]))
    def lose(self, offset: float) -> None:
        self.gaps.lost(offset)
        self.missing = self.complete + offset if self.missing is None else self.missing
        self.partly = False

    @rule(complete=st.booleans(), offset=st.sampled_from([1000.0, 100.0]))
    def tell(self, complete: bool, offset: float) -> None:
        gap = self.gaps.tell(self.now, self.now + offset, complete=complete)
        news = self.missing is not None and (complete or not self.partly)
        assert (gap is not None) is news
        if gap is not None and self.missing is not None:
            assert gap.until == self.now + offset
            assert gap.since == min(self.missing, gap.until)
            self.missing, self.partly = (None, False) if complete else (self.missing, True)
            self.complete = self.now if complete else self.complete

    @invariant()
    def agree(self) -> None:
        assert self.gaps.since == self.missing


class ThrottleRun(Clock):
    """Nothing leaves faster than the rates allow, and whoever is held back is looked at again in time."""

    @initialize(rate=st.sampled_from([0.5, 2.0, math.inf]), burst=st.integers(1, 3))
    def make(self, rate: float, burst: int) -> None:
        self.rate, self.burst = rate, burst
        self.own = Pacer(0.25, 1)
        self.throttle = Throttle(Pacer(rate, burst), lambda command: self.own if isinstance(command, Buy) else None)
        self.left: list[float] = []
        self.bought: list[float] = []
        self.held_until = -math.inf
        self.refused = False

    @rule(seconds=SECONDS)
    def hold(self, seconds: float) -> None:
        self.throttle.hold(self.now + seconds)
        self.held_until = max(self.held_until, self.now + seconds)

    @rule(buys=st.booleans())
    def submit(self, buys: bool) -> None:
        command = Buy() if buys else Look()
        self.throttle.look()
        if self.throttle.holds_all(self.now) or self.throttle.holds(command, self.now) or not self.throttle.take(self.now):
            assert self.now < self.throttle.due < math.inf, "nobody looks at it again"
            return
        assert self.now >= self.held_until, "asked to wait"
        self.throttle.left(command, self.now)
        self.left.append(self.now)
        if buys:
            self.bought.append(self.now)

    @rule()
    def wait_until_due(self) -> None:
        if self.throttle.due < math.inf:
            self.now = max(self.now, self.throttle.due)

    @rule()
    def ping(self) -> None:
        self.throttle.urgent(self.now, 1)

    @invariant()
    def within_the_rates(self) -> None:
        if hasattr(self, "left"):
            for times, rate, burst in ((self.left, self.rate, self.burst), (self.bought, 0.25, 1)):
                for first in range(len(times)):
                    span = times[-1] - times[first]
                    assert len(times) - first <= burst + span * rate + 1e-6 or rate == math.inf


def test_timers_are_a_dict_of_deadlines() -> None:
    explore(TimersRun, examples=30)


def test_a_heartbeat_owes_one_answer_at_a_time_and_knows_since_when() -> None:
    explore(HeartbeatRun, examples=30)


def test_each_silence_is_told_once_and_in_time() -> None:
    explore(StalenessRun, examples=30)


def test_what_is_missing_is_told_and_in_the_end_in_full() -> None:
    explore(GapsRun, examples=30)


def test_no_more_leaves_than_the_rates_allow_and_nobody_is_forgotten() -> None:
    explore(ThrottleRun, examples=30)
