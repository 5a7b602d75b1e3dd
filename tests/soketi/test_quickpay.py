"""QuickPay's client on soketi, which QuickPay very likely runs, and an endpoint that verifies its tokens by the present time."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import jwt
import pytest

import pushwire
from pushwire.core.events import Gap
from pushwire.core.secrets import Secret
from pushwire.errors import CommandRefused
from pushwire.providers import quickpay
from pushwire.testing import quickpay as build
from tests.soketi.endpoint import Asked, serving, signature
from tests.soketi.server import KEY, Soketi
from tests.soketi.talk import next_of

API_KEY = "the-api-key"


def verifying(asked: Asked) -> tuple[int, dict[str, str]]:
    """An authorisation for a request that the merchant signed, and signed for this."""
    _, _, token = asked.headers["authorization"].partition(" ")
    try:
        claims = jwt.decode(token, build.keys().public, algorithms=["RS256"])
    except jwt.PyJWTError:
        return 401, {}
    right = (asked.path, hashlib.sha256(asked.body).hexdigest(), API_KEY)
    if (claims["uri"], claims["bodyHash"], claims["sub"]) != right or asked.headers["x-api-key"] != API_KEY:
        return 401, {}
    return signature(asked)


def config(soketi: Soketi, auth_url: str, keys: build.Keys) -> quickpay.Config:
    host, _, path = auth_url.rpartition("/")
    return quickpay.Config(
        api_key=Secret(API_KEY),
        private_key=keys.private,
        url=soketi.url,
        app_key=KEY,
        api_url=host,
        auth_path=f"/{path}",
        backoff_first=0.1,
        backoff_cap=0.5,
    )


async def test_payments_arrive_typed_also_after_a_restart(soketi: Soketi) -> None:
    payments = quickpay.payments(build.MERCHANT)
    async with serving(verifying) as endpoint, pushwire.connect(config(soketi, endpoint.url, build.keys())) as stream:
        events = aiter(stream)
        await stream.call(quickpay.Subscribe(quickpay.TEST_CHANNEL))
        assert (await stream.call(payments)).channel == payments.channel
        for times in range(2):
            await soketi.publish(payments.channel, "payment.completed", '{"payment_id":"pay_001","amount":"100.10"}')
            payment = await next_of(events, quickpay.Payment)
            assert (payment.data.payment_id, payment.data.amount) == ("pay_001", Decimal("100.10"))
            if times == 0:
                await soketi.restart()
                await next_of(events, Gap)
        assert len({asked.headers["authorization"] for asked in endpoint.asked}) == len(endpoint.asked) == 2


async def test_a_token_by_another_key_is_refused(soketi: Soketi) -> None:
    settings = build.keys("somebody else")
    async with serving(verifying) as endpoint, pushwire.connect(config(soketi, endpoint.url, settings)) as stream:
        with pytest.raises(CommandRefused, match="HTTP 401"):
            await stream.call(quickpay.payments(build.MERCHANT))
