import pytest
import torch
from torch import nn

from obftnet.errors import InputError
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
    save_state(tmp_path, 7, reader, optimizer, {"best": 0.1 + 0.2, "best_step": 5})
    other, other_optimizer = make(1, kind=kind)
    assert load_state(tmp_path, other, other_optimizer) == {"step": 7, "best": 0.1 + 0.2, "best_step": 5}
    for _ in range(2):
        advance(reader, optimizer, inputs)
        advance(other, other_optimizer, inputs)
    assert reader.state_dict().keys() == other.state_dict().keys()
    for key, value in reader.state_dict().items():  # the BatchNorm's running statistics among them
        assert torch.equal(value, other.state_dict()[key]), key


def test_the_state_before_the_first_step_can_be_saved(tmp_path):
    reader, optimizer = make(0)
    save_state(tmp_path, 0, reader, optimizer, {})
    assert load_state(tmp_path, *make(1)) == {"step": 0}


def test_no_file_is_no_state(tmp_path):
    assert load_state(tmp_path, *make(0)) is None


def test_the_state_of_another_model_is_refused(tmp_path):
    save_state(tmp_path, 1, *make(0), {})
    with pytest.raises(InputError, match=rf"{FILE}: the state of another kind of run"):
        load_state(tmp_path, *make(0, channels=5))


def test_a_cut_off_file_is_refused_by_name(tmp_path):
    save_state(tmp_path, 1, *make(0), {})
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match=FILE):
        load_state(tmp_path, *make(0))


def test_equal_states_are_equal_files(tmp_path):
    contents = []
    for name in "abcd":
        (tmp_path / name).mkdir()
        reader, optimizer = make(0)
        advance(reader, optimizer, torch.ones(1, 2, 2, 2))
        save_state(tmp_path / name, 3, reader, optimizer, {"best": None})
        contents.append((tmp_path / name / FILE).read_bytes())
    assert len(set(contents)) == 1
