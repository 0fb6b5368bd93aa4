import json

import pytest
import torch
from torch import nn

from obftnet.errors import InputError
from obftnet.safefile import read_safetensors, write_safetensors
from obftnet.training.checkpoint import FILE, load_state, save_state


def make(seed: int, channels: int = 3, kind=torch.optim.AdamW):
    torch.manual_seed(seed)
    reader = nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, channels, 1))
    return reader, kind(reader.parameters(), lr=0.1, foreach=False)


def advance(reader, optimizer, inputs) -> None:
    optimizer.zero_grad()
    reader(inputs).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.Adam])
def test_what_is_loaded_goes_on_as_what_was_saved(tmp_path, kind):
    inputs = torch.randn(4, 2, 3, 3)
    reader, optimizer = make(0, kind=kind)
    advance(reader, optimizer, inputs)
    kept = {"w": torch.arange(3.0)}
    mean = {"w": torch.arange(5.0)}
    save_state(tmp_path, "run", 7, reader, optimizer, {"value": 0.1 + 0.2, "step": 5}, kept, mean)
    other, other_optimizer = make(1, kind=kind)
    found = load_state(tmp_path, "run", other, other_optimizer, 8)
    assert (found.step, found.notes) == (7, {"value": 0.1 + 0.2, "step": 5})
    assert torch.equal(found.best["w"], kept["w"])
    assert torch.equal(found.average["w"], mean["w"])
    for _ in range(2):
        advance(reader, optimizer, inputs)
        advance(other, other_optimizer, inputs)
    assert reader.state_dict().keys() == other.state_dict().keys()
    for key, value in reader.state_dict().items():  # the BatchNorm's running statistics among them
        assert torch.equal(value, other.state_dict()[key]), key


def test_the_state_before_the_first_step_can_be_saved(tmp_path):
    reader, optimizer = make(0)
    save_state(tmp_path, "run", 0, reader, optimizer)
    assert load_state(tmp_path, "run", *make(1), 8) == (0, {}, {}, {})


def test_no_file_is_no_state(tmp_path):
    assert load_state(tmp_path, "run", *make(0), 8) is None


def test_the_state_of_another_model_is_refused(tmp_path):
    save_state(tmp_path, "run", 1, *make(0))
    with pytest.raises(InputError, match=rf"{FILE}: the state of another kind of run"):
        load_state(tmp_path, "run", *make(0, channels=5), 8)


def test_a_cut_off_file_is_refused_by_name(tmp_path):
    save_state(tmp_path, "run", 1, *make(0))
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match=FILE):
        load_state(tmp_path, "run", *make(0), 8)


def test_equal_states_are_equal_files(tmp_path):
    contents = []
    for name in "abcd":
        (tmp_path / name).mkdir()
        reader, optimizer = make(0)
        advance(reader, optimizer, torch.ones(1, 2, 2, 2))
        save_state(tmp_path / name, "run", 3, reader, optimizer)
        contents.append((tmp_path / name / FILE).read_bytes())
    assert len(set(contents)) == 1


def test_another_runs_state_is_refused(tmp_path):
    save_state(tmp_path, "run", 1, *make(0))
    with pytest.raises(InputError, match="the state of another run"):
        load_state(tmp_path, "other", *make(0), 8)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "not the state of a run"),
        ({"step": 9}, "damaged"),
        ({"step": -1}, "damaged"),
        ({"step": "1"}, "damaged"),
        ({"step": True}, "damaged"),
        ({"notes": 3}, "damaged"),
        ({"more": 3}, "not the state of a run"),
        ({"tensors": "0" * 64}, "damaged"),
    ],
)
def test_a_damaged_state_is_refused(tmp_path, said, says):
    save_state(tmp_path, "run", 1, *make(0))
    tensors, metadata = read_safetensors(tmp_path / FILE)
    text = said if isinstance(said, str) else json.dumps(json.loads(metadata["state"]) | said)
    write_safetensors(tmp_path / FILE, tensors, {"state": text})
    with pytest.raises(InputError, match=says) as caught:
        load_state(tmp_path, "run", *make(0), 8)
    assert str(caught.value).startswith(str(tmp_path / FILE))
    assert len(str(caught.value).splitlines()) == 1


def test_changed_tensors_are_noticed(tmp_path):
    reader, optimizer = make(0)
    advance(reader, optimizer, torch.ones(1, 2, 2, 2))
    save_state(tmp_path, "run", 1, reader, optimizer)
    tensors, metadata = read_safetensors(tmp_path / FILE)
    key = next(key for key in tensors if key.endswith("exp_avg"))
    for changed in ({**tensors, key: tensors[key] + 1}, {k: v for k, v in tensors.items() if k != key}):
        write_safetensors(tmp_path / FILE, changed, metadata)
        with pytest.raises(InputError, match="damaged"):
            load_state(tmp_path, "run", *make(0), 8)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_never_saved(tmp_path, value):
    reader, optimizer = make(0)
    reader[1].bias.data[0] = value
    with pytest.raises(InputError, match="NaN, infinite"):
        save_state(tmp_path, "run", 1, reader, optimizer)
    assert not (tmp_path / FILE).exists()
