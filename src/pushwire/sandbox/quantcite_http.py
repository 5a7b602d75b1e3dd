"""The HTTP side of the sandbox's QuantCite (providers/quantcite.md, 3): sessions, and the calls that a session allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, cast

import msgspec

from ..core.http import Response
from ..core.runs import MISFITS
from ..core.secrets import Secret
from .quantcite_book import EXCHANGES, Place, User, digest, encode, listed, new_id, own_key, summary

if TYPE_CHECKING:
    from .base import HttpCall
    from .quantcite import QuantciteServer

__all__ = ["answer"]

BASE: Final = "/api/v1"
LIFETIME: Final = 24 * 3600.0
"""Seconds of a session."""

Fields = Mapping[str, object]


class Refused(Exception):
    """A call that is answered with an error."""

    def __init__(self, status: int, error: str, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.error = error
        self.retry_after = retry_after


def answer(server: QuantciteServer, call: HttpCall, now: float, wall: float) -> Response:
    """Answer one call. Never raises."""
    path = call.path.removeprefix(BASE)
    try:
        if call.method == "GET" and path.startswith("/data-usage/"):
            return _json(200, _usage(server, path.removeprefix("/data-usage/"), wall))
        public = PUBLIC.get((call.method, path))
        if public is not None:
            return _json(200, public(server, _body(call), wall))
        private = PRIVATE.get((call.method, path))
        if private is None:
            return _json(404, {"success": False, "error": "not_found", "message": "there is no such endpoint"})
        user = _user(server, call, wall)
        wait = user.refused_for(now, server.settings.requests_a_minute)
        if wait is not None:
            raise Refused(429, "rate_limit_exceeded", "Rate limit exceeded", wait)
        return _json(200, private(server, user, _body(call)))
    except Refused as refused:
        error = {"success": False, "error": refused.error, "message": str(refused), "timestamp": _milliseconds(wall)}
        return _json(refused.status, error, refused.retry_after)


def _json(status: int, value: object, retry_after: float | None = None) -> Response:
    headers = {"content-type": "application/json"}
    if retry_after is not None:
        headers["retry-after"] = str(math.ceil(retry_after))
    return Response(status, headers, encode(value))


def _body(call: HttpCall) -> Fields:
    try:
        return msgspec.json.decode(call.body or b"{}", type=dict[str, object])
    except MISFITS:
        raise Refused(400, "invalid_request", "the body is no JSON object") from None


def _milliseconds(wall: float) -> int:
    return int(wall * 1000)


def _user(server: QuantciteServer, call: HttpCall, wall: float) -> User:
    header = call.headers.get("authorization", "")
    if not header.startswith("Bearer "):
        raise Refused(401, "missing_authorization", "Authorization header required")
    user, expires = server.sessions.get(header.removeprefix("Bearer "), (None, 0.0))
    if user is None:
        raise Refused(401, "invalid_session", "Invalid session token")
    if wall >= expires:
        raise Refused(401, "session_expired", "Session has expired")
    return user


# Without a session


def _authenticate(server: QuantciteServer, fields: Fields, wall: float) -> Fields:
    key = fields.get("api_key")
    if not key:
        raise Refused(400, "missing_api_key", "API key is required")
    user = server.user_of(key)
    if user is None:
        raise Refused(401, "invalid_api_key", "Invalid API key")
    token = new_id(server.rng)
    server.sessions[token] = (user, wall + LIFETIME)
    return {
        "success": True,
        "message": "Authentication successful",
        "session_token": token,
        "user_id": user.user_id,
        "user_tier": server.settings.tier,
        "expires_at": _milliseconds(wall + LIFETIME),
    }


def _types(_server: QuantciteServer, _fields: Fields, _wall: float) -> Fields:
    kinds = sorted({kind for exchange in EXCHANGES.values() for kind in exchange.types})
    return {
        "unified_types": {kind: f"All {kind.replace('_', ' ')}" for kind in kinds},
        "exchange_specific": {name: exchange.types for name, exchange in EXCHANGES.items()},
    }


def _exchanges(_server: QuantciteServer, _fields: Fields, _wall: float) -> list[Fields]:
    return [listed(name) for name in EXCHANGES]


def _policy(_server: QuantciteServer, _fields: Fields, _wall: float) -> Fields:
    internal = [name for name, exchange in EXCHANGES.items() if exchange.internal]
    return {
        "exchanges_with_internal_credentials": internal,
        "exchanges_requiring_user_credentials": [name for name in EXCHANGES if name not in internal],
        "details": {name: {"internal_credentials": name in internal} for name in EXCHANGES},
    }


def _health(_server: QuantciteServer, _fields: Fields, wall: float) -> Fields:
    return {
        "status": "healthy",
        "unified_api": True,
        "available_exchanges": list(EXCHANGES),
        "supported_exchanges": len(EXCHANGES),
        "timestamp": _milliseconds(wall),
    }


def _usage(server: QuantciteServer, key: str, wall: float) -> Fields:
    user = server.user_of(key)
    if user is None:
        raise Refused(404, "api_key_not_found", f"API key {key} not found")
    return {
        "user_id": user.user_id,
        "username": f"user-{user.index + 1}",
        "billing_tier": server.settings.tier,
        "api_key_active": True,
        "data_usage": {
            "used_gb": 1.25,
            "limit_gb": 50.0,
            "remaining_gb": 48.75,
            "usage_percentage": 2.5,
            "bytes_used": 1_342_177_280,
            "bytes_limit": 53_687_091_200,
        },
        "billing_period": {"reset_date": "2025-10-01", "days_until_reset": 12, "next_reset": "2025-10-01T00:00:00"},
        "status": {"limit_exceeded": False, "warning_threshold": False, "api_key_status": "active"},
        "timestamp": str(_milliseconds(wall)),
    }


# With a session


def _wanted(fields: Fields) -> tuple[str, Secret | None]:
    exchange, credentials = fields.get("exchange"), fields.get("credentials")
    if not isinstance(exchange, str) or exchange not in EXCHANGES:
        raise Refused(400, "invalid_exchange", "Exchange is not supported")
    return exchange, own_key(cast("dict[str, object]", credentials) if isinstance(credentials, dict) else None)


def _status(server: QuantciteServer, user: User, _fields: Fields) -> Fields:
    return {"authenticated": True, "user_id": user.user_id, "user_tier": server.settings.tier, "message": "Session is valid"}


def _transactions(server: QuantciteServer, user: User, fields: Fields) -> Fields:
    exchange, own = _wanted(fields)
    if not server.valid(exchange, own):
        raise Refused(500, "exchange_error", f"{exchange} does not accept these credentials")
    kinds, limit = fields.get("transaction_types", []), fields.get("limit")
    if not isinstance(kinds, list):
        raise Refused(400, "invalid_transaction_types", "transaction_types must be an array")
    account = server.account(user, Place(exchange, fields.get("testnet") is True, digest(own)))
    start, end = fields.get("start_time"), fields.get("end_time")
    found = [
        record
        for record in account.latest(frozenset(map(str, cast("list[object]", kinds))), len(account.records))
        if not (isinstance(start, int) and record.at * 1000 < start) and not (isinstance(end, int) and record.at * 1000 > end)
    ]
    page = found[-(limit if isinstance(limit, int) and limit > 0 else server.settings.history_limit) :]
    times = [_milliseconds(record.at) for record in page]
    return {
        "success": True,
        "message": f"Retrieved {len(page)} transactions",
        "exchange": exchange,
        "total_transactions": len(found),
        "processing_time": 0.05,
        "transactions": [record.data for record in page],
        "summary": {**summary(page), "date_range": {"start": min(times), "end": max(times)} if times else None},
        "filters_applied": {name: fields.get(name) for name in ("start_time", "end_time", "transaction_types", "limit")},
    }


def _validate(server: QuantciteServer, _user: User, fields: Fields) -> Fields:
    return server.validation(*_wanted(fields))


PUBLIC: Final[Mapping[tuple[str, str], Callable[[QuantciteServer, Fields, float], object]]] = {
    ("POST", "/authenticate"): _authenticate,
    ("GET", "/transactions/types"): _types,
    ("GET", "/exchanges"): _exchanges,
    ("GET", "/exchanges/credentials"): _policy,
    ("GET", "/health"): _health,
}
PRIVATE: Final[Mapping[tuple[str, str], Callable[[QuantciteServer, User, Fields], Fields]]] = {
    ("GET", "/session-status"): _status,
    ("POST", "/transactions"): _transactions,
    ("POST", "/transactions/validate-credentials"): _validate,
}
