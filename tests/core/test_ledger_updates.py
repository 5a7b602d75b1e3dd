"""A version of a key that is known already counts as the first does: towards the mark, in what is saved, and in what is kept."""

from __future__ import annotations

from pushwire.core.effects import Restored
from pushwire.core.ledger import Ledger
from tests.core.rig import tx


def updated() -> Ledger:
    """A ledger with a finished version of a key, and another in hand since 5.0."""
    book = Ledger(Restored(), horizon=100.0, capacity=1000)
    book.receive(tx("a", "1"), 1.0)
    book.finish([tx("a", "1")])
    book.committed([tx("a", "1")], 1.0)
    book.take_unsaved()
    assert book.receive(tx("a", "2"), 5.0) == "update"
    return book


def test_an_update_holds_the_mark_until_it_is_finished() -> None:
    book = updated()
    assert book.oldest_unfinished() == 5.0
    book.finish([tx("a", "2")])
    assert book.committed([tx("a", "2")], 6.0)
    assert book.oldest_unfinished() is None


def test_an_update_is_saved_as_delivered() -> None:
    assert updated().take_unsaved() == [(tx("a", "2"), 5.0)]


def test_versions_of_one_key_are_known_each_for_itself_however_many() -> None:
    book = updated()
    for number in "345":
        book.receive(tx("a", number), 6.0)
    for number in "2345":
        book.finish([tx("a", number)])
        assert bool(book.committed([tx("a", number)], 7.0)) is (number == "5")
    assert [book.receive(tx("a", number), 8.0) for number in "12345"] == ["ack again"] * 5


def test_all_versions_of_a_key_that_an_earlier_run_finished_are_known() -> None:
    book = Ledger(Restored(finished={tx("a", number): 1.0 for number in "123"}), horizon=100.0, capacity=1000)
    assert [book.receive(tx("a", number), 2.0) for number in "123"] == ["ack again"] * 3


def test_of_many_keys_those_are_unsettled_of_which_any_version_is_unfinished() -> None:
    book = updated()
    for key in "bc":
        book.receive(tx(key), 6.0)
    book.finish([tx("c")])
    book.committed([tx("c")], 7.0)
    assert book.unsettled([("a",), ("b",), ("c",), ("d",)]) == {("a",), ("b",)}
