from __future__ import annotations

from operator import itemgetter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pushwire.core.subscriptions import Subscriptions
from tests.core.stateful import explore


def test_topics_are_missing_in_the_order_they_were_first_wanted() -> None:
    subscriptions: Subscriptions[str] = Subscriptions()
    for topic in ("c", "a", "b", "a"):
        subscriptions.want(topic)
    assert subscriptions.missing() == list(subscriptions) == ["c", "a", "b"]


def test_groups_follow_what_is_wanted() -> None:
    subscriptions: Subscriptions[str] = Subscriptions()
    for topic in ("ab", "b", "ac", "ab"):
        subscriptions.want(topic)
    assert subscriptions.grouped(itemgetter(0)) == {"a": ["ab", "ac"], "b": ["b"]}
    subscriptions.unwant("ab")
    assert subscriptions.grouped(itemgetter(0))["a"] == ["ab", "ac"]
    subscriptions.unwant("ab")
    subscriptions.want("d")
    assert subscriptions.grouped(itemgetter(0)) == {"a": ["ac"], "b": ["b"], "d": ["d"]}
    subscriptions.want("de")
    assert subscriptions.grouped(itemgetter(0))["d"] == ["d", "de"]


def test_what_is_asked_for_or_confirmed_is_not_missing() -> None:
    subscriptions: Subscriptions[str] = Subscriptions()
    for topic in ("asked", "confirmed", "refused", "other"):
        subscriptions.want(topic)
    subscriptions.asked("asked")
    subscriptions.asked("confirmed")
    subscriptions.confirmed("confirmed")
    subscriptions.refused("refused")
    assert subscriptions.missing() == ["other"]
    assert subscriptions.is_confirmed("confirmed")
    assert not subscriptions.is_confirmed("asked")


def test_after_a_loss_everything_wanted_is_missing_again_also_what_was_refused() -> None:
    subscriptions: Subscriptions[str] = Subscriptions()
    for topic in ("asked", "confirmed", "refused"):
        subscriptions.want(topic)
    subscriptions.asked("asked")
    subscriptions.confirmed("confirmed")
    subscriptions.refused("refused")
    subscriptions.lost()
    assert subscriptions.missing() == ["asked", "confirmed", "refused"]


def test_a_topic_is_wanted_until_its_last_reference_goes() -> None:
    subscriptions: Subscriptions[str] = Subscriptions()
    subscriptions.want("a")
    subscriptions.want("a")
    subscriptions.unwant("a")
    assert "a" in subscriptions
    subscriptions.unwant("a")
    assert "a" not in subscriptions
    subscriptions.unwant("a")
    assert "a" not in subscriptions


def test_forgetting_drops_a_topic_whatever_its_count() -> None:
    subscriptions: Subscriptions[str] = Subscriptions()
    subscriptions.want("a")
    subscriptions.want("a")
    subscriptions.confirmed("a")
    subscriptions.forget("a")
    assert "a" not in subscriptions
    assert not subscriptions.is_confirmed("a")
    subscriptions.forget("a")
    assert list(subscriptions) == []


topics = st.sampled_from("abc")


class Wanted(RuleBasedStateMachine):
    """Against a plain model of counts and of the present connection."""

    def __init__(self) -> None:
        super().__init__()
        self.subscriptions: Subscriptions[str] = Subscriptions()
        self.counts: dict[str, int] = {}
        self.here: set[str] = set()
        self.good: set[str] = set()

    @rule(topic=topics)
    def want(self, topic: str) -> None:
        self.subscriptions.want(topic)
        self.counts[topic] = self.counts.get(topic, 0) + 1

    @rule(topic=topics)
    def unwant(self, topic: str) -> None:
        self.subscriptions.unwant(topic)
        if self.counts.get(topic, 0) > 1:
            self.counts[topic] -= 1
        else:
            self.drop(topic)

    @rule(topic=topics)
    def forget(self, topic: str) -> None:
        self.subscriptions.forget(topic)
        self.drop(topic)

    def drop(self, topic: str) -> None:
        self.counts.pop(topic, None)
        self.here.discard(topic)
        self.good.discard(topic)

    @rule(topic=topics)
    def ask(self, topic: str) -> None:
        self.subscriptions.asked(topic)
        self.here.add(topic)

    @rule(topic=topics)
    def confirm(self, topic: str) -> None:
        self.subscriptions.confirmed(topic)
        self.here.add(topic)
        self.good.add(topic)

    @rule(topic=topics)
    def refuse(self, topic: str) -> None:
        self.subscriptions.refused(topic)
        self.here.add(topic)
        self.good.discard(topic)

    @rule()
    def lose(self) -> None:
        self.subscriptions.lost()
        self.here.clear()
        self.good.clear()

    @invariant()
    def the_model_agrees(self) -> None:
        assert list(self.subscriptions) == list(self.counts)
        assert self.subscriptions.missing() == [topic for topic in self.counts if topic not in self.here]
        assert {topic for topic in "abc" if self.subscriptions.is_confirmed(topic)} == self.good


def test_any_order_of_wishes_replies_and_losses_agrees_with_the_model() -> None:
    explore(Wanted)


def test_what_is_asked_for_is_made_until_it_is_forgotten_dropped_or_lost() -> None:
    subscriptions: Subscriptions[str] = Subscriptions()
    for end in (subscriptions.forget, subscriptions.unmade):
        for made in (subscriptions.asked, subscriptions.confirmed):
            subscriptions.want("a")
            made("a")
            assert subscriptions.is_made("a")
            end("a")
            assert not subscriptions.is_made("a")
            assert not subscriptions.is_confirmed("a")


def test_what_was_confirmed_and_then_dropped_is_missing() -> None:
    subscriptions: Subscriptions[str] = Subscriptions()
    subscriptions.want("a")
    subscriptions.asked("a")
    subscriptions.confirmed("a")
    assert subscriptions.missing() == []
    subscriptions.refused("a")
    assert not subscriptions.is_confirmed("a")
    assert subscriptions.missing() == [], "not asked again before the next connection"
    subscriptions.unmade("a")
    assert subscriptions.missing() == ["a"]


def test_a_topic_wanted_three_times_is_given_up_with_the_third() -> None:
    subscriptions: Subscriptions[str] = Subscriptions()
    for _ in range(3):
        subscriptions.want("a")
    kept: list[bool] = []
    for _ in range(4):
        subscriptions.unwant("a")
        kept.append("a" in subscriptions)
    assert kept == [True, True, False, False]
