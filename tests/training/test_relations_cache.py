import os
import shutil
from dataclasses import replace

import pytest
import torch
from PIL import Image

from obftnet.config import model_config
from obftnet.data.hashes import FileHashes
from obftnet.errors import InputError
from obftnet.loading.features import EpisodeReader
from obftnet.loading.relations import Relations
from obftnet.model import OBFTNet
from obftnet.training.config import TrainConfig
from obftnet.training.steps import episodes_of


@pytest.fixture
def episodes(collection, folds):
    return [episodes_of(collection, folds, TrainConfig(shots=2), 0, slot)[0] for slot in range(3)]


@pytest.fixture
def make(backbone, monkeypatch):
    """Relations of a model configuration, and a list that grows with every one that is computed."""

    def make(folder=None, weights_hash="w", **config):
        model = OBFTNet(model_config({"backbone": "compact", "size": 64, **config}), backbone)
        relations = Relations(model, EpisodeReader(model), weights_hash, FileHashes(), folder)
        computed = []
        compute = relations._compute
        monkeypatch.setattr(
            relations, "_compute", lambda episode: computed.append(episode) or compute(episode)
        )
        return relations, computed

    return make


def same(first, second, **tolerance):
    assert (first.shots, len(first.levels)) == (second.shots, len(second.levels))
    for a, b in zip(first.tensors(), second.tensors(), strict=True):
        assert a.dtype == b.dtype == torch.float32
        torch.testing.assert_close(a, b, **tolerance)


@pytest.mark.parametrize(
    "options", [{"reader": "cues"}, {"reader": "cues", "query_skip": True}, {"reader": "encoder4d"}]
)
def test_kept_relations_are_the_computed_ones_in_half_precision(make, episodes, tmp_path, options):
    plain, _ = make(**options)
    cached, computed = make(tmp_path, **options)
    for episode in episodes:
        first = cached.get(episode)
        same(first, plain.get(episode), rtol=2e-3, atol=1e-4)
        same(cached.get(episode), first, rtol=0, atol=0)
    assert computed == episodes


def test_another_run_finds_what_was_kept(make, episodes, tmp_path):
    first, _ = make(tmp_path, reader="cues")
    second, computed = make(tmp_path, reader="cues")
    kept = first.get(episodes[1])
    same(second.get(episodes[1]), kept, rtol=0, atol=0)
    assert computed == []


def test_what_changes_a_relation_is_not_confused(make, episodes, tmp_path):
    asked = [
        ({}, episodes[0]),
        ({}, episodes[1]),
        ({"weights_hash": "other"}, episodes[0]),
        ({"epsilon": 0.1}, episodes[0]),
        ({"cues": "abns"}, episodes[0]),
        ({"reader": "encoder4d"}, episodes[0]),
    ]
    for options, episode in asked:
        relations, computed = make(tmp_path, **{"reader": "cues", **options})
        relations.get(episode)
        assert computed == [episode], options
    assert len(list(tmp_path.rglob("*.npz"))) == len(asked)


def test_what_does_not_change_a_relation_is_shared(make, episodes, tmp_path):
    make(tmp_path, fusion="bidirectional")[0].get(episodes[0])
    other, computed = make(tmp_path, fusion="top_down", shots_rule="vote")
    other.get(episodes[0])
    assert computed == []


@pytest.mark.parametrize("size", [0, 10, 900, -40])
def test_a_file_that_was_cut_off_is_made_again(make, episodes, tmp_path, size):
    first, _ = make(tmp_path, reader="cues")
    whole = first.get(episodes[0])
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:size])
    second, computed = make(tmp_path, reader="cues")
    same(second.get(episodes[0]), whole, rtol=0, atol=0)
    assert computed == [episodes[0]]
    third, computed = make(tmp_path, reader="cues")
    third.get(episodes[0])
    assert computed == []
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_changed_bytes_inside_a_file_are_noticed(make, episodes, tmp_path):
    first, _ = make(tmp_path, reader="cues")
    whole = first.get(episodes[0])
    (path,) = tmp_path.rglob("*.npz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    same(make(tmp_path, reader="cues")[0].get(episodes[0]), whole, rtol=0, atol=0)


def test_a_file_under_another_name_is_not_taken(make, episodes, tmp_path):
    first, _ = make(tmp_path, reader="cues")
    whole = [first.get(episode) for episode in episodes[:2]]
    one, other = sorted(tmp_path.rglob("*.npz"))
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    again, computed = make(tmp_path, reader="cues")
    for episode, expected in zip(episodes, whole, strict=False):
        same(again.get(episode), expected, rtol=0, atol=0)
    assert computed == episodes[:2]


def test_only_what_files_hold_counts(make, episodes, tmp_path):
    """Neither a time nor a place makes an image another; one changed byte does, times being equal."""
    folder = tmp_path / "cache"
    make(folder, reader="cues")[0].get(episodes[0])
    copy = tmp_path / "copy.png"
    shutil.copyfile(episodes[0].query.image, copy)
    moved = replace(episodes[0], query=replace(episodes[0].query, image=copy))
    again, computed = make(folder, reader="cues")
    again.get(moved)
    assert computed == []
    status = copy.stat()
    Image.open(copy).transpose(Image.Transpose.ROTATE_180).save(copy)
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
    again, computed = make(folder, reader="cues")
    again.get(moved)
    assert computed == [moved]


def test_a_file_that_changes_while_it_is_related_is_refused(make, episodes, tmp_path):
    copy = tmp_path / "copy.png"
    shutil.copyfile(episodes[0].query.image, copy)
    moved = replace(episodes[0], query=replace(episodes[0].query, image=copy))
    relations, _ = make(tmp_path / "cache", reader="cues")
    compute = relations._compute

    def disturbed(episode):
        Image.open(copy).transpose(Image.Transpose.ROTATE_180).save(copy)
        return compute(episode)

    relations._compute = disturbed
    with pytest.raises(InputError, match=r"copy\.png: changed while it was in use"):
        relations.get(moved)
    assert not list(tmp_path.rglob("*.npz"))
