"""Tokens in a file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pushwire.core.secrets import Secret
from pushwire.core.tokens import Tokens
from pushwire.errors import StoreError
from pushwire.shell.token_file import FileTokenStore

FULL = Tokens(Secret("access"), 1000.5, 1600.5, Secret("refresh"))
BARE = Tokens(Secret("access"), 1000.5)


@pytest.mark.parametrize("tokens", [FULL, BARE])
async def test_what_was_saved_is_loaded_by_the_next_process(tmp_path: Path, tokens: Tokens) -> None:
    await FileTokenStore(tmp_path / "tokens").save(BARE)
    await FileTokenStore(tmp_path / "tokens").save(tokens)
    assert await FileTokenStore(tmp_path / "tokens").load() == tokens
    assert os.listdir(tmp_path) == ["tokens"]


async def test_nothing_saved_is_nothing_loaded(tmp_path: Path) -> None:
    assert await FileTokenStore(tmp_path / "tokens").load() is None


async def test_the_file_is_its_owners_alone_whatever_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    for name in ("tokens", "tokens.new"):
        (tmp_path / name).write_text("left by a crash")
        (tmp_path / name).chmod(0o666)
    await FileTokenStore(path).save(FULL)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await FileTokenStore(path).load() == FULL


async def test_a_path_without_a_folder_is_in_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    await FileTokenStore("tokens").save(FULL)
    assert (tmp_path / "tokens").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"access": "", "issued": 1}', '{"access": 7, "issued": 1}', "\udcff"])
async def test_a_file_that_holds_something_else_is_an_error_that_names_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokens"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(StoreError, match="it does not hold tokens") as caught:
        await FileTokenStore(path).load()
    assert str(path) in str(caught.value)


async def test_a_file_that_cannot_be_read_or_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="folder: Is a directory"):
        await FileTokenStore(tmp_path / "folder").load()
    with pytest.raises(StoreError, match="tokens: No such file or directory"):
        await FileTokenStore(tmp_path / "nowhere" / "tokens").save(FULL)


async def test_a_save_that_fails_leaves_the_old_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileTokenStore(tmp_path / "tokens")
    await store.save(BARE)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="No space left on device"):
            await store.save(FULL)
    assert await store.load() == BARE


def test_it_shows_its_path() -> None:
    assert repr(FileTokenStore("x/tokens")) == "FileTokenStore('x/tokens')"
