"""Filling a backbone: files, published weights, seeds, and what cannot be used."""

import hashlib
import pickle
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file

from obftnet.backbones.weights import load_backbone
from obftnet.errors import InputError


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder for torchvision's downloads, and no network."""

    def refuse(*_args, **_options):
        raise URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr("torch.hub.urlopen", refuse)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def published(build, file: str, folder) -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    state = build(weights=None).state_dict()
    torch.save(state, folder / file)
    return state


def test_a_seed_is_a_backbone():
    one, same, other = (load_backbone("compact", "random", seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not all(torch.equal(one[key], other[key]) for key in one)


def test_drawing_weights_leaves_the_random_state_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    load_backbone("compact", "random", seed=5)
    assert torch.equal(torch.rand(3), expected)


def test_a_file_fills_every_tensor(mobilenet_weights):
    state = load_backbone("mobilenet_v2", mobilenet_weights).network.state_dict()
    stored = load_file(mobilenet_weights)
    for key, value in state.items():
        if not key.endswith("num_batches_tracked"):
            assert torch.equal(value, stored[key].to(value.dtype)), key
            assert value.dtype == torch.float32


def test_a_file_in_torchvisions_names_without_counters(tmp_path):
    torch.manual_seed(3)
    stored = {
        k: v
        for k, v in torchvision.models.mobilenet_v2(weights=None).state_dict().items()
        if v.is_floating_point()
    }
    save_file(stored, tmp_path / "w.safetensors")
    state = load_backbone("mobilenet_v2", str(tmp_path / "w.safetensors")).network.state_dict()
    assert all(torch.equal(value, stored[key]) for key, value in state.items() if value.is_floating_point())


def test_weights_of_another_architecture(mobilenet_weights, tmp_path):
    with pytest.raises(
        InputError, match=r"mobilenet_v2\.safetensors: not weights of resnet50: .* missing.*conv1\.weight"
    ):
        load_backbone("resnet50", mobilenet_weights)
    state = load_backbone("compact", "random").network.state_dict()
    key = "stem.2.0.weight"
    save_file(state | {key: torch.zeros(5, 32, 3, 3)}, tmp_path / "w.safetensors")
    with pytest.raises(
        InputError, match=r"stem\.2\.0\.weight is \(5, 32, 3, 3\), it must be \(48, 32, 3, 3\)"
    ):
        load_backbone("compact", tmp_path / "w.safetensors")


def test_a_pickle_is_never_opened(tmp_path):
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"w\.pth: a pickle.*safetensors"):
        load_backbone("resnet50", tmp_path / "w.pth")


def test_a_truncated_file(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file(load_backbone("compact", "random").network.state_dict(), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"w\.safetensors: not a whole safetensors file"):
        load_backbone("compact", path)
    with pytest.raises(InputError, match="no such file"):
        load_backbone("compact", tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("name", "build", "file"),
    [
        ("mobilenet_v2", torchvision.models.mobilenet_v2, "mobilenet_v2-b0353104.pth"),
        ("resnet50", torchvision.models.resnet50, "resnet50-0676ba61.pth"),
    ],
)
def test_published_weights_that_are_on_the_machine(hub, name, build, file, monkeypatch):
    # torchvision's ResNet file counts no batches; its classifier is not ours.
    stored = published(build, file, hub)
    torch.save({k: v for k, v in stored.items() if not k.endswith("num_batches_tracked")}, hub / file)
    digest = hashlib.sha256((hub / file).read_bytes()).hexdigest()
    file = (hub / file).rename(hub / f"{name}-{digest[:8]}.pth").name
    monkeypatch.setattr(torchvision.models, "get_weight", lambda _: SimpleNamespace(url=f"https://x/{file}"))
    state = load_backbone(name).network.state_dict()
    assert all(torch.equal(value, stored[key]) for key, value in state.items())


class Ran(Exception):  # noqa: N818
    """Code that came with a file has run."""


class Dangerous:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return _run, ()


def _run():
    raise Ran


@pytest.mark.parametrize("how", ["other tensors", "code", "cut", "empty", "folder", "link"])
def test_published_weights_that_are_not_what_their_name_says_are_never_opened(hub, how):
    path = hub / "mobilenet_v2-b0353104.pth"
    if how == "folder":
        path.mkdir()
    elif how == "link":
        path.symlink_to("nothing")
    elif how == "code":
        path.write_bytes(pickle.dumps(Dangerous()))
    elif how == "empty":
        path.write_bytes(b"")
    else:
        published(torchvision.models.mobilenet_v2, path.name, hub)
        path.write_bytes(path.read_bytes()[: -10 if how == "cut" else None])
    with pytest.raises(InputError, match=r"mobilenet_v2-b0353104\.pth: ") as caught:
        load_backbone("mobilenet_v2")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "file"), [("vgg16", "vgg16-397923af.pth"), ("resnet50", "resnet50-0676ba61.pth")]
)
def test_published_weights_that_cannot_be_fetched(hub, name, file):
    with pytest.raises(InputError, match="name a safetensors file") as caught:
        load_backbone(name)
    message = str(caught.value)
    assert file in message
    assert str(hub) in message
    assert "no network" in message
    assert "\n" not in message
    assert not list(hub.iterdir())


def test_a_network_of_our_own_has_no_published_weights():
    with pytest.raises(InputError, match=r"compact: there are no published weights.*name a safetensors file"):
        load_backbone("compact")
