"""Members of presence channels out of what a server sends. Ids may be numbers there, and are texts here."""

from __future__ import annotations

import msgspec

from .messages import MEMBER, SUCCESS, Member
from .values import Json, parsed, read

__all__ = ["present", "someone"]


def present(data: msgspec.Raw) -> dict[str, Member]:
    """Who is there when a subscription succeeds. Raises one of `values.FAULTS`."""
    presence = read(data, SUCCESS).presence
    if presence is None:
        raise ValueError("no members")
    members = {str(user_id): Member(str(user_id)) for user_id in presence.ids or ()}
    for user_id, info in (presence.hash or {}).items():
        members[user_id] = Member(user_id, _info(info))
    return members


def someone(data: msgspec.Raw) -> Member:
    """Who came or went. Raises one of `values.FAULTS`."""
    member = read(data, MEMBER)
    return Member(str(member.user_id), _info(member.user_info))


def _info(info: msgspec.Raw) -> Json:
    return parsed(bytes(info)) if bytes(info) else None
