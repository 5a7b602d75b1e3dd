from __future__ import annotations

from collections.abc import Mapping

import pytest

from pushwire.core.machine import Phase
from pushwire.plot.course import Wait
from pushwire.plot.style import DARK, LIGHT, PHASES, WAITS, css


def luminance(colour: str) -> float:
    """Relative, as WCAG 2.2 defines it."""
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_all_that_is_drawn_stands_out_from_the_paper(colours: Mapping[str, str]) -> None:
    for name, colour in colours.items():
        if name not in ("paper", "line"):
            assert contrast(colour, colours["paper"]) >= (4.5 if name == "text" else 3.0), name


def test_every_phase_and_every_wait_has_a_colour_on_either_paper() -> None:
    assert set(PHASES) == set(Phase)
    assert set(WAITS) == set(Wait)
    assert len(set(WAITS.values())) == len(Wait)
    assert LIGHT.keys() == DARK.keys() >= {*PHASES.values(), *WAITS.values()}


def test_the_dark_colours_are_for_those_who_prefer_them() -> None:
    light, dark = css().split("@media (prefers-color-scheme:dark)")
    for name in LIGHT:
        assert f".{name}{{fill:{LIGHT[name]}}}" in light
        assert f".{name}{{fill:{DARK[name]}}}" in dark
    assert css().count("{") == css().count("}")
