"""Which proxy a program was told to go through."""

from __future__ import annotations

import pytest

from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError
from pushwire.shell.proxy import PROXY, proxy_of


def test_it_comes_from_who_calls_else_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROXY, "http://me:hunter22@other:1")
    assert proxy_of("http://here:1") == "http://here:1"
    assert proxy_of(None) == Secret("http://me:hunter22@other:1")
    monkeypatch.delenv(PROXY)
    assert proxy_of(None) is None


def test_a_password_is_refused_where_others_see_it() -> None:
    with pytest.raises(ConfigError, match="proxy: must not hold a user name or password: set PUSHWIRE_PROXY") as caught:
        proxy_of("http://me:hunter22@here:1", "streams.a.proxy")
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("environment", [True, False])
def test_what_is_no_proxy_is_refused_before_anything_is_dialled(environment: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if environment:
        monkeypatch.setenv(PROXY, "gopher://here:1")
    with pytest.raises(ConfigError, match="proxy: must be an http://"):
        proxy_of(None if environment else "gopher://here:1")
