"""gelabs' REST calls as values: each makes a request of its own fields and reads its own reply. Nothing here sends anything."""

from .addresses import AddAddresses, ChangeAddresses, ContainsAddress, RemoveAddresses, Wallet
from .call import Call
from .connections import Replay, Status
from .replies import ClientConnection, Connections, Listing, Page, Replayed
from .transfers import AddressGroup, DexPoolTrades, QueryMultiChain, QueryTransfers, TransferDetail, TransfersDetails

__all__ = [
    "AddAddresses",
    "AddressGroup",
    "Call",
    "ChangeAddresses",
    "ClientConnection",
    "Connections",
    "ContainsAddress",
    "DexPoolTrades",
    "Listing",
    "Page",
    "QueryMultiChain",
    "QueryTransfers",
    "RemoveAddresses",
    "Replay",
    "Replayed",
    "Status",
    "TransferDetail",
    "TransfersDetails",
    "Wallet",
]
