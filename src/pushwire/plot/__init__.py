"""A session drawn from its journal, as an SVG: where the connection stood, what went in and out, how long answers took, what may
be missing.

Nothing here reads a clock, a file or a socket. `Course` follows a replay step by step, in memory that does not grow with it;
`draw` makes a picture of it.
"""

from __future__ import annotations

from .course import Course
from .svg import draw

__all__ = ["Course", "draw"]
