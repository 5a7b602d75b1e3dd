"""The providers by their names, each loaded alone."""

from __future__ import annotations

import pytest

from pushwire import providers
from pushwire.errors import LocalProtocolError


@pytest.mark.parametrize("name", providers.NAMES)
def test_each_provider_is_found_by_its_name(name: str) -> None:
    assert providers.load(name).name == name


def test_an_unknown_provider_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(LocalProtocolError, match=r"no provider 'nobody'; there are: .*gelabs"):
        providers.load("nobody")
