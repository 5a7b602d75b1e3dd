"""Where the fuzzer begins: the golden transcripts and the documentation's examples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

__all__ = ["blocks", "said_by"]

_TESTS: Final = Path(__file__).parents[1]
_DOCS: Final = _TESTS.parent / "docs"


def said_by(provider: str) -> list[str]:
    """What this provider says in its transcripts, each once."""
    return list(dict.fromkeys(_said(provider)))


def _said(provider: str) -> Iterator[str]:
    for path in sorted((_TESTS / "providers" / provider / "transcripts").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            said: Any = json.loads(line).get("<")
            if said is not None:
                yield said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)


def blocks(language: str) -> list[str]:
    """The blocks of code in this language in all pages, in their order."""
    fence = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [block for page in sorted(_DOCS.glob("*.md")) for block in fence.findall(page.read_text(encoding="utf-8"))]
