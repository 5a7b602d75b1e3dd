"""Messages that come together are taken together: up to the first whose key is known, and each settled for itself."""

from __future__ import annotations

from collections.abc import Sequence

from pushwire.core.effects import Identity, Record, Restored
from pushwire.core.ledger import Entry, Ledger
from tests.core.rig import tx


def ledger() -> Ledger:
    return Ledger(Restored(), horizon=100.0, capacity=100_000)


def received(book: Ledger, read: Sequence[Identity], at: float, start: int = 0) -> list[Identity]:
    """What of a read was taken."""
    keys, versions = zip(*read, strict=True)
    taken = book.first(keys, versions, at, start)
    return [Identity(*each) for each in zip(keys[start:], taken, strict=False)]


def listed_in(book: Ledger) -> int:
    return sum(len(run.keys) for run in book._order or ())


def finish(book: Ledger, *identities: Identity) -> None:
    book.finish(identities)
    book.committed(identities, 9.0)


def test_new_keys_are_taken_up_to_the_first_that_is_known() -> None:
    book = ledger()
    read = [tx("a"), tx("b", "2"), tx("a", "3"), tx("c")]
    assert received(book, read, 1.0) == [tx("a"), tx("b", "2")]
    assert received(book, read, 2.0, 2) == []
    assert received(book, read, 2.0, 3) == [tx("c")]
    assert received(book, read, 3.0, 4) == []
    assert book.unfinished == 3
    assert book.take_unsaved() == [(tx("a"), 1.0), (tx("b", "2"), 1.0), (tx("c"), 2.0)]


def test_of_a_key_that_comes_twice_the_second_is_left_and_what_follows_is_not_known() -> None:
    book = ledger()
    assert received(book, [tx("a"), tx("b"), tx("b"), tx("c")], 1.0) == [tx("a"), tx("b")]
    assert book.state(tx("c")) is Entry.UNSEEN
    assert book.unfinished == 2
    assert book.take_unsaved() == [(tx("a"), 1.0), (tx("b"), 1.0)]
    assert book.receive(tx("b"), 1.0) == "withheld"
    assert book.receive(tx("c"), 1.0) == "new"


def test_versions_that_begin_and_end_alike_are_each_kept() -> None:
    book = ledger()
    read = [tx("a", "1"), tx("b", "2"), tx("c", "1")]
    assert received(book, read, 1.0) == read
    assert [book.state(identity) for identity in read] == [Entry.HELD] * 3
    assert book.state(tx("b", "1")) is Entry.UNSEEN
    book.finish(read)
    assert book.committed(read, 2.0) == [("a",), ("b",), ("c",)]
    assert book.state(tx("b", "2")) is Entry.FINISHED


def test_versions_that_are_the_same_are_kept_once_however_they_came() -> None:
    book = ledger()
    reads = [[tx("a", "1")], [tx("b", "1")], [tx("c", "1"), tx("d", "1")], [tx("e", "1"), tx("f", "2")]]
    taken = [received(book, [Identity(each.key, (*each.version,)) for each in read], 1.0) for read in reads]
    assert len({id(identity.version) for read in taken for identity in read if identity.version == tx("a", "1").version}) == 1


def test_a_read_that_begins_with_a_known_key_gives_nothing() -> None:
    book = ledger()
    book.receive(tx("a"), 1.0)
    assert received(book, [tx("a"), tx("b")], 2.0) == []
    assert book.take_unsaved() == [(tx("a"), 1.0)]


def test_the_mark_waits_for_each_of_those_that_came_together() -> None:
    book = ledger()
    received(book, [tx("a"), tx("b"), tx("c")], 1.0)
    received(book, [tx("d"), tx("e")], 2.0)
    for key, listed in (("a", 4), ("c", 4), ("d", 4)):
        finish(book, tx(key))
        assert book.oldest_unfinished() == 1.0
        assert listed_in(book) == book._listed == listed
    finish(book, tx("b"))
    assert book.oldest_unfinished() == 2.0
    finish(book, tx("e"))
    assert book.oldest_unfinished() is None


def test_those_held_for_long_do_not_keep_all_that_came_with_them_or_after() -> None:
    book = ledger()
    for serial in range(20):
        read = [tx(f"{serial}-{number}") for number in range(500)]
        received(book, read, float(serial))
        finish(book, *(read if serial in {3, 4} else read[:250] + read[251:]))
        assert book.oldest_unfinished() == 0.0
    assert listed_in(book) == book._listed < 2000
    assert book.unfinished == 18
    for serial in (1, 0):
        finish(book, tx(f"{serial}-250"))
    assert book.oldest_unfinished() == 2.0
    finish(book, tx("2-250"))
    assert book.oldest_unfinished() == 5.0


def test_all_that_are_listed_may_be_finished() -> None:
    book = ledger()
    read = [tx(str(number)) for number in range(3000)]
    received(book, read, 1.0)
    finish(book, *read)
    assert book.oldest_unfinished() is None
    assert not book._order


def test_more_different_versions_than_are_shared_are_told_apart_all_the_same() -> None:
    book = ledger()
    received(book, [tx(str(serial), str(serial)) for serial in range(10_000)], 1.0)
    assert len(book._shared) <= 4096
    assert all(book.state(tx(str(serial), str(serial))) is Entry.HELD for serial in range(10_000))
    assert book.state(tx("1", "2")) is Entry.UNSEEN
    finish(book, tx("1", "1"))
    assert book.state(tx("1", "1")) is Entry.FINISHED


def test_resends_of_what_is_finished_are_counted_up_to_the_first_that_needs_a_look() -> None:
    book = ledger()
    read = [tx("a"), tx("b"), tx("c"), tx("d")]
    received(book, read, 1.0)
    finish(book, tx("a"), tx("b"), tx("d"))
    keys, versions = zip(*read, tx("new"), strict=True)
    assert [book.again(keys, versions, start) for start in range(6)] == [2, 1, 0, 1, 0, 0]
    assert book.withheld == 4


def test_a_key_with_two_versions_needs_a_look_though_both_are_finished() -> None:
    book = ledger()
    received(book, [tx("a", "1")], 1.0)
    book.receive(tx("a", "2"), 1.0)
    finish(book, tx("a", "1"), tx("a", "2"))
    assert book.again([("a",)], [("1",)], 0) == 0
    assert book.receive(tx("a", "1"), 2.0) == "ack again"


def test_another_version_of_a_key_needs_a_look() -> None:
    book = ledger()
    received(book, [tx("a", "1"), tx("b", "2")], 1.0)
    finish(book, tx("a", "1"), tx("b", "2"))
    assert book.again([("a",)], [("2",)], 0) == 0
    assert book.again([("a",)], [("3",)], 0) == 0


def test_what_the_store_refused_and_was_forgotten_meanwhile_is_not_saved() -> None:
    book = ledger()
    received(book, [tx("a"), tx("b")], 1.0)
    records = [Record("delivered", identity, at) for identity, at in book.take_unsaved()]
    finish(book, tx("a"))
    received(book, [tx("c")], 200.0)
    book.finish([tx("c")])
    book.committed([tx("c")], 200.0)
    assert book.state(tx("a")) is Entry.UNSEEN
    book.not_saved(records)
    assert book.take_unsaved() == [(tx("b"), 1.0)]
