"""The weights that ship: found by name wherever weights are named, whole, and small enough to ship."""

from pathlib import Path

import numpy as np
import pytest

from obftnet import Segmenter
from obftnet.errors import InputError
from obftnet.files import file_hash
from obftnet.imaging import write_png
from obftnet.synthetic import Material
from obftnet.weights import DEFAULT, find_weights, load_model, read_notes, shipped

PAPER = "obftnet-paper"
NAMES = [DEFAULT, PAPER]


@pytest.fixture(scope="module")
def part():
    """A generated material: three images of one kind of defect, one of another, two good ones."""
    material = Material.from_seed(20_000_000, "leather")
    first, second = material.defect_kinds(2)
    pairs = [material.defective(index, first, 96) for index in range(3)]
    other = material.defective(4, second, 96)
    return pairs, other, [material.good(index, 96) for index in range(2)]


def test_the_names_that_ship():
    assert shipped() == NAMES
    with pytest.raises(
        InputError, match=r"obftnet-papers: no such weights; .* obftnet-compact, obftnet-paper$"
    ):
        find_weights("obftnet-papers")


@pytest.mark.parametrize("name", NAMES)
def test_they_are_small_whole_and_trained_on_generated_images(name):
    path = find_weights(name)
    assert path.stat().st_size <= 8_000_000
    model, digest = load_model(name)
    assert digest == file_hash(path)
    assert {bool(np.isfinite(x.numpy()).all()) for x in model.state_dict().values()} == {True}
    # Materials of the generator are called by family and number.
    families = read_notes(path)["trained_on"]
    assert families
    assert all(material.startswith(f"{family}_") for family, of in families.items() for material in of)


def test_the_papers_are_the_papers():
    config = load_model(PAPER)[0].config
    assert (config.reader, config.transport, config.background) == ("encoder4d", "bilateral", True)
    assert config.fusion == "bidirectional"


@pytest.mark.parametrize("tile", [None, 96])
def test_the_papers_segment_several_kinds_by_several_shots_and_good_images(part, tile):
    pairs, other, good = part
    segmenter = Segmenter.from_pretrained(PAPER, "cpu", tile=tile)
    segmenter.fit({"one": pairs[:2], "other": [other]}, good)
    image, _ = pairs[2]
    found = segmenter.predict(np.tile(image, (1, 2, 1)) if tile else image)
    assert found.score.shape == ((96, 192) if tile else (96, 96))
    assert ((found.score >= 0) & (found.score <= 1)).all()
    assert found.score.std() > 0
    assert segmenter.weights_name == PAPER


def test_a_pack_of_the_papers_loads_by_name_to_the_same_scores(part, tmp_path):
    pairs, _, good = part
    segmenter = Segmenter.from_pretrained(PAPER, "cpu").fit(pairs[:1], good)
    segmenter.save(tmp_path / "a.pack")
    again = Segmenter.load(tmp_path / "a.pack", "cpu")
    assert again.weights_name == PAPER
    assert np.array_equal(segmenter.predict(pairs[2][0]).score, again.predict(pairs[2][0]).score)


def test_commands_take_the_name(obftnet, part, tmp_path: Path):
    pairs, _, good = part
    guidance = tmp_path / "guidance"
    for place, image in (
        (guidance / "support" / "a.png", pairs[0][0]),
        (guidance / "background" / "b.png", good[0]),
        (tmp_path / "photos" / "c.png", pairs[2][0]),
    ):
        write_png(place, (image * 255).astype("uint8"))
    write_png(guidance / "support" / "a_mask.png", pairs[0][1].astype("uint8") * 255)
    named = ("--guidance", guidance, "--weights", PAPER)
    status, _, err = obftnet("segment", tmp_path / "photos", *named, "--out", tmp_path / "found")
    assert status == 0, err
    assert (tmp_path / "found" / "c_mask.png").is_file()
    pack = tmp_path / "a.pack"
    assert obftnet("fit", *named, "--out", pack)[0] == 0
    assert PAPER in obftnet("pack", "show", pack)[1]
    status, _, err = obftnet("export", "--pack", pack, "--out", tmp_path / "exported")
    assert status == 2
    assert err.strip().count("\n") == 0
    assert not (tmp_path / "exported").exists()
    status, _, err = obftnet(
        "segment", tmp_path / "photos", *named[:2], "--weights", "paper", "--out", tmp_path / "no"
    )
    assert status == 2
    assert "obftnet-compact, obftnet-paper" in err
