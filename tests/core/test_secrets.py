from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from pathlib import Path

import pytest

from pushwire.core.effects import Dial, SecretFrame
from pushwire.core.secrets import PLACEHOLDER, Redactor, Secret
from pushwire.errors import ConfigError

VALUE = "hunter2-very-secret"


def test_no_way_of_showing_a_secret_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(VALUE)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", f"{secret:>10}", "%s" % secret, repr([secret])]  # noqa: UP031 - all ways
    logging.getLogger("test").warning("%s %r", secret, secret)
    shown.append(caplog.text)
    assert all(VALUE not in text and PLACEHOLDER in text for text in shown)
    assert secret.reveal() == VALUE


def test_a_secret_is_not_pickled_nor_written_as_json() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Secret(VALUE))
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.copy(Secret(VALUE))
    with pytest.raises(TypeError):
        json.dumps({"secret": Secret(VALUE)})


def test_secrets_compare_by_value_and_with_nothing_else() -> None:
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret("other")
    assert Secret(VALUE) != VALUE
    assert (Secret(VALUE) == VALUE) is False
    assert Secret("\udc80") == Secret("\udc80")


def test_a_secret_has_no_hash() -> None:
    with pytest.raises(TypeError):
        hash(Secret(VALUE))


@pytest.mark.parametrize("value", ["", 7, None, b"bytes"])
def test_a_secret_is_a_non_empty_string(value: str) -> None:
    with pytest.raises(ConfigError, match="a secret must be a non-empty string"):
        Secret(value)


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_KEY", VALUE)
    assert Secret.env("TOY_KEY").reveal() == VALUE


def test_from_the_file_that_the_environment_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(VALUE + "\r\n")
    monkeypatch.delenv("TOY_KEY", raising=False)
    monkeypatch.setenv("TOY_KEY_FILE", str(tmp_path / "key"))
    assert Secret.env("TOY_KEY").reveal() == VALUE


def test_the_variable_itself_goes_before_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_KEY", VALUE)
    monkeypatch.setenv("TOY_KEY_FILE", "/nowhere")
    assert Secret.env("TOY_KEY").reveal() == VALUE


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOY_KEY", raising=False)
    monkeypatch.delenv("TOY_KEY_FILE", raising=False)
    with pytest.raises(ConfigError, match=r"TOY_KEY is not set \(nor TOY_KEY_FILE\)"):
        Secret.env("TOY_KEY")


def test_a_file_keeps_all_but_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f" {VALUE} \n\n")
    assert Secret.file(tmp_path / "key").reveal() == f" {VALUE} "


@pytest.mark.parametrize(
    "content, problem", [(None, "FileNotFoundError"), (b"\n", "is empty"), (b"\xff\xfe" + VALUE.encode(), "UnicodeDecodeError")]
)
def test_a_file_that_holds_no_secret_is_named_and_not_shown(content: bytes | None, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=problem) as raised:
        Secret.file(path)
    assert str(path) in str(raised.value)
    assert VALUE not in "".join(traceback.format_exception(raised.value))


def test_effects_that_carry_a_secret_do_not_show_it() -> None:
    dial = Dial(1, Secret(VALUE), {"key": Secret(VALUE)}, 1000)
    frame = SecretFrame(f"auth {VALUE}", "auth ***")
    assert VALUE not in repr(dial) + str(dial) + repr(frame) + str(frame)
    assert "auth ***" in repr(frame)


def test_a_redactor_leaves_no_tail_of_a_longer_secret() -> None:
    redact = Redactor([Secret("abc"), Secret("abcdef"), Secret("abc")])
    assert redact("x abcdef abc y") == f"x {PLACEHOLDER} {PLACEHOLDER} y"
    assert repr(redact) == "Redactor(2 secrets)"
    assert Redactor()("nothing") == "nothing"


def test_a_path_that_no_file_can_have_is_said() -> None:
    with pytest.raises(ConfigError, match="secret file a\0b: ValueError"):
        Secret.file("a\0b")


def test_the_longest_of_several_secrets_is_replaced_first_wherever_it_stands_in_the_alphabet() -> None:
    assert Redactor([Secret("b"), Secret("abc")])("abc b") == f"{PLACEHOLDER} {PLACEHOLDER}"


def test_a_file_is_read_as_utf8_and_only_its_line_end_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes("schlüssel-X\r\n".encode())
    assert Secret.file(file).reveal() == "schlüssel-X"


def test_a_placeholder_is_as_wide_as_a_format_asks_for() -> None:
    assert f"{Secret(VALUE):>10}" == PLACEHOLDER.rjust(10)


def test_a_secret_header_is_also_named_without_the_scheme_before_it() -> None:
    assert list(Secret("Bearer of token-1").words) == [Secret("Bearer of token-1"), Secret("token-1")]
    assert list(Secret("token-1").words) == [Secret("token-1")]
    assert list(Secret("token ").words) == [Secret("token ")]
