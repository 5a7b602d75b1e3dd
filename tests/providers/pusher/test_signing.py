"""The published vectors (providers/pusher.md, 4)."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys

import msgspec
import pytest

from pushwire.core.secrets import Secret
from pushwire.providers.pusher import encryption
from pushwire.providers.pusher.encryption import NONCE_SIZE, CannotDecrypt, decrypt, encrypt
from pushwire.providers.pusher.signing import decode_key, shared_secret, sign_channel, sign_user

DOCS = ("278d425bdf160c739803", Secret("7ad3773142a6692b25b8"))
SDK = ("foo", Secret("bar"))


@pytest.mark.parametrize(
    "app, socket_id, channel, channel_data, digest",
    [
        (DOCS, "1234.1234", "private-foobar", None, "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"),
        (
            DOCS,
            "1234.1234",
            "presence-foobar",
            '{"user_id":10,"user_info":{"name":"Mr. Pusher"}}',
            "afaed3695da2ffd16931f457e338e6c9f2921fa133ce7dac49f529792be6304c",
        ),
        (
            # The page prints the digest of Mr. Pusher beside this one's name.
            DOCS,
            "1234.1234",
            "presence-foobar",
            '{"user_id":10,"user_info":{"name":"Mr. Channels"}}',
            "31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80",
        ),
        (SDK, "345.23", "private-channel", None, "89955e77e1b40e33df6d515a5ecbba86a01dc816a5b720da18a06fd26f7d92ff"),
        (
            SDK,
            "345.43245",
            "presence-channel",
            '{"user_id":"fred","user_info":{"key":"value"}}',
            "e80ba6439492c2113022c39297a87a948de14061cc67b5788e045645a68b8ccd",
        ),
    ],
)
def test_a_channels_signature_is_the_published_one(
    app: tuple[str, Secret], socket_id: str, channel: str, channel_data: str | None, digest: str
) -> None:
    assert sign_channel(*app, socket_id, channel, channel_data) == f"{app[0]}:{digest}"


def test_a_users_signature_is_the_published_one() -> None:
    digest = "4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba"
    assert sign_user(*DOCS, "1234.1234", '{"id":"12345"}') == f"{DOCS[0]}:{digest}"


def test_the_key_of_an_encrypted_channel_is_the_published_one() -> None:
    master = decode_key("OHRXNUZRTG5pUTFzQlFGd3J3N3Q2VFZFc0paZDEweVk=")
    assert master is not None
    key = shared_secret("private-encrypted-channel", master)
    assert base64.b64encode(key) == b"VmIsNZtCSteh8kazd2toc+ofhohBtUouQRSDtRvuyVI="


@pytest.mark.parametrize("text", ["", "c2hvcnQ=", "not base64!", "OHRXNUZRTG5pUTFzQlFGd3J3N3Q2VFZFc0paZDEweVk", "\u00e9"])
def test_what_is_no_key_of_32_bytes_in_base64_is_none(text: str) -> None:
    assert decode_key(text) is None


def sealed(nonce: str, ciphertext: str) -> msgspec.Raw:
    """The data as it comes: JSON in a JSON string."""
    inner = msgspec.json.encode({"nonce": nonce, "ciphertext": ciphertext}).decode()
    return msgspec.Raw(msgspec.json.encode(inner))


def test_the_java_clients_sample_is_deciphered() -> None:
    key = decode_key("iBvNoPVYwByqSfg6anjPpEQ2j051b3rt1Vmnb+z5doo=")
    assert key is not None
    data = sealed("4sVYwy4j/8dCcjyxtPCWyk19GaaViaW9", "/GMESnFGlbNn01BuBjp31XYa3i9vZsGKR8fgR9EDhXKx3lzGiUD501A=")
    assert decrypt(key, data) == '{"message":"hello world"}'


GO = hashlib.sha256(b"private-encrypted-bla" + b"This is a string that is 32 chars").digest()
NONCE, CIPHERTEXT = "sjklahvpWWQgAjTx5FfYHCCxd2AmaL9T", "zoDEe8dA3nDXKsybAWce/hXGW4szJw=="


def test_the_go_sdks_sample_is_deciphered() -> None:
    assert decrypt(GO, sealed(NONCE, CIPHERTEXT)) == "Hello!"


def test_what_is_encrypted_here_is_the_go_sdks_sample() -> None:
    text = encrypt(GO, "Hello!", base64.b64decode(NONCE))
    assert msgspec.json.decode(text) == {"nonce": NONCE, "ciphertext": CIPHERTEXT}
    assert len(base64.b64decode(NONCE)) == NONCE_SIZE


@pytest.mark.parametrize(
    "data",
    [
        msgspec.Raw(),
        msgspec.Raw(b"{}"),
        msgspec.Raw(b'"plain text"'),
        msgspec.Raw(b'{"nonce":1,"ciphertext":2}'),
        msgspec.Raw(b"[" * 100_000),
        sealed("!", CIPHERTEXT),
        sealed(NONCE, "!"),
        sealed("", CIPHERTEXT),
        sealed(NONCE, ""),
        sealed(NONCE, "xoDEe8dA3nDXKsybAWce/hXGW4szJw=="),
        sealed("\u00e9", CIPHERTEXT),
    ],
)
def test_what_the_key_does_not_open_is_told_apart(data: msgspec.Raw) -> None:
    with pytest.raises(CannotDecrypt):
        decrypt(GO, data)


def test_text_that_is_no_utf_8_cannot_be_deciphered() -> None:
    from nacl.secret import SecretBox

    nonce = bytes(NONCE_SIZE)
    parts = (nonce, SecretBox(GO).encrypt(b"\xff", nonce).ciphertext)
    with pytest.raises(CannotDecrypt):
        decrypt(GO, sealed(*(base64.b64encode(part).decode() for part in parts)))


def test_without_pynacl_it_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    assert encryption.available()
    monkeypatch.setitem(sys.modules, "nacl.secret", None)
    assert not encryption.available()


def test_importing_the_provider_loads_no_pynacl() -> None:
    program = "import sys, pushwire.providers.pusher; sys.exit('nacl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
