"""The parts of core that keep what waits, each beside a model too simple to be wrong, under any order of what may be done."""

from __future__ import annotations

import math

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pushwire.core.again import Again
from pushwire.core.effects import Identity, Ticket, Token
from pushwire.core.grants import Grants
from pushwire.core.holds import HOLD, Hold, HoldLimits, HoldTrigger, Row, Rows
from pushwire.core.pending import Call, Pending
from pushwire.core.ratelimit import Buckets, Place, RateLimit
from pushwire.core.subscriptions import Subscriptions
from pushwire.core.waiting import Waiting
from tests.core.stateful import explore
from tests.core.toy import Look

SECONDS = st.sampled_from([0.0, 0.25, 1.0, 3.0, 10.0])
NAMES = st.sampled_from("abc")
WHICH = st.integers(0, 20)


class CallsRun(RuleBasedStateMachine):
    """Calls in slots and calls that wait to be authorised: each is given out once, by its answer, its deadline or the end."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.serial = 0
        self.pending: Pending[str] = Pending()
        self.grants: Grants[str] = Grants()
        self.slots: dict[str, Call[str]] = {}
        self.tokens: dict[Token, Call[str]] = {}

    def call(self) -> Call[str]:
        self.serial += 1
        return Call(Ticket(self.serial), Look(), lane="a" if self.serial % 2 else None)

    @rule(slot=NAMES, seconds=SECONDS)
    def leave(self, slot: str, seconds: float) -> None:
        assert self.pending.busy(slot) is (slot in self.slots)
        if slot not in self.slots:
            self.slots[slot] = self.call()
            self.pending.add(slot, self.slots[slot], self.now + seconds)

    @rule(seconds=SECONDS)
    def ask_for_leave(self, seconds: float) -> None:
        call = self.call()
        token = Token(1, self.serial)
        self.tokens[token] = call
        self.grants.add(token, call, self.now + seconds)

    @rule(slot=NAMES)
    def answer(self, slot: str) -> None:
        assert self.pending.peek(slot) is self.slots.get(slot)
        assert self.pending.answer(slot) is self.slots.pop(slot, None)

    @rule(which=WHICH)
    def grant(self, which: int) -> None:
        token = Token(1, which)
        assert self.grants.answered(token) is self.tokens.pop(token, None)

    @rule(which=WHICH)
    def stop_waiting(self, which: int) -> None:
        ticket = Ticket(which)
        found = [call for call in self.slots.values() if call.ticket == ticket]
        assert self.pending.abandon(ticket) is next(iter(found), None)
        assert all(call.ticket is None for call in found), "the slot stays, its caller is gone"
        held = [token for token, call in self.tokens.items() if call.ticket == ticket]
        assert self.grants.withdraw(ticket) is next((self.tokens.pop(token) for token in held), None)

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.now += seconds
        late = {slot: call for slot, call in self.slots.items() if call.deadline <= self.now}
        if late:
            assert self.pending.due() <= self.now, "asked too late"
        assert dict(self.pending.overdue(self.now)) == late
        self.slots = {slot: call for slot, call in self.slots.items() if slot not in late}
        given_up = [call for call in self.tokens.values() if call.deadline <= self.now]
        if given_up:
            assert self.grants.due() <= self.now, "asked too late"
        assert self.grants.overdue(self.now) == given_up
        self.tokens = {token: call for token, call in self.tokens.items() if call not in given_up}

    @rule(paused=SECONDS)
    def pause(self, paused: float) -> None:
        before = {slot: call.deadline for slot, call in self.slots.items()}
        self.now += paused
        self.pending.resumed(paused, self.now + 5.0)
        for slot, call in self.slots.items():
            assert call.deadline == min(before[slot] + paused, self.now + 5.0)

    @rule()
    def lose(self) -> None:
        assert self.pending.lost() == [*self.slots.values()]
        assert self.grants.lost() == [*self.tokens.values()]
        self.slots.clear()
        self.tokens.clear()

    @invariant()
    def agree(self) -> None:
        assert list(self.pending) == [*self.slots.values()]
        assert self.pending.due() <= min((call.deadline for call in self.slots.values()), default=math.inf)
        assert list(self.grants) == [*self.tokens.values()]
        assert self.grants.due() <= min((call.deadline for call in self.tokens.values()), default=math.inf)
        assert self.grants.busy("a") is any(call.lane == "a" for call in self.tokens.values())


class WaitingRun(RuleBasedStateMachine):
    """A queue that is looked through: the model is a list."""

    def __init__(self) -> None:
        super().__init__()
        self.serial = 0
        self.waiting: Waiting[str] = Waiting()
        self.model: list[Call[str]] = []

    def calls(self, count: int) -> list[Call[str]]:
        self.serial += count
        serials = [self.serial - place for place in reversed(range(count))]
        return [Call(Ticket(serial), Look(), lane=(None, "a", "b")[serial % 3]) for serial in serials]

    @rule(count=st.integers(1, 3), kind=st.sampled_from(["append", "extend", "first"]))
    def join(self, count: int, kind: str) -> None:
        calls = self.calls(1 if kind == "append" else count)
        if kind == "first":
            self.waiting.first(calls)
            self.model[:0] = calls
            return
        self.waiting.append(calls[0]) if kind == "append" else self.waiting.extend(calls)
        self.model += calls

    @rule(fates=st.lists(st.sampled_from(["taken", "passed over", "busy"]), max_size=5))
    def look_through(self, fates: list[str]) -> None:
        seen: list[Call[str]] = []
        busy: set[str | None] = set()
        for fate in fates:
            call = self.waiting.next()
            if call is None:
                assert all(left.lane in busy for left in self.model if left not in seen), "not all was looked at"
                break
            seen.append(call)
            if fate == "taken":
                self.model.remove(call)
            else:
                busy |= {call.lane} if fate == "busy" and call.lane is not None else set()
                self.waiting.pass_over(call, busy=fate == "busy")
            assert list(self.waiting) == self.model
        self.waiting.rewind()
        assert len(seen) == len({id(call) for call in seen}), "looked at twice"

    @rule(which=WHICH, count=st.integers(0, 2))
    def replace(self, which: int, count: int) -> None:
        if self.model:
            call = self.model[which % len(self.model)]
            assert call.ticket is not None
            assert self.waiting.find(call.ticket) is call
            place = self.waiting.remove(call)
            assert place == self.model.index(call)
            calls = self.calls(count)
            self.waiting.insert(place, calls)
            self.model[place : place + 1] = calls

    @rule(which=WHICH)
    def rewrite(self, which: int) -> None:
        def rewritten(call: Call[str]) -> list[Call[str]]:
            return [] if call.ticket == Ticket(which) else [call]

        self.waiting.rewrite(rewritten)
        self.model = [call for call in self.model if call.ticket != Ticket(which)]

    @rule()
    def end(self) -> None:
        assert self.waiting.take_all() == self.model
        self.model.clear()

    @invariant()
    def agree(self) -> None:
        assert list(self.waiting) == self.model
        assert bool(self.waiting) is bool(self.model)


class SubscriptionsRun(RuleBasedStateMachine):
    """What is wanted survives; what is asked for again is what is wanted and was not made on this connection."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.subscriptions: Subscriptions[str] = Subscriptions()
        self.again: Again[str] = Again(1.0, 4.0)
        self.wanted: dict[str, int] = {}
        self.made: dict[str, bool] = {}
        self.later: dict[str, float] = {}
        self.delay = 1.0

    @rule(topic=NAMES)
    def want(self, topic: str) -> None:
        self.subscriptions.want(topic)
        self.wanted[topic] = self.wanted.get(topic, 0) + 1

    @rule(topic=NAMES, all_of_them=st.booleans())
    def unwant(self, topic: str, all_of_them: bool) -> None:
        (self.subscriptions.forget if all_of_them else self.subscriptions.unwant)(topic)
        self.wanted[topic] = 0 if all_of_them else max(0, self.wanted.get(topic, 0) - 1)
        if not self.wanted[topic]:
            del self.wanted[topic]
            self.made.pop(topic, None)

    @rule(topic=NAMES, what=st.sampled_from(["asked", "confirmed", "refused", "unmade"]))
    def hear(self, topic: str, what: str) -> None:
        getattr(self.subscriptions, what)(topic)
        if what == "unmade":
            self.made.pop(topic, None)
        elif what == "asked":
            self.made.setdefault(topic, False)
        else:
            self.made[topic] = what == "confirmed"

    @rule(topics=st.sets(NAMES, min_size=1))
    def try_later(self, topics: set[str]) -> None:
        self.again.add_later(sorted(topics), self.now)
        self.later |= dict.fromkeys(sorted(topics), self.now + self.delay)
        self.delay = min(2 * self.delay, 4.0)

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.now += seconds
        due = [topic for topic, at in self.later.items() if at <= self.now]
        assert self.again.take(self.now) == due
        for topic in due:
            del self.later[topic]

    @rule()
    def is_answered(self) -> None:
        self.again.reset()
        self.delay = 1.0

    @rule()
    def lose(self) -> None:
        self.subscriptions.lost()
        self.again.clear()
        self.made.clear()
        self.later.clear()

    @invariant()
    def agree(self) -> None:
        subscriptions = self.subscriptions
        assert list(subscriptions) == list(self.wanted)
        assert len(subscriptions) == len(self.wanted)
        assert subscriptions.missing() == [topic for topic in self.wanted if topic not in self.made]
        for topic in "abc":
            assert (topic in subscriptions) is (topic in self.wanted)
            assert subscriptions.is_made(topic) is (topic in self.made)
            assert subscriptions.is_confirmed(topic) is self.made.get(topic, False)
        assert subscriptions.besides("ab", "a") == [topic for topic in self.wanted if topic != "b"]
        assert self.again.due() == min(self.later.values(), default=math.inf)
        assert bool(self.again) is bool(self.later)


class RowsRun(RuleBasedStateMachine):
    """Deliveries that are held: the counts that bound them are those of the rows, whatever way they went."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = HoldLimits(rows=4, bytes=40, out=2, out_bytes=20)
        self.rows = Rows(self.limits)
        self.model: dict[Identity, tuple[int, Hold]] = {}

    @rule(name=NAMES, version=st.integers(1, 3), size=st.integers(1, 15), restored=st.booleans())
    def add(self, name: str, version: int, size: int, restored: bool) -> None:
        identity = Identity((name,), (version,))
        if identity not in self.model:
            trigger = HoldTrigger.RESTORED if restored else HoldTrigger.ARRIVED
            self.rows.add(identity, Row(size, "new"), trigger)
            self.model[identity] = (size, HOLD.next(HOLD.initial, trigger))

    @rule(which=WHICH, step=WHICH)
    def move(self, which: int, step: int) -> None:
        if self.model:
            identity = [*self.model][which % len(self.model)]
            size, state = self.model[identity]
            possible = [trigger for trigger in HoldTrigger if (state, trigger) in HOLD.rows]
            trigger = possible[step % len(possible)]
            after = HOLD.next(state, trigger)
            assert self.rows.move(identity, trigger).state is after
            self.model[identity] = (size, after)
            if after is Hold.FINISHED:
                del self.model[identity]

    @rule(which=WHICH)
    def forget(self, which: int) -> None:
        if self.model:
            identity = [*self.model][which % len(self.model)]
            self.rows.forget(identity)
            del self.model[identity]

    @invariant()
    def agree(self) -> None:
        assert len(self.rows) == len(self.model)
        for identity, (_, state) in self.model.items():
            assert identity in self.rows
            assert self.rows.state(identity) is state
        out = [size for size, state in self.model.values() if state in {Hold.LOADING, Hold.HANDED, Hold.COMMITTING}]
        received = [size for size, state in self.model.values() if state is Hold.RECEIVED]
        sizes = [size for size, _ in self.model.values()]
        full = len(sizes) >= 4 or sum(sizes) >= 40 or len(received) >= 2 or sum(received) >= 20
        assert self.rows.full(1.0) is full
        assert self.rows.half_out is (len(out) <= 1)
        for identity, (size, _) in self.model.items():
            assert self.rows.room(identity) is (not out or (len(out) < 2 and sum(out) + size <= 20))


class BucketsRun(RuleBasedStateMachine):
    """REST calls and their limits: never more in a window than may be, and whoever came first goes first."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.limits = {"a": RateLimit(2, 5.0), "b": RateLimit(1, 3.0)}
        self.buckets = Buckets(self.limits)
        self.queue: list[Place] = []
        self.under_way: list[Place] = []
        self.ended: list[tuple[float, Place]] = []

    @rule(names=st.lists(st.sampled_from("ab"), min_size=1, max_size=2))
    def join(self, names: list[str]) -> None:
        self.queue.append(self.buckets.join(names))

    @rule(which=WHICH, counts=st.booleans())
    def leave(self, which: int, counts: bool) -> None:
        places = [*self.queue, *self.under_way]
        if places:
            place = places[which % len(places)]
            self.buckets.leave(place, self.now, counts=counts)
            if place in self.queue:
                self.queue.remove(place)
                return
            self.under_way.remove(place)
            if counts:
                self.ended.append((self.now, place))

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.now += seconds
        for place in self.buckets.grant(self.now):
            assert place in self.queue
            ahead = self.queue[: self.queue.index(place)]
            assert not [other for other in ahead if {*other.names} & {*place.names}], "overtaken"
            self.queue.remove(place)
            self.under_way.append(place)

    @invariant()
    def within_the_limits(self) -> None:
        for name, limit in self.limits.items():
            busy = sum(name in place.names for place in self.under_way)
            recent = sum(name in place.names and at > self.now - limit.per for at, place in self.ended)
            assert busy + recent <= limit.count, "more than may be"
        assert self.buckets.first is (self.queue[0] if self.queue else None)


def test_a_call_is_given_out_once() -> None:
    explore(CallsRun, examples=30)


def test_what_waits_keeps_its_order() -> None:
    explore(WaitingRun, examples=30)


def test_what_is_wanted_survives_and_is_asked_for_again() -> None:
    explore(SubscriptionsRun, examples=30)


def test_what_is_held_is_counted() -> None:
    explore(RowsRun, examples=30)


def test_rest_calls_keep_their_limits_and_their_order() -> None:
    explore(BucketsRun, examples=30)
