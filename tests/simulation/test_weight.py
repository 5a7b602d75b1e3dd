"""What a client keeps, counted."""

from __future__ import annotations

from random import Random

from pushwire.core.dedupe import Recent
from pushwire.core.effects import Identity
from pushwire.core.pending import Pending
from pushwire.core.subscriptions import Subscriptions
from pushwire.simulation.weight import weight


def test_items_of_all_collections_are_counted_however_deep() -> None:
    subscriptions: Subscriptions[str] = Subscriptions()
    assert weight(subscriptions) == 0
    subscriptions.want("a")
    subscriptions.confirmed("a")
    assert weight(subscriptions) == 2
    assert weight({"in": [subscriptions, subscriptions]}) == 1 + 2 + 2


def test_what_it_is_meant_to_remember_is_left_out() -> None:
    remembered: Recent[Identity] = Recent(10)
    remembered.add(Identity(("a",), ()))
    assert weight([remembered]) == 1


def test_texts_functions_and_classes_weigh_nothing() -> None:
    assert weight(("text", b"bytes", 7, 1.5, None, len, Pending, Random(0))) == 0
