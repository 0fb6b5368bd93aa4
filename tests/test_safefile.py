"""Safetensors in and out."""

import hashlib

import pytest
import torch
from safetensors.torch import load_file, save_file

from obftnet.errors import InputError
from obftnet.files import file_hash
from obftnet.safefile import compact, read_safetensors, tensors_hash, write_safetensors


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "w.safetensors"
    tensors = {"a": torch.randn(3, 4).T, "b": torch.arange(5), "c": torch.tensor(1.5).half()}
    write_safetensors(path, tensors, {"note": "x"})
    found, metadata = read_safetensors(path)
    assert metadata == {"note": "x"}
    assert set(found) == set(tensors)
    for key, value in tensors.items():
        assert torch.equal(found[key], value)
        assert found[key].dtype == value.dtype
    assert [file.name for file in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        write_safetensors(tmp_path / "file" / "w.safetensors", {"a": torch.zeros(1)}, {})
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_failed_write_keeps_what_was_there(tmp_path):
    path = tmp_path / "w.safetensors"
    write_safetensors(path, {"a": torch.ones(2)}, {})
    shared = torch.zeros(4)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it is, the old file stays
        write_safetensors(path, {"a": shared, "b": shared}, {"not": object()})
    assert torch.equal(load_file(path)["a"], torch.ones(2))
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_no_safetensors_file_is_named(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "zip.pt")
    torch.save({"a": torch.zeros(1)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("weights " * 20)
    save_file({"a": torch.zeros(100)}, tmp_path / "cut")
    (tmp_path / "cut").write_bytes((tmp_path / "cut").read_bytes()[:-4])
    for name, message in [
        ("zip.pt", "a pickle"),
        ("old.pt", "a pickle"),
        ("empty", "the file is empty"),
        ("text", "not a whole safetensors file"),
        ("cut", "not a whole safetensors file"),
        ("absent", "no such file"),
        (".", "is a folder"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            read_safetensors(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_header_length_that_looks_like_a_pickle_is_none(tmp_path):
    path = tmp_path / "w.safetensors"
    for length in range(1, 400):
        save_file({"a": torch.zeros(2)}, path, {"note": "x" * length})
        if path.read_bytes()[:1] == b"\x80":
            break
    else:
        pytest.fail("no header of such a length came up")
    assert torch.equal(read_safetensors(path)[0]["a"], torch.zeros(2))


def test_compaction_loses_nothing():
    tensors = {
        "half": torch.randn(50).half().float(),
        "single": torch.tensor([1 / 3]),
        "large": torch.tensor([1e6]),
        "small": torch.tensor([1e-9]),
        "special": torch.tensor([float("inf"), -0.0]),
        "unknown": torch.tensor([float("nan")]),
        "count": torch.tensor(7),
        "double": torch.tensor([0.5], dtype=torch.float64),
    }
    small = compact(tensors)
    types = {key: value.dtype for key, value in small.items()}
    assert [key for key in types if types[key] == torch.float16] == ["half", "special"]
    for key, value in tensors.items():
        back = small[key].to(value.dtype)
        assert torch.equal(back, value) or (key == "unknown" and bool(back.isnan().all()))
        assert torch.equal(back.signbit(), value.signbit())


def test_hashes(tmp_path):
    (tmp_path / "f").write_bytes(b"abc" * 1_000_000)
    assert file_hash(tmp_path / "f") == hashlib.sha256(b"abc" * 1_000_000).hexdigest()
    a, b = torch.arange(6.0).reshape(2, 3), torch.zeros(1)
    base = tensors_hash({"a": a, "b": b})
    assert tensors_hash({"b": b.clone(), "a": a.T.contiguous().T}) == base
    for other in ({"a": a + 1, "b": b}, {"a": a.T, "b": b}, {"a": a.double(), "b": b}, {"c": a, "b": b}):
        assert tensors_hash(other) != base


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_values_that_are_no_numbers_are_neither_read_nor_written(tmp_path, value, dtype):
    tensors = {"good": torch.ones(2), "bad": torch.tensor([1.0, value], dtype=dtype)}
    with pytest.raises(InputError, match="bad has values that are NaN, infinite"):
        write_safetensors(tmp_path / "w", tensors, {})
    assert not list(tmp_path.iterdir())
    save_file(tensors, tmp_path / "w")
    with pytest.raises(InputError, match="bad has values that are NaN, infinite"):
        read_safetensors(tmp_path / "w")


def test_floats_of_eight_bits_and_whole_numbers_are_read(tmp_path):
    tensors = {"a": torch.ones(2, dtype=torch.float8_e4m3fn), "b": torch.ones(2, dtype=torch.int64)}
    save_file(tensors, tmp_path / "w")
    assert set(read_safetensors(tmp_path / "w")[0]) == {"a", "b"}
