"""A pack file that is damaged, foreign or hostile is refused in one line; what it says is checked."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image
from safetensors import safe_open

from obftnet.errors import InputError
from obftnet.files import file_hash
from obftnet.packs import is_pack, read_pack
from obftnet.packs.content import Content, file_names
from obftnet.packs.file import fitted_hash
from obftnet.segmenter import Segmenter

from .conftest import fit, mask_of, picture


@pytest.fixture(scope="module")
def whole(tmp_path_factory, models) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    (folder / "support").mkdir()
    (folder / "background").mkdir()
    for index in range(2):
        Image.fromarray(picture(index)).save(folder / f"support/s{index}.png")
        Image.fromarray(mask_of()).save(folder / f"support/s{index}_mask.png")
        Image.fromarray(picture(10 + index)).save(folder / f"background/b{index}.jpg")
    fit(folder, models / "coreset.safetensors").save(folder / "a.pack")
    return folder / "a.pack"


def parts(path: Path) -> tuple[dict[str, np.ndarray], dict, dict[str, str]]:
    """Tensors, content and the header's other entries."""
    with safe_open(path, framework="np") as opened:
        metadata = opened.metadata()
        tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    return tensors, json.loads(metadata["content"]), metadata


def put(path: Path, tensors: dict[str, np.ndarray], content: object, **header: str) -> None:
    """A pack as a hostile hand writes it: every hash is right."""
    if isinstance(content, dict) and content.get("fitted"):
        own = {k.removeprefix("fitted/"): v for k, v in tensors.items() if k.startswith("fitted/")}
        content["fitted"]["sha256"] = fitted_hash(own)
    text = json.dumps(content)
    metadata = {
        "format": "obftnet-pack-1",
        "content": text,
        "content_sha256": hashlib.sha256(text.encode()).hexdigest(),
        **header,
    }
    path.write_bytes(safetensors.numpy.save(tensors, metadata))


def test_a_flipped_bit_anywhere_is_found(whole, tmp_path):
    data = whole.read_bytes()
    path = tmp_path / "b.pack"
    rng = np.random.default_rng(0)
    length = int.from_bytes(data[:8], "little")
    refused = []
    places = [*rng.integers(0, 8 + length, 60), *rng.integers(8 + length, len(data), 60)]
    for place in places:
        spoilt = bytearray(data)
        spoilt[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(spoilt)
        try:
            found = read_pack(path)
        except InputError as error:
            refused.append(str(error))
        else:  # a space behind the header: nothing is lost
            want = read_pack(whole)
            assert found.content == want.content
            assert found.files == want.files
            assert fitted_hash(found.fitted) == fitted_hash(want.fitted)
    assert len(refused) > 100
    assert all("\n" not in line and str(path) in line for line in refused)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_pack_is_refused(whole, tmp_path, share):
    data = whole.read_bytes()
    (tmp_path / "b.pack").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match=r"b\.pack: (not a whole|the file is empty)"):
        read_pack(tmp_path / "b.pack")


def test_what_is_no_pack_is_named(whole, models, tmp_path):
    with pytest.raises(InputError, match="an obftnet model, but not a pack"):
        read_pack(models / "cues.safetensors")
    (tmp_path / "other").write_bytes(safetensors.numpy.save({"a": np.zeros(3)}))
    with pytest.raises(InputError, match="a safetensors file, but not a pack"):
        read_pack(tmp_path / "other")
    (tmp_path / "pickle").write_bytes(b"\x80\x04N.")
    with pytest.raises(InputError, match="a pickle"):
        read_pack(tmp_path / "pickle")
    tensors, content, _ = parts(whole)
    put(tmp_path / "new", tensors, content, format="obftnet-pack-2")
    with pytest.raises(InputError, match="a pack of format 2, newer than this version reads"):
        read_pack(tmp_path / "new")
    assert is_pack(whole)
    assert is_pack(tmp_path / "new")
    assert not is_pack(models / "cues.safetensors")
    assert not is_pack(tmp_path)


def content_of(**changes: object) -> Callable[[dict], None]:
    def change(content: dict) -> None:
        for where, value in changes.items():
            *way, last = where.split("__")
            place = content
            for step in way:
                place = place[int(step)] if isinstance(place, list) else place[step]
            place[last] = value

    return change


#: What a hostile hand writes into the description, and a word of the refusal.
DESCRIPTIONS = {
    "name_up": (content_of(images__0__name="../../evil.png"), "not the name of a file alone"),
    "name_root": (content_of(images__0__name="/etc/x.png"), "not the name of a file alone"),
    "name_hidden": (content_of(images__0__name=".bashrc"), "not the name of a file alone"),
    "name_backslash": (content_of(images__0__name="..\\x.png"), "not the name of a file alone"),
    "name_control": (content_of(images__0__name="a\n.png"), "not the name of a file alone"),
    "name_no_image": (content_of(images__0__name="a.exe"), "not the name of an image"),
    "name_long": (content_of(images__0__name="a" * 300 + ".png"), "not the name of a file alone"),
    "kinds_apart": (
        lambda c: [image.update(kind=kind) for image, kind in zip(c["images"], "aba", strict=False)],
        "background none|stand together",
    ),
    "kind_up": (content_of(images__0__kind=".."), "not the name of a file alone"),
    "two_of_one_name": (content_of(images__1__name="S0.png"), "two files of one name"),
    "no_support": (lambda c: c.update(images=c["images"][2:]), "no support"),
    "no_background": (lambda c: c.update(images=c["images"][:2]), "backgrounds"),
    "order": (lambda c: c.update(images=c["images"][::-1]), "supports stand before"),
    "tensor_twice": (content_of(images__1__image={"tensor": "image/0", "sha256": "0" * 64}), "do not agree"),
    "tensor_gone": (content_of(images__1__image={"tensor": "image/9", "sha256": "0" * 64}), "do not agree"),
    "tensor_fitted": (
        content_of(images__1__image={"tensor": "fitted/defect/0", "sha256": "0" * 64}),
        "do not agree",
    ),
    "hash": (content_of(images__0__image__sha256="0" * 64), "image/0 is not as it was written"),
    "threshold": (content_of(decision__threshold=7), "threshold 7: outside the range"),
    "millimetres": (content_of(decision__unit="mm", decision__min_area=3), "needs the scale"),
    "scale": (content_of(scale=-1), "scale"),
    "tile": (content_of(tile=3), "tile: Input should be greater"),
    "bits": (content_of(bits=99), "bits"),
    "more": (content_of(colour="red"), "colour"),
    "part": (content_of(fitted__supports__0__image=9), "of other images"),
    "known": (lambda c: c["fitted"].update(known=c["fitted"]["known"][:2]), "of other images"),
    "no_parts": (content_of(fitted__supports=[]), "of other images"),
    "no_list": (content_of(images=3), "images"),
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_hostile_description_is_refused(name, whole, models, tmp_path):
    change, says = DESCRIPTIONS[name]
    tensors, content, _ = parts(whole)
    change(content)
    named = (
        {one["image"]["tensor"] for one in content["images"]}
        if name.startswith("no_") and name != "no_list"
        else None
    )
    if named is not None and name != "no_parts":
        tensors = {k: v for k, v in tensors.items() if k.startswith("fitted/") or k in named}
    put(tmp_path / "b.pack", tensors, content)
    with pytest.raises(InputError, match=says) as error:
        Segmenter.load(tmp_path / "b.pack", "cpu", weights=models / "coreset.safetensors")
    assert "\n" not in str(error.value)


def tensor(key: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict], None]:
    return lambda tensors: tensors.update({key: np.ascontiguousarray(change(tensors[key]))})


def with_value(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array.reshape(-1)[0] = value
        return array

    return change


#: Tensors that a hostile hand wrote, every hash right.
TENSORS = {
    "nan": tensor("fitted/supports/0", with_value(np.nan)),
    "infinite": tensor("fitted/backgrounds/1", with_value(np.inf)),
    "not_unit": tensor("fitted/supports/0", lambda x: x * 9),
    "zeros_shape": tensor("fitted/supports/0", lambda x: x[..., :0]),
    "fewer_channels": tensor("fitted/supports/0", lambda x: x[:, 1:]),
    "fewer_shots": tensor("fitted/supports/0", lambda x: x[:1]),
    "smaller_map": tensor("fitted/supports/0", lambda x: x[..., 1:, 1:]),
    "flat": tensor("fitted/supports/0", lambda x: x.reshape(-1)),
    "float64": tensor("fitted/supports/0", lambda x: x.astype(np.float64)),
    "half": tensor("fitted/supports/0", lambda x: x.astype(np.float16)),
    "bytes_for_bools": tensor("fitted/defect/0", lambda x: x.astype(np.uint8)),
    "neither_true_nor_false": tensor(
        "fitted/defect/0", lambda x: (x.view(np.uint8) + np.uint8(7)).view(bool)
    ),
    "counts_negative": tensor("fitted/columns/0/counts", with_value(-1)),
    "counts_huge": tensor("fitted/columns/0/counts", with_value(2**62)),
    "counts_none": tensor("fitted/columns/0/counts", lambda x: x * 0),
    "place_beyond": tensor("fitted/columns/0/place", with_value(10**9)),
    "place_negative": tensor("fitted/columns/0/place", with_value(-5)),
    "place_elsewhere": tensor("fitted/columns/0/place", with_value(0)),
    "weight_zero": tensor("fitted/columns/0/weight", with_value(0)),
    "weight_nan": tensor("fitted/columns/0/weight", with_value(np.nan)),
    "defects_other": tensor("fitted/columns/0/defects", with_value(3)),
    "defects_more": tensor("fitted/columns/0/defects", lambda x: np.concatenate([x, x])),
    "defects_negative": tensor("fitted/columns/0/defects", with_value(-1)),
    "ignored_one": lambda tensors: tensors.update({"fitted/ignored/0": tensors["fitted/defect/0"]}),
    "views_channels": tensor("fitted/columns/0/views", lambda x: x[1:]),
    "views_fewer": tensor("fitted/columns/0/views", lambda x: x[:, 1:]),
    "gone": lambda tensors: tensors.pop("fitted/usable/0"),
    "more": lambda tensors: tensors.update({"fitted/x": np.zeros(3, np.float32)}),
    "stranger": lambda tensors: tensors.update({"evil": np.zeros(3, np.float32)}),
    "file_is_a_map": tensor("image/0", lambda x: x.reshape(1, -1)),
}


@pytest.mark.parametrize("name", TENSORS)
def test_a_hostile_tensor_is_refused(name, whole, models, tmp_path):
    tensors, content, _ = parts(whole)
    TENSORS[name](tensors)
    put(tmp_path / "b.pack", tensors, content)
    with pytest.raises(InputError, match=r"b\.pack: .*damaged") as error:
        Segmenter.load(tmp_path / "b.pack", "cpu", weights=models / "coreset.safetensors")
    assert "\n" not in str(error.value)


def test_a_pack_of_another_model_by_a_forged_hash_is_refused(whole, models, tmp_path):
    tensors, content, _ = parts(whole)
    content["fitted"]["weights_sha256"] = file_hash(models / "encoder.safetensors")
    put(tmp_path / "b.pack", tensors, content)
    with pytest.raises(InputError, match="of no guidance of this model"):
        Segmenter.load(tmp_path / "b.pack", "cpu", weights=models / "encoder.safetensors")


def test_names_are_made_plain_and_apart():
    given = [
        ("support", "defect", "/x/a.png", "/x/a_mask.PNG"),
        ("support", "defect", "C:\\y\\A.png", "m"),
        ("support", "dent", "a.png", "m.bmp"),
        ("support", "defect", "b_mask.png", "b"),
        ("support", "defect", "...\x1b?.jpg", "m"),
        ("support", "defect", "", ""),
        ("background", "", "a.png", None),
    ]
    assert file_names(given) == [
        ("a.png", "a_mask.PNG"),
        ("A-2.png", "A-2_mask.png"),
        ("a.png", "a_mask.bmp"),
        ("b_mask-image.png", "b_mask-image_mask.png"),
        ("__.jpg", "___mask.png"),
        ("image.png", "image_mask.png"),
        ("a.png", None),
    ]


def test_the_hash_of_the_guidance_is_that_of_its_content(whole):
    content = read_pack(whole).content
    values = content.model_dump()
    assert Content.model_validate(values | {"scale": 3.0}).guidance_sha256 == content.guidance_sha256
    swapped = values | {"images": (values["images"][1], values["images"][0], *values["images"][2:])}
    assert Content.model_validate(swapped).guidance_sha256 != content.guidance_sha256
