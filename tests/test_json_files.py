"""Reading JSON: what it says, or one line that names the file and what is wrong."""

import os

import pytest

from obftnet import json_files
from obftnet.errors import InputError
from obftnet.json_files import read_json

WANTED = "a JSON object is wanted"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'{"a": [1, 2.5, null, true, "x"]}', {"a": [1, 2.5, None, True, "x"]}),
        (b"\xef\xbb\xbf[1]", [1]),
        (b"3", 3),
        ('"ä"'.encode(), "ä"),
    ],
)
def test_read(tmp_path, content, value):
    (tmp_path / "a.json").write_bytes(content)
    assert read_json(tmp_path / "a.json", WANTED) == value


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"{", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b'{"a": 1, "a": 2}', "'a' stands in it twice"),
        (b'[{"b": {"x\\n": 1, "x\\n": 2}}]', "twice"),
        (b"[NaN]", "NaN is no number"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
        (b"[1e999]", "1e999 is no number"),
        (b"9" * 5000, "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (b"[1]\0", "not JSON"),
    ],
)
def test_refused(tmp_path, content, says):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        read_json(path, WANTED)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).endswith(WANTED)
    assert len(str(caught.value).splitlines()) == 1


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "none", tmp_path / "pipe"):
        with pytest.raises(InputError, match=str(path)):
            read_json(path, WANTED)


def test_a_file_of_absurd_size_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(json_files, "MAX_BYTES", 10)
    (tmp_path / "a.json").write_text("[1, 2, 3, 4]")
    with pytest.raises(InputError, match="12 bytes, more than the limit of 10"):
        read_json(tmp_path / "a.json", WANTED)
