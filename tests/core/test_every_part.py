"""No part of core that keeps a state is without a test that puts it to any order of inputs."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parents[2] / "src/pushwire/core"

RUNS: Final = {
    "acks.AckSession": "test_machines.py",
    "again.Again": "test_queue_runs.py",
    "around.Around": "test_gate_runs.py",
    "backoff.Backoff": "test_backoff.py",
    "dedupe.Recent": "test_dedupe.py",
    "exchange.Exchange": "test_exchange_runs.py",
    "fallback.Fallback": "test_fallback.py",
    "gaps.Gaps": "test_clock_runs.py",
    "gate.Gated": "test_gate_runs.py",
    "grants.Grants": "test_queue_runs.py",
    "heartbeat.Heartbeat": "test_clock_runs.py",
    "holding.Holding": "test_holding_runs.py",
    "holds.Rows": "test_queue_runs.py",
    "journal_writer.Encoder": "test_journal.py",
    "ledger.Ledger": "test_ledger.py",
    "outbox.Outbox": "test_machines.py",
    "owed.Owed": "test_owed_runs.py",
    "pacing.Pacer": "test_clock_runs.py",
    "pending.Pending": "test_queue_runs.py",
    "ratelimit._Bucket": "test_queue_runs.py",
    "ratelimit.Buckets": "test_queue_runs.py",
    "recording.Recording": "test_journal.py",
    "redial.Redial": "test_session_redial.py",
    "retries.Retries": "test_retries.py",
    "session.Session": "test_machines.py",
    "staleness.Staleness": "test_clock_runs.py",
    "subscriptions.Subscriptions": "test_queue_runs.py",
    "throttle.Throttle": "test_clock_runs.py",
    "timers.Timers": "test_clock_runs.py",
    "waiting.Waiting": "test_queue_runs.py",
}
"""Each class with a state, and where."""
STATELESS: Final = {"journal.RecordedError", "secrets.Redactor", "secrets.Secret"}
"""What does not change once it is made."""


def test_every_class_with_a_state_is_put_to_any_order_of_inputs() -> None:
    found = {
        f"{path.stem}.{node.name}"
        for path in SOURCE.glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
        and any(isinstance(part, ast.FunctionDef) and part.name == "__init__" for part in node.body)
    }
    assert found == RUNS.keys() | STATELESS
    for file in {*RUNS.values()}:
        text = (Path(__file__).parent / file).read_text(encoding="utf-8")
        assert "@given" in text or "explore(" in text or "def wander" in text, file
