"""Model files: what is saved is loaded, and what is none is named."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from obftnet.backbones.weights import load_backbone
from obftnet.config import CuesConfig, EncoderConfig
from obftnet.errors import InputError
from obftnet.files import file_hash
from obftnet.model import OBFTNet
from obftnet.safefile import read_safetensors, write_safetensors
from obftnet.weights import DEFAULT, find_weights, load_model, read_notes, save_model, shipped


@pytest.fixture
def saved(tiny_model, tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(path, tiny_model, {"seed": 3, "data": ["a", "b"]})
    return path


def test_a_round_trip_changes_no_bit(saved, tiny_model):
    model, digest = load_model(saved)
    assert digest == file_hash(saved)
    assert model.config == tiny_model.config
    assert not model.training
    expected = tiny_model.state_dict()
    found = model.state_dict()
    assert set(found) == set(expected)
    for key, value in expected.items():
        assert torch.equal(found[key], value), key
        assert found[key].dtype == value.dtype


def test_the_backbone_travels_inside(saved):
    loaded = load_model(saved)[0].backbone
    fresh = load_backbone("compact", "random", seed=0)
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in fresh.state_dict().items())


def test_half_precision_weights_are_stored_in_half_the_bytes(tmp_path):
    torch.manual_seed(0)
    model = OBFTNet(CuesConfig(backbone="compact", cues="a"))
    save_model(tmp_path / "single", model)
    for parameter in model.backbone.parameters():
        parameter.data = parameter.data.half().float()
    save_model(tmp_path / "half", model)
    assert (tmp_path / "half").stat().st_size < 0.7 * (tmp_path / "single").stat().st_size
    loaded = load_model(tmp_path / "half")[0].state_dict()
    for key, value in model.state_dict().items():
        assert torch.equal(loaded[key], value)
        assert loaded[key].dtype == value.dtype


def test_both_readers_and_their_options_travel(tmp_path):
    config = EncoderConfig(backbone="compact", size=64, transport="foreground", background=False, epsilon=0.2)
    save_model(tmp_path / "w", OBFTNet(config))
    assert load_model(tmp_path / "w")[0].config == config


def test_notes(saved, tmp_path, tiny_model):
    assert read_notes(saved) == {"seed": 3, "data": ["a", "b"]}
    save_model(tmp_path / "plain", tiny_model)
    assert read_notes(tmp_path / "plain") == {}


def test_a_run_is_named_by_its_folder(saved):
    assert find_weights(saved.parent) == saved
    assert find_weights(str(saved)) == saved


def test_what_is_shipped_is_found_by_name(monkeypatch, tmp_path):
    for name in shipped():
        assert find_weights(name).is_file()
    if DEFAULT in shipped():
        assert find_weights() == find_weights(DEFAULT)
    monkeypatch.setattr("obftnet.weights.resources.files", lambda _package: tmp_path)
    assert shipped() == []
    (tmp_path / "pretrained").mkdir()
    for name in ("b.safetensors", "a.safetensors", "README.md"):
        (tmp_path / "pretrained" / name).write_bytes(b"")
    assert shipped() == ["a", "b"]
    assert find_weights("a") == tmp_path / "pretrained" / "a.safetensors"
    with pytest.raises(InputError, match=r"c: no such weights; .* one of: a, b"):
        find_weights("c")


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(InputError, match=r"no model\.safetensors in it"):
        find_weights(tmp_path)


def rewritten(path, *, tensors=None, metadata=None):
    """The same file with some of its tensors or metadata exchanged."""
    old, notes = read_safetensors(path)
    write_safetensors(path, old | (tensors or {}), notes | (metadata or {}))
    return path


def test_weights_of_another_architecture(saved):
    other = EncoderConfig(backbone="compact", size=64).model_dump_json()
    with pytest.raises(
        InputError, match=r"another architecture: reader\.\S+ is missing.*reader encoder4d on compact"
    ):
        load_model(rewritten(saved, metadata={"config": other}))
    fewer = CuesConfig(backbone="compact", size=64, cues="ab").model_dump_json()
    with pytest.raises(InputError, match=r"another architecture: .* is of shape \(42,\), \(12,\) is wanted"):
        load_model(rewritten(saved, metadata={"config": fewer}))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("", "configuration cannot be read"),
        ("[]", "configuration cannot be read"),
        ('{"colour": 1}', r"configuration cannot be read \(colour"),
        ('{"backbone": "resnet7"}', "unknown backbone 'resnet7'"),
        ('{"reader": ["cues"]}', "unknown reader"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_configuration_that_is_none(saved, config, message):
    with pytest.raises(InputError, match=message) as caught:
        load_model(rewritten(saved, metadata={"config": config}))
    assert str(caught.value).startswith(str(saved))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("notes", ["", "[]", "[" * 100_000])
def test_notes_that_are_none(saved, notes):
    with pytest.raises(InputError, match="notes"):
        read_notes(rewritten(saved, metadata={"notes": notes}))


def test_what_is_no_model_is_named(saved, tmp_path):
    torch.save({}, tmp_path / "w.pth")
    save_file({"conv1.weight": torch.zeros(1)}, tmp_path / "backbone.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(saved.read_bytes()[:-10])
    for name, message in [
        ("w.pth", "a pickle"),
        ("backbone.safetensors", "not an obftnet model.*named apart"),
        ("cut.safetensors", "not a whole safetensors file"),
        ("none.safetensors", "no such weights"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            load_model(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_file_is_plain_safetensors(saved, tiny_model):
    assert set(load_file(saved)) == set(tiny_model.state_dict())
