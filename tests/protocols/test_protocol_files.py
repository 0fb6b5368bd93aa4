import pytest
from pydantic import ValidationError

from obftnet.data import LAYOUTS
from obftnet.errors import InputError
from obftnet.protocols import DataProtocol, names, read_protocol

MINIMAL = {
    "about": "a",
    "source": "s",
    "layout": "mvtec",
    "background_source": "good",
    "folds": {"f": ["m"]},
    "materials": {"m": {"kinds": {"good": 1}}},
}


@pytest.mark.parametrize("name", names())
def test_every_protocol_is_valid(name):
    protocol = read_protocol(name)
    assert protocol.layout in LAYOUTS


def test_mvtec_unseen_is_table_one():
    protocol = read_protocol("mvtec_unseen")
    assert list(protocol.folds) == ["carpet", "leather", "tile", "wood", "grid"]
    defects = {
        material: sum(count for kind, count in facts.kinds.items() if kind != "good")
        for material, facts in protocol.materials.items()
    }
    assert defects == {"carpet": 89, "leather": 92, "tile": 84, "wood": 60, "grid": 57}
    assert sum(len(facts.kinds) - 1 for facts in protocol.materials.values()) == 25
    # The paper's backgrounds are train/good; MVTec AD has these many more in test/good.
    train, test = (280, 245, 230, 247, 264), (28, 32, 33, 19, 21)
    good = [facts.kinds["good"] for facts in protocol.materials.values()]
    assert good == [a + b for a, b in zip(train, test, strict=True)]
    assert tuple(facts.backgrounds for facts in protocol.materials.values()) == train


def test_mvtec_partial_is_a_part_of_mvtec_unseen():
    part, whole = read_protocol("mvtec_partial"), read_protocol("mvtec_unseen")
    assert list(part.folds.items()) == list(whole.folds.items())
    for material, facts in part.materials.items():
        assert set(facts.kinds) <= set(whole.materials[material].kinds)
    assert part.materials["grid"].kinds == whole.materials["grid"].kinds | {"good": 21}
    assert "carpet has one kind of five" in part.missing
    assert whole.missing == ""


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(InputError, match="there are: mvtec_partial, mvtec_unseen, neu_seg_transfer, pool"):
        read_protocol("pascal")


@pytest.mark.parametrize(
    "change",
    [
        {"folds": {"f": ["other"]}},
        {"folds": {"f": ["m"], "g": ["m"]}},
        {"folds": {}},
        {"layout": "coco"},
        {"colour": "red"},
        {"materials": {"m": {"kinds": {"good": 1}, "sha256": "abc"}}},
    ],
)
def test_a_protocol_that_is_not_sound_is_refused(change):
    DataProtocol.model_validate(MINIMAL)
    with pytest.raises(ValidationError):
        DataProtocol.model_validate(MINIMAL | change)
