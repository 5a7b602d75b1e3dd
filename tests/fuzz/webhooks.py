"""The verifiers of webhooks: a request gives its values or one of two typed errors, and an unsigned one is always refused."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Mapping
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pushwire.core.secrets import Secret
from pushwire.errors import RemoteProtocolError, SignatureRefused
from pushwire.providers import gelabs
from pushwire.providers.quickpay.webhook import Webhook, WebhookVerifier
from pushwire.testing import gelabs as gelabs_build
from pushwire.testing import quickpay as quickpay_build
from tests.fuzz.case import Case, Raw, Tally
from tests.fuzz.corpus import said_by
from tests.fuzz.mutate import JsonMutator, TextMutator

__all__ = ["GelabsWebhook", "QuickpayWebhook"]

KEY: Final = "hook-do-not-show-this"
NOW: Final = 1_745_000_000.0
HEADERS: Final = ("0" * 64, "sha256=" + "0" * 64, "AAAA", "=", "", "é", "1745000000", "1745000000000", "9" * 30)


class GelabsWebhook:
    """Bodies, signed well or badly, by every way of signing."""

    name: str = "webhook-gelabs"
    share: int = 8

    def __init__(self) -> None:
        pushes: list[Any] = [json.loads(text)["data"] for text in said_by("gelabs") if '"transaction"' in text]
        pushes += [json.loads(gelabs_build.push(chain_type=chain))["data"] for chain in ("ethereum", "bitcoin")]
        # The other spelling that the provider's pages have.
        pushes.append({"txHash": "0x1", "chainType": "ethereum", "blockHeight": 5, "amount": "1", "from": "a", "to": "b"})
        corpus = [json.dumps([push]) for push in pushes] + [json.dumps(pushes[:3])]
        self._bodies: Final = JsonMutator(corpus, [KEY])
        self._headers: Final = TextMutator(HEADERS)
        encodings: tuple[Literal["hex", "base64"], ...] = ("hex", "base64")
        self._verifiers: Final = [
            gelabs.webhook.Verifier(
                secret=Secret(KEY), header="X-Signature", encoding=encoding, prefix=prefix, timestamp_header=timestamp
            )
            for encoding in encodings
            for prefix in ("", "sha256=")
            for timestamp in (None, "X-Time")
        ]

    def draw(self, rng: random.Random) -> Case:
        bodies = [self._bodies.draw(rng) for _ in range(1 + int(rng.random() * 8))]
        return Case(rng.getrandbits(32), tuple(bodies))

    def change(self, rng: random.Random, case: Case) -> Case:
        return Case(case.setup, tuple(self._bodies.change(rng, body) for body in case.inputs))

    def check(self, case: Case, tally: Tally) -> None:
        rng = random.Random(case.setup)
        for raw in case.inputs:
            body = _body(raw)
            verifier = rng.choice(self._verifiers)
            headers = {"X-Signature": verifier.signature(body, "1745000000"), "X-Time": "1745000000", "Other": "x"}
            forged = rng.random() < 0.3
            if forged:
                name = rng.choice(("X-Signature", "X-Time")) if verifier.timestamp_header else "X-Signature"
                before = headers.pop(name)
                made = self._headers.draw(rng) if rng.random() < 0.5 else self._headers.rough(rng, before)
                if rng.random() < 0.8:
                    headers[rng.choice((name, name.lower()))] = made if isinstance(made, str) else made.decode("latin-1")
                given = headers.get(name, headers.get(name.lower(), "")).strip()
                if verifier.encoding == "hex" and name == "X-Signature":
                    # Case means nothing there, but in what stands before it.
                    given = verifier.prefix + given.removeprefix(verifier.prefix).lower()
                forged = given != before
            tally.count(raw, self._outcome(body, headers, verifier, forged=forged))

    def _outcome(self, body: bytes, headers: Mapping[str, str], verifier: gelabs.webhook.Verifier, *, forged: bool) -> str:
        try:
            found = gelabs.webhook.parse(body, headers, verifier, wall=NOW)
        except SignatureRefused as error:
            assert forged, "a good signature is refused"
            assert KEY not in repr(error)
            return "signature refused"
        except RemoteProtocolError as error:
            assert not forged, "read though nobody has signed it"
            assert KEY not in repr(error) or KEY.encode() in body
            return "body refused"
        assert not forged, "taken though nobody has signed it"
        for notice in found:
            assert isinstance(notice, gelabs.webhook.Notice | gelabs.Malformed)
            assert repr(notice)
            if isinstance(notice, gelabs.webhook.Notice):
                # What is taken is whole.
                assert notice.transaction.key()
                assert notice.transaction.dump()
        return "accepted" if any(isinstance(notice, gelabs.webhook.Notice) for notice in found) else "malformed"


class QuickpayWebhook:
    """Bodies that QuickPay's key has signed, and others."""

    name: str = "webhook-quickpay"
    share: int = 4

    def __init__(self) -> None:
        # A short key, loaded once: signing would take most of the time.
        self._key: Final = generate_private_key(public_exponent=65537, key_size=1024)
        public = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self._verifier: Final = WebhookVerifier(public.decode())
        events: list[tuple[str, Any]] = [  # JSON
            ("payment.completed", quickpay_build.plain(quickpay_build.payment().data)),
            ("exchange_rate.updated", quickpay_build.plain(quickpay_build.exchange_rate().data)),
            ("kyc.verification_started", quickpay_build.plain(quickpay_build.kyc().data)),
            ("notification", "Maintenance"),
            ("news", {"a": 1}),
        ]
        self._bodies: Final = JsonMutator([quickpay_build.envelope(name, data).decode() for name, data in events])
        self._headers: Final = TextMutator(HEADERS)

    def draw(self, rng: random.Random) -> Case:
        return Case(rng.getrandbits(32), tuple(self._bodies.draw(rng) for _ in range(1 + int(rng.random() * 8))))

    def change(self, rng: random.Random, case: Case) -> Case:
        return Case(case.setup, tuple(self._bodies.change(rng, body) for body in case.inputs))

    def check(self, case: Case, tally: Tally) -> None:
        rng = random.Random(case.setup)
        for raw in case.inputs:
            body = _body(raw)
            headers: dict[str, str] = {}
            for name in ("X-Webhook-Signature", "X-Webhook-Timestamp", "X-Webhook-Trace-ID"):
                made = self._headers.draw(rng)
                headers[name] = made if isinstance(made, str) else made.decode("latin-1")
            signed = rng.random() < 0.7
            if signed:
                headers["X-Webhook-Signature"] = base64.b64encode(self._key.sign(body, PKCS1v15(), SHA256())).decode()
            tally.count(raw, self._outcome(body, headers, signed=signed))

    def _outcome(self, body: bytes, headers: Mapping[str, str], *, signed: bool) -> str:
        try:
            found = self._verifier.read(headers, body)
        except SignatureRefused:
            assert not signed, "a good signature is refused"
            return "signature refused"
        except RemoteProtocolError as error:
            assert signed, "read though nobody has signed it"
            assert repr(error)
            return "body refused"
        assert signed, "taken though nobody has signed it"
        assert isinstance(found, Webhook)
        assert repr(found)
        return "accepted"


def _body(raw: Raw) -> bytes:
    return raw if isinstance(raw, bytes) else raw.encode(errors="surrogatepass")
