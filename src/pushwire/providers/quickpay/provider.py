"""QuickPay, as those see it who serve any provider."""

from __future__ import annotations

from typing import Final

from ...core.provider import Provider
from ..pusher.commands import Subscribe, Unsubscribe
from ..pusher.tables import CLOSES, HANDSHAKE
from .channels import SPEC, parse_spec
from .config import Config

__all__ = ["PROVIDER"]

PROVIDER: Final = Provider(
    name="quickpay",
    config=Config,
    commands={kind.__name__: kind for kind in (Subscribe, Unsubscribe)},
    secrets={"api_key": "PUSHWIRE_QUICKPAY_API_KEY"},
    optional_secrets={"jwt": "PUSHWIRE_QUICKPAY_JWT", "private_key": "PUSHWIRE_QUICKPAY_PRIVATE_KEY"},
    spec=SPEC,
    parse_spec=parse_spec,
    tables={"from the open connection to its end, as Pusher's": HANDSHAKE},
    closes=CLOSES,
    unidentified="its documents show an id in the envelope of webhooks alone",
)
