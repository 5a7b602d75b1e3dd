"""Where the figures of a run are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

RESULTS: Final = Path(__file__).parent / "results"


def keep(name: str, figures: object) -> None:
    """Write the figures of a run down, in the place of the last one's."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
