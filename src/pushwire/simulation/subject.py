"""What is put to the test: a provider's config, its sandbox, and what its client asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import attrs

from ..core.commands import AnyCommand
from ..core.provider import ProviderConfig
from ..core.secrets import Secret
from ..sandbox.simulated import Simulated

__all__ = ["Subject", "SubjectMaker"]


@attrs.frozen
class Subject:
    """`commands` are what is subscribed to from the beginning; `token` what its credentials are answered with."""

    provider: str
    config: ProviderConfig
    simulated: Simulated
    commands: Sequence[AnyCommand]
    token: Secret


SubjectMaker = Callable[[Random], Subject]
"""A new one for each story: a sandbox is used up by it."""
