"""Bugs of the shell, planted one at a time: the lives that the good shell passes must fail each of them.

A bug is a few words of one function's source, replaced. One that cannot be planted any more is an error.
"""

from __future__ import annotations

import gc
import importlib
import inspect
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import attrs
import pytest

from pushwire.shell.websocket import WebSocketConnector
from tests.shell import (
    test_broken_lines as broken,
)
from tests.shell import (
    test_cancelled_ack as ack,
)
from tests.shell import (
    test_cancelled_call as call,
)
from tests.shell import (
    test_cancelled_connect as connect,
)
from tests.shell import (
    test_cancelled_leaving as leaving,
)
from tests.shell import (
    test_cancelled_receive as receive,
)
from tests.shell import (
    test_cancelled_rest as rest,
)


@attrs.frozen
class Bug:
    """`words` of `function` (module:qualified name, within `pushwire`) become `others`; `finding` is said by what `finds` it."""

    name: str
    function: str
    words: str
    others: str
    finds: Callable[[Path], object]
    finding: str

    def plant(self, patch: pytest.MonkeyPatch) -> None:
        module_name, _, path = self.function.partition(":")
        owner: Any = importlib.import_module(f"pushwire.{module_name}")
        *outer, name = path.split(".")
        for part in outer:
            owner = getattr(owner, part)
        # Its own names: it may be imported from elsewhere, and wrapped.
        names = inspect.unwrap(getattr(owner, name)).__globals__
        source = textwrap.dedent(inspect.getsource(getattr(owner, name)))
        assert source.count(self.words) == 1, "the bug cannot be planted any more"
        made: dict[str, Any] = {}
        # A name in brackets is no file whose lines anybody should look for, coverage for one.
        exec(compile(source.replace(self.words, self.others), f"<{self.function}>", "exec", 1 << 24), names, made)
        patch.setattr(owner, name, made[name])


BUGS = (
    Bug(
        "an event is taken before a checkpoint",
        "shell.consumer:Consumer._next",
        "            if taken is not None:\n",
        "            if taken is not None:\n                await trio.lowlevel.checkpoint()\n",
        lambda _: receive.test_an_event_that_comes_meanwhile("wire"),
        "assert [2, 9] == [1, 2, 9]",
    ),
    Bug(
        "a caller who has gone is not forgotten",
        "shell.driver:Driver.call",
        "        self._waiters.forget(ticket)\n",
        "        pass\n",
        lambda _: call.test_a_call_that_is_answered("wire"),
        "a caller who has gone is waited for",
    ),
    Bug(
        "the machine is not told that a caller has gone",
        "shell.driver:Driver.call",
        "            self._feed(waiter.give_up)\n",
        "            pass\n",
        lambda _: call.test_a_call_that_waits_for_the_next_connection(),
        "the machine keeps a ticket",
    ),
    Bug(
        "a caller who has gone keeps the reading on",
        "shell.driver:Driver.call",
        "    except trio.Cancelled:\n",
        "    except trio.Cancelled:\n        self._waiters.reading += 1\n",
        lambda _: call.test_a_call_among_more_events_than_there_is_room_for(),
        "a caller who has gone keeps the reading on",
    ),
    Bug(
        "an ACK that has begun is given up",
        "shell.driver:Driver.settle",
        "trio.CancelScope(shield=True)",
        "trio.CancelScope()",
        lambda _: ack.test_an_ack_whose_commit_takes_time("wire"),
        "a caller who has gone is waited for",
    ),
    Bug(
        "a commit that has begun is given up",
        "shell.committer:Committer.run",
        "trio.CancelScope(shield=True)",
        "trio.CancelScope()",
        lambda _: leaving.test_leaving_while_a_commit_is_under_way("memory"),
        "NotReady: the stream has ended",
    ),
    Bug(
        "a cancelled handshake leaves its socket",
        "shell.websocket:WebSocketConnector.dial",
        "except BaseException:",
        "except Exception:",
        lambda _: connect.test_the_dial_the_handshakes_and_the_login("wire"),
        "a connection is left open",
    ),
    Bug(
        "a cancelled TLS handshake leaves its socket",
        "shell.dialer:start_tls",
        "        await trio.aclose_forcefully(transport)\n",
        "",
        lambda _: connect.test_the_dial_the_handshakes_and_the_login("wire over TLS"),
        "a connection is left open",
    ),
    Bug(
        "the same, with real sockets",
        "shell.dialer:start_tls",
        "        await trio.aclose_forcefully(transport)\n",
        "",
        lambda _: connect.test_sockets_with_tls_and_through_a_proxy(WebSocketConnector, True, ""),
        "a file or a socket is left",
    ),
    Bug(
        "the end of a connection leaves its socket",
        "shell.link:Link.run",
        "await connection.aclose()",
        "await trio.lowlevel.checkpoint()",
        lambda _: leaving.test_leaving_in_good_order("wire", leaving.nothing),
        "a connection is left open",
    ),
    Bug(
        "a cancelled handshake of trio-websocket leaves its socket",
        "shell.trio_websocket:TrioWebSocketConnector._host",
        "        await stream.drop()\n",
        "        pass\n",
        lambda _: connect.test_the_dial_the_handshakes_and_the_login("trio-websocket"),
        "a connection is left open",
    ),
    Bug(
        "leaving does not drop at once when cancelled",
        "shell.connect:_connected",
        "driver.abort()",
        "driver.later(50, driver.abort)",
        lambda _: leaving.test_leaving_in_good_order("wire", leaving.an_ack),
        "s from the cancellation to the end",
    ),
    Bug(
        "a store is not closed by whoever is cancelled",
        "shell.connect:_connected",
        "        with trio.CancelScope(shield=True):\n            await opened.aclose()\n",
        "        with trio.CancelScope():\n            await trio.lowlevel.checkpoint()\n            await opened.aclose()\n",
        connect.test_a_store_in_a_file_and_its_thread,
        "is held by another process, or another store of this one",
    ),
    Bug(
        "a feed whose subscribing is cancelled does not leave",
        "shell.stream:feeding",
        "or_leave=True",
        "or_leave=False",
        lambda _: call.test_a_feed("entering"),
        "the server serves what nobody wants",
    ),
    Bug(
        "a feed that is over is still fed",
        "shell.stream:feeding",
        "    finally:\n        driver.router",
        "    except ZeroDivisionError:\n        driver.router",
        lambda _: call.test_a_feed("entering"),
        "a feed that is over is fed",
    ),
    Bug(
        "nobody is told of an order that may have been carried out",
        "shell.api:Api.call",
        "self.unsettled.append(endpoint)",
        "pass",
        lambda _: rest.test_a_call_that_may_not_be_repeated(),
        "as many places were used as calls left",
    ),
    Bug(
        "a call that was given up uses up the rate",
        "shell.ratelimit:RateBuckets.turn",
        "counts=passage.left",
        "counts=True",
        lambda _: rest.test_a_call_that_may_not_be_repeated(),
        "as many places were used as calls left",
    ),
    Bug(
        "a cancelled request leaves its connection",
        "shell.http_pool:_Stream.aclose",
        "await trio.aclose_forcefully(self._stream)",
        "await trio.lowlevel.checkpoint()",
        lambda _: rest.test_a_call_that_may_be_repeated(False),
        "a connection is left open",
    ),
    Bug(
        "a renewal ends with its caller although its request has left",
        "shell.tokens:TokenKeeper._advance",
        "(step.waiting or step.passage.left or step.done.is_set())",
        "(step.waiting or step.done.is_set())",
        lambda _: rest.test_a_token_that_is_fetched_stored_and_renewed(),
        "a renewal came to nothing",
    ),
    Bug(
        "a renewal ends with the first of two callers",
        "shell.tokens:TokenKeeper._advance",
        "step.waiting or ",
        "",
        lambda _: rest.test_one_of_two_who_wait_for_a_token(),
        "ConnectionLost: the renewal of a token was given up",
    ),
    Bug(
        "a write that was cut short is gone on with",
        "shell.websocket:WebSocketConnection.flush",
        '        self._stop_writing("write: cut short")\n',
        "",
        lambda _: leaving.test_a_connection_by_itself("wire", "flush"),
        "half a frame was gone on with",
    ),
    Bug(
        "a read that fails is nobody's business",
        "shell.websocket:WebSocketConnection._receive",
        "except trio.BrokenResourceError as error",
        "except ZeroDivisionError as error",
        lambda _: broken.test_a_stream_whose_connection_breaks("wire", "broken"),
        "BrokenResourceError: scripted",
    ),
    Bug(
        "a request that has left counts as one that has not",
        "shell.http_pool:_prepared",
        "            passage.left = True",
        "            pass",
        lambda _: broken.test_a_call_whose_connection_breaks(broken.Unlimited(), False, "broken"),
        "it was carried out",
    ),
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_it_is_found(bug: Bug, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bug.plant(monkeypatch)
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - what it says is looked at below
        bug.finds(tmp_path)
    found = "".join(flat(caught.value))
    del caught
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # what the bug has left open
        gc.collect()
    assert bug.finding in found


def flat(error: BaseException) -> list[str]:
    """The texts of what is in a group, and what stands under them."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return [text for inner in group.exceptions for text in flat(inner)]
    return [f"{type(error).__name__}: {error}\n"]
