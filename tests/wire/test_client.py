from __future__ import annotations

import logging

import pytest
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from pushwire.core.effects import Close
from pushwire.core.secrets import Secret
from pushwire.errors import LocalProtocolError
from pushwire.wire.client import ClientWire

from .server import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    accept,
    dial,
    frame,
    opened,
    read_frames,
    response,
)


class TestOpening:
    def request(self, wire: ClientWire) -> Request:
        server = ServerProtocol()
        server.receive_data(wire.request())
        (request,) = server.events_received()
        assert isinstance(request, Request)
        return request

    def test_the_request_asks_for_the_url_with_the_callers_headers(self) -> None:
        request = self.request(ClientWire(dial(Secret("ws://example.test:81/feed?token=x"), {"X-API-Key": Secret("hunter22")})))
        assert request.path == "/feed?token=x"
        assert request.headers["Host"] == "example.test:81"
        assert request.headers["X-API-Key"] == "hunter22"
        assert request.headers["User-Agent"] == "pushwire"

    def test_a_header_of_the_caller_replaces_ours(self) -> None:
        request = self.request(ClientWire(dial(headers={"user-agent": "mine"})))
        assert request.headers.get_all("User-Agent") == ["mine"]

    def test_an_accepted_handshake_shows_its_headers_in_lower_case(self) -> None:
        wire = ClientWire(dial(subprotocols=("v1", "v2")))
        answer = accept(wire, ServerProtocol(subprotocols=[Subprotocol("v2")]))
        wire.feed(answer.replace(b"\r\n\r\n", b"\r\nX-A: 1\r\nX-a: 2\r\n\r\n"))
        assert wire.handshake is not None
        assert wire.handshake.status == 101
        assert wire.handshake.subprotocol == "v2"
        assert wire.handshake.headers["x-a"] == "1, 2"
        assert wire.close is None

    def test_a_handshake_may_come_byte_by_byte_and_with_messages_behind_it(self) -> None:
        wire = ClientWire(dial())
        data = accept(wire) + frame(TEXT, b"early")
        for byte in data:
            wire.feed(bytes([byte]))
        assert wire.handshake is not None
        assert wire.take_messages() == ["early"]

    def test_messages_in_the_same_bytes_as_the_handshake_are_kept(self) -> None:
        wire = ClientWire(dial())
        wire.feed(accept(wire) + frame(TEXT, b"early") + frame(TEXT, b"bird"))
        assert wire.take_messages() == ["early", "bird"]

    def test_a_refusal_ends_the_attempt_before_the_body_comes(self) -> None:
        wire = ClientWire(dial())
        wire.feed(response("HTTP/1.1 429 Too Many", "Retry-After: 7", "Content-Length: 10000"))
        assert wire.close == Close(status=429, reason="Too Many", retry_after=7.0)
        assert wire.handshake is None
        wire.feed(b"body")
        wire.feed_eof()
        assert wire.close == Close(status=429, reason="Too Many", retry_after=7.0)

    def test_a_refusal_that_echoes_the_key_does_not_show_it(self) -> None:
        wire = ClientWire(dial(headers={"X-API-Key": Secret("hunter22")}))
        wire.feed(response("HTTP/1.1 401 key hunter22 is unknown"))
        assert wire.close == Close(status=401, reason="key *** is unknown")

    def test_a_peer_that_does_not_speak_http_is_found_out_at_its_first_bytes(self) -> None:
        wire = ClientWire(dial())
        wire.feed(b"SSH")
        assert wire.close == Close(reason="handshake: not an HTTP/1.1 response", by="transport")

    def test_a_wrong_accept_key_fails_the_handshake(self) -> None:
        wire = ClientWire(dial())
        good = accept(wire)
        other = ClientWire(dial())
        other.request()
        other.feed(good)
        assert other.handshake is None
        assert other.close is not None
        assert other.close.by == "transport"
        assert other.close.reason.startswith("handshake: invalid Sec-WebSocket-Accept")

    def test_a_head_without_an_end_is_given_up(self) -> None:
        wire = ClientWire(dial())
        wire.feed(b"HTTP/1.1 101 Switching Protocols\r\n")
        wire.feed(b"X: " + b"y" * 2_000_000)
        assert wire.close == Close(reason="handshake: the response's head is too long", by="transport")

    def test_an_end_before_the_head_is_whole_is_a_lost_connection(self) -> None:
        wire = ClientWire(dial())
        wire.feed(b"HTTP/1.1 101")
        wire.feed_eof()
        assert wire.close == Close(reason="handshake: the peer ended the stream", by="transport")

    def test_an_exception_inside_the_library_is_a_failed_handshake(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wire = ClientWire(dial())
        good = accept(wire)

        def broken(data: bytes) -> None:
            raise AssertionError("a bug")

        monkeypatch.setattr(wire._protocol, "receive_data", broken)
        wire.feed(good)
        assert wire.close == Close(reason="handshake: a bug", by="transport")

    def test_nothing_is_sent_before_the_handshake_is_done(self) -> None:
        wire = ClientWire(dial())
        wire.request()
        wire.send_text("x")
        wire.send_ping(b"x")
        wire.send_close(1000, "x")
        assert wire.data_to_send() == b""

    def test_a_limit_of_nothing_is_refused(self) -> None:
        with pytest.raises(LocalProtocolError, match="at least 1 byte"):
            ClientWire(dial(max_message=0))

    def test_a_wire_shows_no_secret(self) -> None:
        wire = ClientWire(dial(Secret("ws://example.test/?token=hunter22")))
        assert repr(wire) == "<ClientWire CONNECTING>"


class TestMessages:
    def test_many_messages_of_one_read_come_in_order(self) -> None:
        wire = opened()
        wire.feed(b"".join(frame(TEXT, b"%d" % number) for number in range(100)))
        assert wire.take_messages() == [str(number) for number in range(100)]
        assert wire.take_messages() == []

    def test_text_is_str_and_binary_is_bytes(self) -> None:
        wire = opened()
        wire.feed(frame(TEXT, "\u20ac".encode()) + frame(BINARY, b"\xff") + frame(TEXT) + frame(BINARY))
        assert wire.take_messages() == ["\u20ac", b"\xff", "", b""]

    @pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
    def test_every_form_of_length_is_read(self, size: int) -> None:
        wire = opened(dial(max_message=100_000))
        wire.feed(frame(TEXT, b"x" * size) + frame(BINARY, b"y" * size))
        assert wire.take_messages() == ["x" * size, b"y" * size]

    def test_a_stream_may_be_split_at_every_byte(self) -> None:
        data = (
            frame(TEXT, "\u20acuro".encode())
            + frame(PING, b"p")
            + frame(BINARY, b"z" * 300)
            + frame(TEXT, "\u20ac".encode()[:1], fin=False)
            + frame(PONG, b"q")
            + frame(CONT, "\u20ac".encode()[1:])
            + frame(TEXT, b"w" * 126)
        )
        expected = ["\u20acuro", b"z" * 300, "\u20ac", "w" * 126]
        for at in range(len(data) + 1):
            wire = opened()
            wire.feed(data[:at])
            wire.feed(data[at:])
            assert wire.take_messages() == expected
            assert wire.take_pongs() == [b"q"]
        wire = opened()
        for byte in data:
            wire.feed(bytes([byte]))
        assert wire.take_messages() == expected

    def test_fragments_are_joined_with_control_frames_between_them(self) -> None:
        wire = opened()
        wire.feed(frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(CONT, b"b", fin=False) + frame(PONG, b"q"))
        assert wire.take_messages() == []
        wire.feed(frame(CONT, b"c"))
        assert wire.take_messages() == ["abc"]
        assert wire.take_pongs() == [b"q"]

    def test_a_message_is_whole_only_with_its_last_byte(self) -> None:
        wire = opened()
        wire.feed(frame(TEXT, b"abc")[:-1])
        had = wire.has_input
        wire.feed(b"c")
        assert (had, wire.has_input) == (False, True)
        assert wire.take_messages() == ["abc"]

    def test_bytearrays_are_read_like_bytes(self) -> None:
        wire = opened()
        wire.feed(bytearray(frame(TEXT, b"abc") + frame(BINARY, b"d")))
        assert wire.take_messages() == ["abc", b"d"]

    @pytest.mark.parametrize("fragmented", [False, True])
    def test_text_that_is_not_utf8_ends_the_connection_with_1007(self, fragmented: bool) -> None:
        wire = opened()
        bad = frame(TEXT, b"\xff", fin=False) + frame(CONT) if fragmented else frame(TEXT, b"\xff")
        wire.feed(frame(TEXT, b"before") + bad + frame(TEXT, b"after"))
        assert wire.take_messages() == ["before"]
        assert wire.close == Close(code=1007, reason="a text message is not UTF-8", by="us")
        assert read_frames(wire.data_to_send()) == [(Opcode.CLOSE, b"\x03\xefa text message is not UTF-8")]

    def test_a_character_cut_by_the_end_of_a_message_is_not_utf8(self) -> None:
        wire = opened()
        wire.feed(frame(TEXT, "\u20ac".encode()[:2]))
        assert wire.close is not None
        assert wire.close.code == 1007


class TestPings:
    def test_a_ping_of_the_peer_is_answered(self) -> None:
        wire = opened()
        wire.feed(frame(PING, b"hello"))
        assert wire.backlog == 1
        assert read_frames(wire.data_to_send()) == [(Opcode.PONG, b"hello")]
        assert wire.backlog == 0

    def test_our_ping_goes_out_and_its_pong_comes_back(self) -> None:
        wire = opened()
        wire.send_ping(b"us")
        assert read_frames(wire.data_to_send()) == [(Opcode.PING, b"us")]
        wire.feed(frame(PONG, b"us"))
        assert wire.has_input
        assert wire.take_pongs() == [b"us"]
        assert not wire.has_input


class TestClosing:
    def test_the_peers_close_frame_is_reported_and_echoed(self) -> None:
        wire = opened()
        wire.feed(frame(TEXT, b"last") + frame(CLOSE, b"\x0f\xa0bye") + frame(TEXT, b"ignored"))
        assert wire.take_messages() == ["last"]
        assert wire.close == Close(code=4000, reason="bye")
        assert wire.has_input
        assert read_frames(wire.data_to_send()) == [(Opcode.CLOSE, b"\x0f\xa0bye")]

    def test_a_close_frame_without_a_code_is_1005(self) -> None:
        wire = opened()
        wire.feed(frame(CLOSE))
        assert wire.close == Close(code=1005)

    def test_a_close_frame_in_the_middle_of_a_message_is_still_the_peers(self) -> None:
        wire = opened()
        wire.feed(frame(TEXT, b"x", fin=False) + frame(CLOSE, b"\x03\xe9"))
        assert wire.close == Close(code=1001)

    def test_a_reason_is_made_printable_and_shows_no_secret(self) -> None:
        wire = opened(dial(headers={"X-API-Key": Secret("hunter22")}))
        wire.feed(frame(CLOSE, b"\x0f\xa0key hunter22\r\nunknown"))
        assert wire.close == Close(code=4000, reason="key ***??unknown")

    def test_our_close_goes_out_and_ends_with_the_peers_answer(self) -> None:
        wire = opened()
        wire.send_close(1000, "done")
        wire.send_close(1001, "twice")
        wire.send_text("too late")
        wire.send_ping(b"too late")
        assert read_frames(wire.data_to_send()) == [(Opcode.CLOSE, b"\x03\xe8done")]
        wire.feed(frame(TEXT, b"on its way") + frame(PING))
        assert wire.take_messages() == ["on its way"]
        assert wire.close is None
        wire.feed(frame(CLOSE, b"\x03\xe9"))
        assert wire.close == Close(code=1000, reason="done", by="us")

    def test_our_close_ends_with_the_stream_when_no_answer_comes(self) -> None:
        wire = opened()
        wire.send_close(1000, "done")
        wire.feed_eof()
        assert wire.close == Close(code=1000, reason="done", by="us")

    @pytest.mark.parametrize("data", [frame(3), frame(TEXT, b"\xff"), frame(CONT), frame(TEXT, b"x" * 2000)])
    def test_our_close_ends_with_a_peer_that_breaks_the_protocol(self, data: bytes) -> None:
        wire = opened()
        wire.send_close(1000, "done")
        wire.feed(data)
        assert wire.close is not None
        assert (wire.close.code, wire.close.by) == (1000, "us")

    def test_a_long_reason_is_cut_to_what_a_close_frame_holds(self) -> None:
        wire = opened()
        wire.send_close(1000, "\u20ac" * 100)
        assert read_frames(wire.data_to_send()) == [(Opcode.CLOSE, b"\x03\xe8" + "\u20ac".encode() * 41)]

    def test_an_end_without_a_close_frame_is_a_lost_connection(self) -> None:
        wire = opened()
        wire.feed(frame(TEXT, b"half")[:-1])
        wire.feed_eof()
        assert wire.take_messages() == []
        assert wire.close == Close(reason="the peer ended the stream without a close frame", by="transport")

    def test_a_broken_transport_says_what_broke(self) -> None:
        wire = opened()
        wire.lost("read: Connection reset by peer")
        wire.lost("another")
        assert wire.close == Close(reason="read: Connection reset by peer", by="transport")


def test_nothing_is_logged_whatever_the_level(caplog: pytest.LogCaptureFixture) -> None:
    wire = ClientWire(dial(headers={"X-API-Key": Secret("hunter22")}))
    answer = accept(wire)
    with caplog.at_level(logging.DEBUG):
        wire.feed(answer)
        wire.request()
        wire.send_text("hunter22")
        wire.feed(frame(BINARY, b"x") + frame(PING) + frame(3))
    assert caplog.records == []
