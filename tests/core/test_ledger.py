from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pushwire.core.effects import Identity, Record, Restored
from pushwire.core.ledger import Entry, Ledger
from pushwire.errors import LocalProtocolError
from tests.core.rig import tx
from tests.core.stateful import explore


def ledger(restored: Restored | None = None, *, horizon: float = 100.0, capacity: int = 1000) -> Ledger:
    return Ledger(restored or Restored(), horizon=horizon, capacity=capacity)


def finish(book: Ledger, identity: Identity, at: float = 0.0) -> bool:
    book.finish([identity])
    return book.committed([identity], at) == [identity.key]


# Delivery


def test_each_version_is_delivered_once() -> None:
    book = ledger()
    assert book.receive(tx("a", "pending"), 0.0) == "new"
    assert book.receive(tx("a", "success"), 0.0) == "update"
    assert book.receive(tx("a", "success2"), 0.0, reorg=True) == "reorg"
    assert book.receive(tx("b"), 0.0, reorg=True) == "new"
    assert [book.receive(tx("a", version), 0.0) for version in ("pending", "success", "success2")] == ["withheld"] * 3
    assert (book.unfinished, book.withheld) == (4, 3)


def test_a_resend_of_what_is_finished_is_acked_again() -> None:
    book = ledger()
    book.receive(tx("a"), 0.0)
    finish(book, tx("a"))
    assert book.receive(tx("a"), 1.0) == "ack again"
    assert (book.unfinished, book.withheld) == (0, 1)


def test_a_resend_of_a_finished_version_is_not_acked_while_another_is_unfinished() -> None:
    book = ledger()
    book.receive(tx("a", "pending"), 0.0)
    finish(book, tx("a", "pending"))
    book.receive(tx("a", "success"), 1.0)
    assert book.unsettled([("a",)]) == {("a",)}
    assert book.receive(tx("a", "pending"), 2.0) == "withheld"
    assert finish(book, tx("a", "success"))
    assert book.unsettled([("a",)]) == set()
    assert book.receive(tx("a", "pending"), 3.0) == "ack again"


def test_a_key_may_be_acked_when_its_last_version_is_finished() -> None:
    book = ledger()
    for version in "123":
        book.receive(tx("a", version), 0.0)
    assert [finish(book, tx("a", version)) for version in "213"] == [False, False, True]


def test_a_key_nobody_knows_speaks_for_nothing_unfinished() -> None:
    assert ledger().unsettled([("a",)]) == set()


# The life of one version


def test_the_states_of_a_version() -> None:
    book = ledger()
    identity = tx("a")
    assert book.state(identity) is Entry.UNSEEN
    book.receive(identity, 0.0)
    assert book.state(identity) is Entry.HELD
    assert book.state(tx("a", "other")) is Entry.UNSEEN
    book.finish([identity])
    assert book.state(identity) is Entry.COMMITTING
    assert book.receive(identity, 0.0) == "withheld"
    book.failed([identity])
    assert book.state(identity) is Entry.HELD
    assert book.unfinished == 1
    finish(book, identity)
    assert book.state(identity) is Entry.FINISHED


def test_what_makes_no_sense_is_refused_before_any_change() -> None:
    book = ledger()
    with pytest.raises(LocalProtocolError, match=r"cannot settle \('a',\): it is unseen: this delivery is unknown"):
        book.finish([tx("a")])
    book.receive(tx("a"), 0.0)
    with pytest.raises(LocalProtocolError, match="commit failed while held: its commit was not asked for"):
        book.failed([tx("a")])
    with pytest.raises(LocalProtocolError, match="committed while held: its commit was not asked for"):
        book.committed([tx("a")], 0.0)
    book.finish([tx("a")])
    with pytest.raises(LocalProtocolError, match="committing: it is being settled already"):
        book.finish([tx("a")])
    book.committed([tx("a")], 0.0)
    assert book.finish([tx("a")]) == []
    with pytest.raises(LocalProtocolError, match="committed while finished: it is settled already"):
        book.committed([tx("a")], 0.0)
    assert book.unfinished == 0


# An earlier run


def test_what_an_earlier_run_finished_is_acked_again() -> None:
    book = ledger(Restored(finished={tx("a"): 5.0}))
    assert book.receive(tx("a"), 6.0) == "ack again"


def test_what_an_earlier_run_delivered_comes_as_a_redelivery_once() -> None:
    book = ledger(Restored(delivered={tx("a"): 5.0}))
    assert book.state(tx("a")) is Entry.UNSEEN
    assert book.receive(tx("a"), 6.0) == "redelivery"
    assert book.receive(tx("a"), 7.0) == "withheld"
    assert book.take_unsaved() == []


def test_what_was_delivered_and_finished_is_finished() -> None:
    book = ledger(Restored(finished={tx("a"): 5.0}, delivered={tx("a"): 4.0}))
    assert book.receive(tx("a"), 6.0) == "ack again"


def test_what_an_earlier_run_left_unfinished_holds_back_the_ack_of_its_key() -> None:
    book = ledger(Restored(finished={tx("a", "pending"): 5.0}, delivered={tx("a", "success"): 6.0}))
    assert book.receive(tx("a", "pending"), 7.0) == "withheld"
    assert book.receive(tx("a", "success"), 7.0) == "redelivery"
    assert finish(book, tx("a", "success"))
    assert book.receive(tx("a", "pending"), 8.0) == "ack again"


def test_marks_of_delivery_are_saved_once_and_only_of_what_is_still_held() -> None:
    book = ledger()
    for key in "abc":
        book.receive(tx(key), 5.0)
    finish(book, tx("a"))
    book.finish([tx("b")])
    assert book.take_unsaved() == [(tx("c"), 5.0)]
    assert book.take_unsaved() == []


@pytest.mark.parametrize("saved", [None, 3, 16])
def test_what_comes_one_by_one_is_listed_in_its_order_whatever_is_saved_in_between(saved: int | None) -> None:
    book = ledger(Restored(delivered={tx("old"): 0.0}))
    came = [(tx(str(number)), 1.0 + number // 30) for number in range(70)]
    told: list[tuple[Identity, float]] = []
    for number, (identity, at) in enumerate(came):
        assert book.receive(identity, at) == "new"
        if number == 20:
            assert book.receive(tx("old"), at) == "redelivery"
        if number == saved:
            told += book.take_unsaved()
    assert [*told, *book.take_unsaved()] == came
    for identity, at in came:
        assert book.oldest_unfinished() == at
        assert finish(book, identity)
        if identity == came[29][0]:
            assert book.oldest_unfinished() == 1.0, "the redelivery"
            assert finish(book, tx("old"))
    assert book.oldest_unfinished() is None


def test_marks_that_were_not_saved_come_first_the_next_time() -> None:
    book = ledger()
    book.receive(tx("a"), 5.0)
    taken = book.take_unsaved()
    book.receive(tx("b"), 6.0)
    book.not_saved([Record("delivered", identity, at) for identity, at in taken])
    assert book.take_unsaved() == [(tx("a"), 5.0), (tx("b"), 6.0)]


# How far back


def test_the_oldest_unfinished_delivery_decides() -> None:
    book = ledger()
    assert book.oldest_unfinished() is None
    for at, key in enumerate("abc"):
        book.receive(tx(key), float(at))
    assert book.oldest_unfinished() == 0.0
    finish(book, tx("b"))
    assert book.oldest_unfinished() == 0.0
    book.finish([tx("a")])
    assert book.oldest_unfinished() == 0.0, "a commit under way may fail"
    book.committed([tx("a")], 9.0)
    assert book.oldest_unfinished() == 2.0
    finish(book, tx("c"))
    assert book.oldest_unfinished() is None


def test_one_delivery_held_for_long_does_not_keep_all_after_it() -> None:
    book = ledger(capacity=10)
    book.receive(tx("held"), 1.0)
    for serial in range(5000):
        book.receive(tx(str(serial)), 2.0)
        finish(book, tx(str(serial)), 2.0)
        assert book.oldest_unfinished() == 1.0
    assert len(book._order or ()) < 1100


# Forgetting


def test_what_is_finished_is_forgotten_beyond_the_horizon() -> None:
    book = ledger(horizon=100.0)
    book.receive(tx("a"), 0.0)
    finish(book, tx("a"), 0.0)
    book.receive(tx("b"), 0.0)
    finish(book, tx("b"), 100.0)
    assert book.state(tx("a")) is Entry.FINISHED
    book.receive(tx("c"), 0.0)
    finish(book, tx("c"), 100.5)
    assert book.state(tx("a")) is Entry.UNSEEN
    assert book.state(tx("b")) is Entry.FINISHED
    assert book.forgotten == 0
    assert book.receive(tx("a"), 101.0) == "new"


def test_a_full_memory_forgets_the_oldest_and_counts_what_it_should_have_kept() -> None:
    book = ledger(capacity=2)
    for key in "abcd":
        book.receive(tx(key), 0.0)
        finish(book, tx(key), 1.0)
    assert [book.state(tx(key)) for key in "abcd"] == [Entry.UNSEEN, Entry.UNSEEN, Entry.FINISHED, Entry.FINISHED]
    assert book.forgotten == 2


def test_at_the_very_end_of_the_horizon_it_should_have_been_kept() -> None:
    book = ledger(capacity=1, horizon=10.0)
    for key, at in (("a", 0.0), ("b", 10.0), ("c", 20.5)):
        book.receive(tx(key), 0.0)
        finish(book, tx(key), at)
    assert book.forgotten == 1


def test_forgetting_one_version_leaves_the_others_of_its_key() -> None:
    book = ledger(capacity=1)
    for version in "12":
        book.receive(tx("a", version), 0.0)
        finish(book, tx("a", version), 1.0)
    assert book.state(tx("a", "1")) is Entry.UNSEEN
    assert book.state(tx("a", "2")) is Entry.FINISHED


def test_what_is_unfinished_is_never_forgotten() -> None:
    book = ledger(capacity=1, horizon=1.0)
    book.receive(tx("held"), 0.0)
    for key in "abc":
        book.receive(tx(key), 0.0)
        finish(book, tx(key), 1000.0)
    assert book.state(tx("held")) is Entry.HELD


def test_more_restored_than_fits_is_forgotten_at_the_next_commit() -> None:
    book = ledger(Restored(finished={tx(str(n)): float(n) for n in range(10)}), capacity=3)
    book.receive(tx("a"), 10.0)
    finish(book, tx("a"), 10.0)
    assert sum(book.state(tx(str(n))) is Entry.FINISHED for n in range(10)) == 2


class Books(RuleBasedStateMachine):
    """Against a plain model: a state for each version."""

    identities = st.builds(tx, st.sampled_from("abcdef"), st.sampled_from("123"))

    def __init__(self) -> None:
        super().__init__()
        delivered, finished = tx("a", "1"), tx("b", "2")
        self.ledger = ledger(Restored(delivered={delivered: 0.0}, finished={finished: 0.0}), horizon=1e9)
        self.model: dict[Identity, Entry] = {finished: Entry.FINISHED, delivered: Entry.UNSEEN}
        self.order: list[tuple[Identity, float]] = []
        self.unsaved: list[tuple[Identity, float]] = []
        self.now = 0.0

    def unsettled(self, identity: Identity) -> bool:
        return any(state is not Entry.FINISHED for other, state in self.model.items() if other.key == identity.key)

    @rule()
    def time_goes_on(self) -> None:
        self.now += 1.0

    @rule()
    def save(self) -> None:
        held = [(identity, at) for identity, at in self.unsaved if self.model[identity] is Entry.HELD]
        assert self.ledger.take_unsaved() == held
        self.unsaved.clear()

    @rule(identity=identities, reorg=st.booleans())
    def receive(self, identity: Identity, reorg: bool) -> None:
        before = self.model.get(identity)
        if before is Entry.UNSEEN:
            expected = "redelivery"
        elif before is not None:
            expected = "withheld" if self.unsettled(identity) else "ack again"
        elif not any(other.key == identity.key for other in self.model):
            expected = "new"
        else:
            expected = "reorg" if reorg else "update"
        assert self.ledger.receive(identity, self.now, reorg=reorg) == expected
        if before in {None, Entry.UNSEEN}:
            self.model[identity] = Entry.HELD
            self.order.append((identity, self.now))
        if before is None:
            self.unsaved.append((identity, self.now))

    @rule(read=st.lists(identities, max_size=5), start=st.integers(0, 2))
    def receive_many(self, read: list[Identity], start: int) -> None:
        keys, versions = tuple([identity.key for identity in read]), tuple([identity.version for identity in read])
        known = {identity.key for identity in self.model}
        rest = read[start:]
        count = next((n for n, each in enumerate(rest) if each.key in known | {e.key for e in rest[:n]}), len(rest))
        assert self.ledger.first(keys, versions, self.now, start) == versions[start : start + count]
        self.model.update(dict.fromkeys(rest[:count], Entry.HELD))
        self.order += [(identity, self.now) for identity in rest[:count]]
        self.unsaved += [(identity, self.now) for identity in rest[:count]]

    @rule(identity=identities, end=st.sampled_from(["commit", "fail", "wait"]))
    def settle(self, identity: Identity, end: str) -> None:
        state = self.model.get(identity)
        if state is Entry.HELD:
            assert self.ledger.finish([identity]) == [identity]
            self.model[identity] = Entry.COMMITTING
        elif state is Entry.FINISHED:
            assert self.ledger.finish([identity]) == []
            return
        elif state is not Entry.COMMITTING:
            with pytest.raises(LocalProtocolError):
                self.ledger.finish([identity])
            return
        if end == "commit":
            self.model[identity] = Entry.FINISHED
            assert (self.ledger.committed([identity], self.now) == []) is self.unsettled(identity)
        elif end == "fail":
            self.model[identity] = Entry.HELD
            self.ledger.failed([identity])

    @invariant()
    def the_model_agrees(self) -> None:
        open_ones = {identity for identity, state in self.model.items() if state in {Entry.HELD, Entry.COMMITTING}}
        assert all(self.ledger.state(identity) is state for identity, state in self.model.items())
        assert self.ledger.unfinished == len(open_ones)
        assert self.ledger._listed == sum(len(run.keys) for run in self.ledger._order or ())
        assert self.ledger.oldest_unfinished() == min((at for identity, at in self.order if identity in open_ones), default=None)


def test_any_order_of_messages_and_commits_agrees_with_the_model() -> None:
    explore(Books)
