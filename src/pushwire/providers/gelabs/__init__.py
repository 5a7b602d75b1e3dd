"""gelabs address-transfer monitoring: on-chain transactions, each ACKed and sent again until it is."""

from ...core.effects import Identity
from ...core.events import AckRefused, Delivery, Down, Gap, Malformed, Stale, SubscriptionRefused, Unrecognized, Up
from .commands import GetTransaction, Subscribe, Unsubscribe
from .config import Config
from .machine import CLOSES, GREETING, GelabsMachine
from .messages import Event, Subscribed, Unsubscribed
from .movements import Asset, Movement
from .rows import InternalCall, TokenTransfer, UtxoInput, UtxoOutput
from .topics import CHAIN_IDS, Topic
from .transactions import Transaction

__all__ = [
    "CHAIN_IDS",
    "CLOSES",
    "GREETING",
    "AckRefused",
    "Asset",
    "Config",
    "Delivery",
    "Down",
    "Event",
    "Gap",
    "GelabsMachine",
    "GetTransaction",
    "Identity",
    "InternalCall",
    "Malformed",
    "Movement",
    "Stale",
    "Subscribe",
    "Subscribed",
    "SubscriptionRefused",
    "TokenTransfer",
    "Topic",
    "Transaction",
    "Unrecognized",
    "Unsubscribe",
    "Unsubscribed",
    "Up",
    "UtxoInput",
    "UtxoOutput",
]
