"""Hashes of files: of the content alone, read once, and an alarm where a file changes in use."""

import hashlib
import os

import pytest

from obftnet.data.hashes import FileHashes
from obftnet.errors import InputError


def same_times(path, content, like):
    """Another content of the same length, with the times of the old file."""
    path.write_bytes(content)
    os.utime(path, ns=(like.st_atime_ns, like.st_mtime_ns))


def test_the_content_decides(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"abc")
    second.write_bytes(b"abc")
    hashes = FileHashes()
    assert hashes.of(first) == hashes.of(second) == hashlib.sha256(b"abc").hexdigest()


def test_a_file_is_read_once(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    hashes = FileHashes()
    expected = hashes.of(path)
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert hashes.of(path) == expected
    hashes.check()


@pytest.mark.parametrize("alone", [True, False])
def test_a_file_that_changes_is_found_whatever_its_times_say(tmp_path, alone):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    hashes = FileHashes()
    hashes.of(path)
    same_times(path, b"abd", path.stat())
    with pytest.raises(InputError, match="changed while it was in use"):
        hashes.check([path] if alone else None)


def test_a_file_written_again_with_the_same_content_is_the_same(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    hashes = FileHashes()
    hashes.of(path)
    path.unlink()
    path.write_bytes(b"abc")
    hashes.check()


def test_only_what_was_hashed_is_checked(tmp_path):
    FileHashes().check([tmp_path / "none"])
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    hashes = FileHashes()
    hashes.of(path)
    path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        hashes.check()
