"""A peer may repeat what it was told; whoever is shown its words is not shown our secrets."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import msgspec
import pytest

from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import Close
from pushwire.core.events import AckRefused, SubscriptionRefused
from pushwire.core.secrets import Redactor, Secret, clean
from pushwire.errors import AuthenticationRefused, CommandRefused, OutcomeUnknown, RateLimited, RemoteProtocolError
from tests.core.rig import Rig, subscribed, tx
from tests.core.toy import AckToy, Sub, Toy


@attrs.frozen(kw_only=True)
class Config(ConnectionConfig):
    key: Secret = attrs.field(factory=lambda: Secret("hunter2"))
    headers: Mapping[str, str | Secret] = attrs.field(factory=lambda: {"x-app": "plain", "x-key": Secret("correct-horse")})


def ready() -> Rig:
    rig = Rig(Toy(Config()))
    rig.start()
    rig.give_token("battery-staple")
    rig.open()
    rig.say("hello")
    return rig


def test_the_secrets_of_a_config_are_those_in_its_fields_and_in_their_mappings() -> None:
    assert [secret.reveal() for secret in Config().secrets] == ["hunter2", "correct-horse"]


@pytest.mark.parametrize("secret", ["hunter2", "correct-horse", "battery-staple"])
def test_the_refusal_of_a_command_shows_none(secret: str) -> None:
    rig = ready()
    ticket = rig.submit(Sub("a"))
    rig.say(f"no 1 7 {secret} may not")
    refused = rig.error(ticket)
    assert isinstance(refused, CommandRefused)
    assert (refused.text, str(refused)) == ("*** may not", "Sub refused: *** may not (code 7)")


def test_a_subscription_that_is_not_restored_shows_none() -> None:
    rig = ready()
    subscribed(rig, "a")
    rig.drop()
    rig.get_ready()
    rig.say("no 2 7 hunter2 may not")
    assert [event.text for event in rig.news() if isinstance(event, SubscriptionRefused)] == ["*** may not"]


def test_the_refusal_of_a_connection_shows_none() -> None:
    rig = Rig(Toy(Config()))
    rig.start()
    rig.give_token("battery-staple")
    rig.open()
    rig.say("denied battery-staple is unknown")
    rig.drop()
    assert isinstance(rig.machine.failure, AuthenticationRefused)
    shown = str(rig.machine.failure) + str(rig.machine.status()) + repr(rig.hangups)
    assert "*** is unknown" in shown
    assert "battery" not in shown


def test_the_end_of_a_connection_shows_none() -> None:
    rig = ready()
    rig.drop(Close(code=1001, reason="hunter2 and battery-staple have expired"))
    assert rig.machine.status().last_error == "close 1001 by peer: *** and *** have expired"
    assert "hunter2" not in repr(rig.news())


def test_the_refusal_of_an_ack_shows_none() -> None:
    rig = Rig(AckToy())
    rig.machine._secrets["token"] = Secret("hunter2")
    rig.get_ready()
    rig.commit()
    rig.say("tx a 1")
    rig.finish(tx("a"))
    rig.commit()
    ack_id = rig.frames()[-1].split()[1]
    rig.say(f"no {ack_id} 7 hunter2 may not")
    assert [event.text for event in rig.news() if isinstance(event, AckRefused)] == ["*** may not"]


@pytest.mark.parametrize("shown", ['a"b/c d', r"a\"b/c d", r"a\"b\/c d", "a%22b%2Fc%20d", "a%22b/c+d"])
def test_a_secret_is_found_as_json_and_urls_spell_it(shown: str) -> None:
    assert Redactor([Secret('a"b/c d')])(f"<{shown}>") == "<***>"


def test_an_error_is_cleaned_in_all_its_parts() -> None:
    error = RateLimited("hunter2", "hunter2", "no hunter2", trace_id="hunter2-1")
    clean(error, Redactor([Secret("hunter2")]))
    assert (error.code, error.text, error.trace_id) == ("***", "no ***", "***-1")
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("shown", ['ü\\"/', '\\u00fc\\"/', "%C3%BC%22/", "%C3%BC%22%2F"])
def test_a_secret_with_other_letters_is_found_in_every_spelling(shown: str) -> None:
    assert Redactor([Secret('ü"/')])(f"<{shown}>") == "<***>"


def test_an_error_that_carries_more_than_texts_is_cleaned() -> None:
    error = RemoteProtocolError("no hunter2", 7)
    clean(error, Redactor([Secret("hunter2")]))
    assert error.args == ("no ***", 7)


def test_the_error_that_an_error_came_of_is_cleaned_as_well() -> None:
    refused = CommandRefused("order", 5, "no hunter2")
    unknown = OutcomeUnknown("it may have been placed: no hunter2", command=None)
    unknown.__cause__ = refused
    clean(unknown, Redactor([Secret("hunter2")]))
    assert str(unknown) == "it may have been placed: no ***"
    assert (refused.text, str(refused)) == ("no ***", "order refused: no *** (code 5)")


@pytest.mark.parametrize(
    "cause, stays",
    [
        (UnicodeDecodeError("utf-8", b"hunter2 \xff", 8, 9, "invalid start byte"), False),
        (msgspec.ValidationError("Invalid enum value 'hunter2'"), False),
        (OSError("broken pipe"), True),
    ],
)
def test_what_a_decoder_kept_of_the_text_goes(cause: Exception, *, stays: bool) -> None:
    error = RemoteProtocolError("a reply that cannot be read")
    error.__cause__ = cause
    clean(error, Redactor([Secret("hunter2")]))
    assert (error.__cause__ is cause) == stays
