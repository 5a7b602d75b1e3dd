"""Where the figures of a run are kept, and under which conditions they came about."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any, Final

__all__ = ["RESULTS", "conditions", "keep", "kept"]

RESULTS: Final = Path(__file__).parent / "results"


def keep(name: str, figures: object) -> None:
    """Write the figures of a run down, in the place of the last one's."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def kept(name: str) -> Any:  # whatever was kept
    """The figures of the last run that had any; None: there was none."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def conditions() -> dict[str, object]:
    """What ratios may still depend on. The load is that of the last minute, the benchmark's own included."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "processors": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
    }
