"""What one process measures of another: which messages, how they travel, and what is done with them. And how both are started."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import attrs
import trustme

from .feeder import SERVER
from .payloads import SIZES

__all__ = ["CA", "Case", "add_case", "certificates", "fed", "feeding"]

CA = "ca.pem"
"""The certificate by which a client knows the feeder."""


@attrs.frozen
class Case:
    """`tls` is the folder of the certificates. Compressed, ACKs are left out: a feeder would have to read them."""

    kind: str
    count: int
    acks: bool = False
    tls: Path | None = None
    deflate: bool = False

    @property
    def name(self) -> str:
        how = ["full ACK cycle" if self.acks else "receive only"]
        how += ["TLS"] if self.tls else []
        how += ["permessage-deflate"] if self.deflate else []
        return f"{SIZES[self.kind]}-byte {self.kind}, {', '.join(how)}"

    @property
    def arguments(self) -> list[str]:
        tls = [] if self.tls is None else ["--tls", str(self.tls)]
        return [self.kind, str(self.count), *["--acks"] * self.acks, *["--deflate"] * self.deflate, *tls]


def add_case(parser: argparse.ArgumentParser) -> None:
    """The arguments of a case."""
    parser.add_argument("kind", choices=list(SIZES))
    parser.add_argument("count", type=int)
    parser.add_argument("--acks", action="store_true")
    parser.add_argument("--deflate", action="store_true")
    parser.add_argument("--tls", type=Path, help="a folder of certificates")


def certificates(folder: Path) -> Path:
    """Make the certificates of a feeder in `folder`, which is returned."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / CA))
    ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / SERVER))
    return folder


@contextmanager
def feeding(feeder: str, arguments: Sequence[str]) -> Generator[tuple[str, IO[str]]]:
    """Run a feeder, a module of this package, meanwhile. Gives its port, and what it says after that."""
    command = [sys.executable, "-m", f"benchmarks.{feeder}", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process.stdout
        finally:
            process.terminate()


def fed(client: str, name: str, port: str, arguments: Sequence[str]) -> Any:  # JSON
    """Run a client, a module of this package, at that port. Returns what it said."""
    command = [sys.executable, "-m", f"benchmarks.{client}", name, port, *arguments]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300).stdout)
