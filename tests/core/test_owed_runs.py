"""The ACKs still to be confirmed, beside a model too simple to be wrong, under any order of what may be done."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pushwire.core.ledger import Key
from pushwire.core.owed import Ack, Owed
from tests.core.stateful import explore

TIMEOUT: Final = 10.0
TRIES: Final = 2
KEYS = st.lists(st.sampled_from([("a",), ("b",), ("c",)]), max_size=3)
SECONDS = st.sampled_from([0.0, 0.25, 3.0, 10.0, 25.0])


@attrs.define
class Sent:
    ack: Ack
    tries: int
    due: float


class OwedRuns(RuleBasedStateMachine):
    """Each key added is taken once; each ACK ends once: answered, late, or lost with its connection."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.serial = 0
        self.owed = Owed(TIMEOUT)
        self.next: dict[Key, None] = {}
        self.out: dict[str, Sent] = {}
        self.silent: Counter[Key] = Counter()
        """ACKs that were never answered on this connection."""

    def send(self, acks: list[Ack], tries: int) -> None:
        ids = [str(self.serial + number) for number in range(len(acks))]
        self.serial += len(acks)
        self.owed.sent(acks, ids, tries, self.now)
        for ack_id, ack in zip(ids, acks, strict=True):
            self.out[ack_id] = Sent(ack, tries, self.now + TIMEOUT)

    @rule(keys=KEYS)
    def add(self, keys: list[Key]) -> None:
        self.owed.add(keys)
        self.next.update(dict.fromkeys(keys))

    @rule(subjects=st.integers(1, 2))
    def take_and_send(self, subjects: int) -> None:
        keys = self.owed.take()
        assert keys == list(self.next)
        self.next.clear()
        self.send([(key, str(subject)) for key in keys for subject in range(subjects)], 1)

    @rule(which=st.lists(st.integers(0, 12), max_size=4, unique=True))
    def answer(self, which: list[int]) -> None:
        ids = list(map(str, which))
        expected = [self.out.pop(ack_id).ack if ack_id in self.out else None for ack_id in ids]
        assert self.owed.answered(ids) == expected

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.now += seconds
        late = [ack_id for ack_id, sent in self.out.items() if sent.due <= self.now]
        found: list[tuple[Ack, int]] = []
        for acks, tries in self.owed.overdue(self.now, TRIES):
            found += [(ack, tries) for ack in acks]
        assert sorted(found) == sorted((self.out[ack_id].ack, self.out[ack_id].tries) for ack_id in late)
        for ack_id in late:
            sent = self.out.pop(ack_id)
            self.silent[sent.ack[0]] += sent.tries == TRIES
        again = [ack for ack, tries in found if tries < TRIES]
        if again:
            self.send(again, TRIES)

    @rule(seconds=SECONDS, sends=st.booleans())
    def pause(self, seconds: float, sends: bool) -> None:
        self.now += seconds
        if sends:
            self.take_and_send(1)
        self.owed.resumed(self.now, seconds)
        for sent in self.out.values():
            sent.due = min(sent.due + seconds, self.now + TIMEOUT)

    @rule()
    def lose(self) -> None:
        self.owed.lost()
        self.next = dict.fromkeys([*self.waiting(), *self.next])
        assert set(self.owed.take()) == set(self.next)
        self.owed.add(self.next)
        self.out.clear()
        self.silent.clear()

    @rule(keys=KEYS)
    def drop(self, keys: list[Key]) -> None:
        if not any(sent.ack[0] in keys for sent in self.out.values()):
            self.owed.drop(keys)
            for key in keys:
                self.silent.pop(key, None)

    def waiting(self) -> set[Key]:
        return {sent.ack[0] for sent in self.out.values()} | {key for key, count in self.silent.items() if count}

    @invariant()
    def what_is_owed_is_what_waits(self) -> None:
        assert len(self.owed) == len(self.next.keys() | self.waiting())
        assert self.owed.under_way is bool(self.out)
        assert self.owed.due() <= min((sent.due for sent in self.out.values()), default=math.inf)


def test_any_order_of_acks_and_answers_agrees_with_the_model() -> None:
    explore(OwedRuns)


def test_an_answer_after_its_key_is_owed_nothing_is_known_all_the_same() -> None:
    owed = Owed(TIMEOUT)
    owed.sent([(("a",), None)], ["1"], 1, 0.0)
    owed.drop([("a",)])
    assert owed.answered(["1", "2"]) == [(("a",), None), None]
    assert len(owed) == 0
