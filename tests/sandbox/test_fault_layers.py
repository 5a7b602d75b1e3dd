"""Each fault alone, around a server that does only what the test tells it to."""

from __future__ import annotations

import json
import random

import msgspec
import pytest

from pushwire.sandbox.base import Accept, CloseConn, ConnectRequest, Cut, Kind, Refuse, SendTo, ServerEffect
from pushwire.sandbox.fault_layers import AcceptThenClose, Drop, Duplicate, Garbage, Layer, Mute, Refusing, Reorder, Slow

REQUEST = ConnectRequest()


class Scripted:
    """Accepts everybody, notes what it is told, and sends what it is given."""

    path = "/"

    def __init__(self) -> None:
        self.heard: list[tuple[int, str | bytes]] = []
        self.gone: list[int] = []
        self.dialled: list[int] = []
        self.effects: list[ServerEffect] = []

    def connect(self, conn: int, request: ConnectRequest, now: float, wall: float) -> Accept | Refuse:
        self.dialled.append(conn)
        self.effects.append(SendTo(conn, '{"hello":1}'))
        return Accept()

    def receive(self, conn: int, message: str | bytes, now: float) -> None:
        self.heard.append((conn, message))

    def disconnected(self, conn: int, now: float) -> None:
        self.gone.append(conn)

    def handle_timer(self, now: float, wall: float) -> None:
        pass

    def next_deadline(self) -> float:
        return float("inf")

    def take_effects(self) -> list[ServerEffect]:
        effects, self.effects = self.effects, []
        return effects


def push(text: str, conn: int = 1, kind: Kind = "push") -> SendTo:
    return SendTo(conn, json.dumps({"type": "transaction", "data": text}), kind)


def rng() -> random.Random:
    return random.Random(11)


def opened(layer: Layer, now: float = 0.0, conn: int = 1) -> None:
    layer.handle_timer(now, now)
    layer.connect(conn, REQUEST, now, now)
    layer.take_effects()


def out(layer: Layer, server: Scripted, now: float, *effects: ServerEffect) -> list[ServerEffect]:
    server.effects.extend(effects)
    layer.handle_timer(now, now)
    return list(layer.take_effects())


class TestLayer:
    def test_everything_passes(self) -> None:
        server = Scripted()
        layer = Layer(server, rng())
        assert layer.connect(1, REQUEST, 0.0, 0.0) == Accept()
        layer.receive(1, "hi", 1.0)
        assert out(layer, server, 2.0, push("a"), CloseConn(1, 1000)) == [SendTo(1, '{"hello":1}'), push("a"), CloseConn(1, 1000)]
        layer.disconnected(1, 3.0)
        assert (server.heard, server.gone) == ([(1, "hi")], [1])

    def test_nothing_is_sent_on_a_connection_that_has_ended(self) -> None:
        server = Scripted()
        layer = Layer(server, rng())
        opened(layer)
        assert out(layer, server, 1.0, Cut(1), push("late")) == [Cut(1)]


class TestDrop:
    def test_each_connection_is_cut_after_about_the_seconds(self) -> None:
        server = Scripted()
        layer = Drop(server, rng(), seconds=4.0, every=None)
        opened(layer, 10.0, 1)
        opened(layer, 11.0, 2)
        first = layer.next_deadline()
        assert 12.0 <= first <= 17.0
        cuts = out(layer, server, first)
        assert len(cuts) == 1
        cuts += out(layer, server, 18.0)
        assert sorted(cuts) == [Cut(1), Cut(2)]
        assert sorted(server.gone) == [1, 2]
        assert layer.next_deadline() == float("inf")

    def test_a_connection_that_ended_by_itself_is_not_cut(self) -> None:
        server = Scripted()
        layer = Drop(server, rng(), seconds=4.0, every=None)
        opened(layer)
        layer.disconnected(1, 1.0)
        assert out(layer, server, 100.0) == []

    def test_it_can_count_new_pushes_alone(self) -> None:
        server = Scripted()
        layer = Drop(server, rng(), seconds=None, every=2)
        opened(layer)
        again, reply = push("r", kind="resend"), push("x", kind="reply")
        assert out(layer, server, 1.0, push("a"), again, again, reply) == [push("a"), again, again, reply]
        assert out(layer, server, 2.0, push("b"), push("c")) == [push("b"), Cut(1)]
        assert server.gone == [1]


class TestMute:
    def mute(self, server: Scripted) -> tuple[Mute, float]:
        """One that is mute at the time given, and 5 seconds from its start on."""
        layer = Mute(server, rng(), seconds=5.0, every=30.0)
        opened(layer)
        now = 0.0
        while out(layer, server, now, push("probe")):
            now += 0.5
        return layer, now

    def test_it_begins_within_its_period(self) -> None:
        _, now = self.mute(Scripted())
        assert 15.0 <= now <= 45.5

    def test_commands_are_never_answered_and_pushes_come_late(self) -> None:
        server = Scripted()
        layer, now = self.mute(server)
        layer.receive(1, "ping", now)
        assert out(layer, server, now + 1, push("late")) == []
        assert server.heard == []
        assert layer.next_deadline() <= now + 5
        assert out(layer, server, layer.next_deadline()) == [push("probe"), push("late")]
        layer.receive(1, "ping", now + 5)
        assert server.heard == [(1, "ping")]

    def test_a_close_comes_late_and_a_cut_does_not(self) -> None:
        server = Scripted()
        layer, now = self.mute(server)
        opened(layer, now, 2)
        assert out(layer, server, now, CloseConn(1, 1000), Cut(2)) == [Cut(2)]
        assert out(layer, server, now + 5) == [push("probe"), CloseConn(1, 1000)]

    def test_a_close_is_on_time_otherwise(self) -> None:
        server = Scripted()
        layer = Mute(server, rng(), seconds=5.0, every=30.0)
        opened(layer)
        assert out(layer, server, 1.0, CloseConn(1, 1000)) == [CloseConn(1, 1000)]


class TestSlow:
    def test_everything_is_late_and_in_order(self) -> None:
        server = Scripted()
        layer = Slow(server, rng(), seconds=0.5)
        opened(layer)
        assert out(layer, server, 1.0, push("a"), push("b")) == [SendTo(1, '{"hello":1}')]
        assert out(layer, server, 1.2, CloseConn(1, 1000)) == []
        assert layer.next_deadline() == 1.5
        assert out(layer, server, 1.5) == [push("a"), push("b")]
        assert out(layer, server, 1.7) == [CloseConn(1, 1000)]

    def test_what_waits_for_an_ended_connection_is_dropped(self) -> None:
        server = Scripted()
        layer = Slow(server, rng(), seconds=0.5)
        opened(layer)
        layer.disconnected(1, 0.1)
        assert out(layer, server, 5.0) == []


class TestAcceptThenClose:
    def test_the_server_behind_never_hears_of_it(self) -> None:
        server = Scripted()
        layer = AcceptThenClose(server, rng(), code=1013, share=1.0)
        assert layer.connect(1, REQUEST, 0.0, 0.0) == Accept()
        assert layer.take_effects() == [CloseConn(1, 1013, "accepted, then closed")]
        assert server.dialled == []

    def test_it_does_so_to_a_share(self) -> None:
        server = Scripted()
        layer = AcceptThenClose(server, rng(), code=1013, share=0.3)
        for conn in range(1_000):
            layer.connect(conn, REQUEST, 0.0, 0.0)
        assert 600 < len(server.dialled) < 800


class TestRefusing:
    def test_the_first_ones(self) -> None:
        layer = Refusing(Scripted(), rng(), status=503, share=0.3, first=2, after=1.5)
        answers = [layer.connect(conn, REQUEST, 0.0, 0.0) for conn in range(4)]
        assert answers == [Refuse(503, "refused on purpose", 1.5)] * 2 + [Accept()] * 2

    def test_a_share(self) -> None:
        layer = Refusing(Scripted(), rng(), status=503, share=0.3, first=None, after=None)
        answers = [layer.connect(conn, REQUEST, 0.0, 0.0) for conn in range(1_000)]
        assert 200 < sum(isinstance(answer, Refuse) for answer in answers) < 400


class TestDuplicate:
    def test_pushes_come_twice_at_once_or_within_a_second(self) -> None:
        server = Scripted()
        layer = Duplicate(server, rng(), share=1.0)
        opened(layer)
        pushes = [push(str(n)) for n in range(100)]
        at_once = out(layer, server, 1.0, *pushes)
        assert 120 < len(at_once) < 180
        later = out(layer, server, 2.0)
        assert sorted(at_once + later) == sorted(pushes * 2)

    def test_replies_come_once(self) -> None:
        server = Scripted()
        layer = Duplicate(server, rng(), share=1.0)
        opened(layer)
        reply = SendTo(1, "{}")
        assert out(layer, server, 1.0, reply) + out(layer, server, 3.0) == [reply]


class TestReorder:
    def test_neighbours_are_swapped_and_replies_pass(self) -> None:
        server = Scripted()
        layer = Reorder(server, rng(), share=1.0)
        opened(layer)
        reply = SendTo(1, "{}")
        assert out(layer, server, 1.0, push("a"), reply, push("b"), push("c")) == [reply, push("b"), push("a")]
        assert out(layer, server, 1.1, push("d")) == [push("d"), push("c")]

    def test_a_push_that_nothing_overtakes_goes_on_its_own(self) -> None:
        server = Scripted()
        layer = Reorder(server, rng(), share=1.0)
        opened(layer)
        assert out(layer, server, 1.0, push("a")) == []
        assert layer.next_deadline() == 1.5
        assert out(layer, server, 1.5) == [push("a")]

    def test_a_close_lets_what_waits_go_first(self) -> None:
        server = Scripted()
        layer = Reorder(server, rng(), share=1.0)
        opened(layer)
        assert out(layer, server, 1.0, push("a"), CloseConn(1, 1000)) == [push("a"), CloseConn(1, 1000)]

    def test_a_cut_lets_what_waits_go_first(self) -> None:
        server = Scripted()
        layer = Reorder(server, rng(), share=1.0)
        opened(layer)
        assert out(layer, server, 1.0, push("a"), Cut(1)) == [push("a"), Cut(1, at_once=False)]
        assert out(layer, server, 2.0) == []
        opened(layer, 3.0, conn=2)
        assert out(layer, server, 3.0, Cut(2)) == [Cut(2)]

    def test_nothing_is_lost_or_doubled(self) -> None:
        server = Scripted()
        layer = Reorder(server, rng(), share=0.3)
        opened(layer)
        pushes = [push(str(n)) for n in range(200)]
        got = out(layer, server, 1.0, *pushes) + out(layer, server, 2.0)
        assert got != pushes
        assert sorted(got) == sorted(pushes)


class TestGarbage:
    def test_real_messages_all_come_and_nonsense_beside_them(self) -> None:
        server = Scripted()
        layer = Garbage(server, rng(), share=0.5)
        opened(layer)
        pushes = [push(str(n)) for n in range(400)]
        got = out(layer, server, 1.0, *pushes)
        real = [effect for effect in got if isinstance(effect, SendTo) and effect.kind == "push"]
        assert real == pushes
        assert 100 < len(got) - len(real) < 300

    def test_no_nonsense_can_be_taken_for_a_push(self) -> None:
        server = Scripted()
        layer = Garbage(server, rng(), share=1.0)
        opened(layer)
        got = out(layer, server, 1.0, *(push(str(n)) for n in range(500)))
        texts = [effect.text for effect in got if isinstance(effect, SendTo) and effect.kind == "reply"]
        assert any(isinstance(text, bytes) for text in texts)
        for text in texts:
            try:
                message = msgspec.json.decode(text, type=dict[str, object])
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                continue
            assert message.get("type") != "transaction" or message["data"] == 7

    @pytest.mark.parametrize("text", ["{", b"\x00\x01", ""])
    def test_odd_messages_are_no_trouble(self, text: str | bytes) -> None:
        server = Scripted()
        layer = Garbage(server, rng(), share=1.0)
        opened(layer)
        assert len(out(layer, server, 1.0, *[SendTo(1, text)] * 50)) == 100
