"""Masks as people save them, in folders and in tables."""

import warnings

import numpy as np
import pytest
from PIL import Image, ImageFilter

from obftnet.errors import InputError, InputWarning


def write(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)


def palette(numbers):
    image = Image.fromarray(numbers.astype(np.uint8), "P")
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0])
    return image


def rgba(marked, paint=(255, 0, 0), ground=(0, 0, 0)):
    """Paint on a transparent layer, whose unpainted pixels have any colour."""
    pixels = np.zeros((*marked.shape, 4), np.uint8)
    pixels[..., :3] = np.where(marked[..., None], paint, ground)
    pixels[..., 3] = marked * np.uint8(255)
    return pixels


SAVED = {
    "0_255": lambda m: m * np.uint8(255),
    "0_1": lambda m: m * np.uint8(1),
    "one_bit": lambda m: Image.fromarray(m),
    "16_bit": lambda m: m.astype(np.uint16) * 65535,
    "rgb": lambda m: np.stack([m * np.uint8(255)] * 3, 2),
    "red": lambda m: np.stack([m * np.uint8(200), m * np.uint8(0), m * np.uint8(0)], 2),
    "palette": palette,
    "opaque_rgba": lambda m: np.stack([m * np.uint8(255)] * 3 + [np.full(m.shape, 255, np.uint8)], 2),
    "red_on_transparent": rgba,
    "black_on_transparent": lambda m: rgba(m, (0, 0, 0)),
    "white_on_transparent_white": lambda m: rgba(m, (255, 255, 255), (255, 255, 255)),
}


@pytest.mark.parametrize("saved", SAVED)
@pytest.mark.parametrize("name", ["a_mask.png", "a-mask.png", "a_gt.png", "a_Label.png", "a_masks.png"])
def test_a_mask_beside_its_image(saved, name, photo, imported, truth, tmp_path):
    photo("in/a.jpg")
    write(tmp_path / "in" / name, SAVED[saved](truth))
    with warnings.catch_warnings():
        warnings.simplefilter("error", InputWarning)
        (mask,) = imported("masks", tmp_path / "in").values()
    assert (mask == truth).all()


@pytest.mark.parametrize("name", ["a.png", "a_mask.png", "a_gt.png", "a_label.png"])
@pytest.mark.parametrize("folders", [("images", "masks"), ("img", "ground_truth"), (None, "in")])
def test_masks_in_a_folder_of_their_own(name, folders, photo, imported, truth, tmp_path):
    images, masks = folders
    photo(f"in/{images}/line/a.jpg" if images else "photos/line/a.jpg")
    photo(f"in/{images}/line/b.jpg" if images else "photos/line/b.jpg")
    place = tmp_path / "in" / masks if images else tmp_path / "in"
    write(place / "line" / name, truth * np.uint8(255))
    settings = {} if images else {"images": tmp_path / "photos"}
    found = imported("masks", tmp_path / "in", **settings)
    assert list(found) == ["support/a.jpg"]
    assert (found["support/a.jpg"] == truth).all()
    assert "images without a mask, left out: 1 (b.jpg)" in imported.result.notes


def test_soft_edges_are_cut_at_half_with_a_warning(photo, imported, truth, tmp_path):
    photo("in/a.jpg")
    soft = Image.fromarray(truth * np.uint8(255)).resize((480, 320), Image.Resampling.NEAREST)
    soft = soft.resize((120, 80), Image.Resampling.BICUBIC)
    values = np.asarray(soft.filter(ImageFilter.GaussianBlur(0.5)))
    write(tmp_path / "in/a_mask.png", values)
    with pytest.warns(InputWarning, match="cut at half"):
        (mask,) = imported("masks", tmp_path / "in").values()
    assert (mask == (values > 127)).all()


@pytest.mark.parametrize("cut", [0.25, 0.5, 1])
def test_a_blurred_mask_is_cut_where_the_user_says(cut, photo, imported, truth, tmp_path):
    photo("in/a.jpg")
    values = np.asarray(Image.fromarray(truth * np.uint8(255)).filter(ImageFilter.GaussianBlur(4)))
    values = np.where(truth, np.maximum(values, 255), values).astype(np.uint8)
    write(tmp_path / "in/a_mask.png", values)
    (mask,) = imported("masks", tmp_path / "in", cut=cut).values()
    assert (mask == (values >= np.ceil(255 * cut))).all()


@pytest.mark.parametrize("form", ["grey", "palette", "colours", "layer"])
def test_classes_are_taken_only_where_they_are_chosen(form, photo, imported, rectangle, tmp_path):
    photo("in/a.jpg")
    first, second = rectangle(10, 10, 30, 20), rectangle(50, 50, 60, 60)
    numbers = first * np.uint8(1) + second * np.uint8(2)
    colours = np.zeros((80, 120, 3), np.uint8)
    colours[first], colours[second] = (200, 0, 0), (0, 0, 90)
    layer = np.concatenate([colours, (numbers > 0)[..., None] * np.uint8(255)], axis=2)
    write(
        tmp_path / "in/a_mask.png",
        {"grey": numbers, "palette": palette(numbers), "colours": colours, "layer": layer}[form],
    )
    names = ["1", "2"] if form in ("grey", "palette") else ["#c80000", "#00005a"]
    with pytest.raises(InputError, match="2 values or colours beside black") as error:
        imported("masks", tmp_path / "in")
    assert error.value.parameters == ("labels", "cut")
    assert all(name in str(error.value) for name in names)
    (mask,) = imported("masks", tmp_path / "in", labels=names[1:]).values()
    assert (mask == second).all()


def test_a_black_mask_says_nothing(photo, imported, truth, tmp_path):
    for name in "ab":
        photo(f"in/{name}.jpg")
    write(tmp_path / "in/a_mask.png", truth * np.uint8(255))
    write(tmp_path / "in/b_mask.png", truth * np.uint8(0))
    assert list(imported("masks", tmp_path / "in")) == ["support/a.jpg"]
    assert "nobody called good, left out: 1 (b.jpg)" in imported.result.notes[-1]


def test_a_black_mask_is_a_good_part_where_the_user_says_so(photo, imported, truth, tmp_path):
    for name in "ab":
        photo(f"in/{name}.jpg")
    write(tmp_path / "in/a_mask.png", truth * np.uint8(255))
    write(tmp_path / "in/b_mask.png", truth * np.uint8(0))
    assert "background/b.jpg" in imported("masks", tmp_path / "in", unmarked_good=True)


def test_a_mask_of_an_image_that_exif_turns(photo, imported, rectangle, tmp_path):
    photo("in/a.jpg", 6)
    shown = rectangle(10, 10, 30, 20, (120, 80))
    write(tmp_path / "in/a_mask.png", shown * np.uint8(255))
    (mask,) = imported("masks", tmp_path / "in").values()
    assert (mask == shown).all()


def test_a_mask_of_the_pixels_as_stored(photo, imported, rectangle, tmp_path):
    photo("in/a.jpg", 6)
    stored = rectangle(10, 10, 30, 20)
    write(tmp_path / "in/a_mask.png", stored * np.uint8(255))
    with pytest.raises(InputError, match="EXIF orientation 6 turns it") as error:
        imported("masks", tmp_path / "in")
    assert error.value.parameters == ("as_stored",)
    (mask,) = imported("masks", tmp_path / "in", as_stored=True).values()
    assert (mask == np.rot90(stored, -1)).all()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda m: m[:70] * np.uint8(255), "a mask of 120 x 70 pixels"),
        (lambda m: (np.arange(m.size).reshape(m.shape) % 251).astype(np.uint8), "must hold two"),
        (lambda m: ~m * np.uint8(100) + np.uint8(9), "neither of them 0"),
        (
            lambda m: np.dstack(
                [rgba(m | np.roll(m, 9, 1))[..., :3] * m[..., None], (m | np.roll(m, 9, 1)) * 255]
            ),
            "transparent layer",
        ),
    ],
)
def test_what_is_no_mask(make, says, photo, imported, truth, tmp_path):
    photo("in/a.jpg")
    write(tmp_path / "in/a_mask.png", make(truth).astype(np.uint8))
    with pytest.raises(InputError, match=says):
        imported("masks", tmp_path / "in")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (["in/a.jpg"], "no image with its mask"),
        (["in/a.jpg", "in/a_mask.png", "in/a_gt.png"], "a second mask"),
        (["in/a.jpg", "in/a.png", "in/a_mask.png"], "the same stem"),
        (["in/images/a.jpg", "in/masks/b.png"], "a mask without an image"),
        (["in/images/a.jpg", "in/masks/a.png", "in/gt/a.png"], "folders images, masks, gt in it"),
    ],
)
def test_folders_that_do_not_fit(files, says, photo, imported, truth, tmp_path):
    for name in files:
        photo(name)
    with pytest.raises(InputError, match=says):
        imported("masks", tmp_path / "in")


TABLES = {
    "commas": "image,mask,label\nphotos/a.jpg,masks/a.png,scratch\nphotos/b.jpg,,Good\nphotos/c.jpg,,\n",
    "semicolons": "\ufeffImage;Mask;Label\r\nphotos/a.jpg;masks/a.png;scratch\r\nphotos\\b.jpg;;good\r\n",
    "tabs": "image\tmask\tlabel\n'x'\t\t\n".replace("'x'", "photos/c.jpg")
    + "photos/a.jpg\tmasks/a.png\tscratch\n"
    "photos/b.jpg\t\tok\n",
    "short_rows": "image,label,mask\nphotos/a.jpg,scratch,masks/a.png\n\nphotos/b.jpg,normal\nphotos/c.jpg\n",
    "quoted": 'mask,image,more,label\n"masks/a.png","photos/a.jpg","a, b","scratch"\n,"photos/b.jpg",,good\n',
}


@pytest.mark.parametrize("table", TABLES)
def test_a_table(table, photo, imported, truth, tmp_path):
    for name in "abc":
        photo(f"in/photos/{name}.jpg")
    write(tmp_path / "in/masks/a.png", truth * np.uint8(1))
    (tmp_path / "in/list.csv").write_text(TABLES[table], encoding="utf-8", newline="")
    found = imported("csv", tmp_path / "in/list.csv")
    assert list(found) == ["background/b.jpg", "support/a.jpg"]
    assert (found["support/a.jpg"] == truth).all()
    assert imported.result.kinds == {"scratch": 1}


def test_an_image_with_a_row_a_kind(photo, imported, rectangle, tmp_path):
    photo("in/a.jpg")
    for name, mask in (("1", rectangle(10, 10, 30, 20)), ("2", rectangle(50, 50, 60, 60))):
        write(tmp_path / f"in/{name}.png", mask * np.uint8(255))
    (tmp_path / "in/list.csv").write_text("image,mask,label\na.jpg,1.png,scratch\na.jpg,2.png,dent\n")
    found = imported("csv", tmp_path / "in")
    assert (found["support/scratch/a.jpg"] == rectangle(10, 10, 30, 20)).all()
    assert (found["support/dent/a.jpg"] == rectangle(50, 50, 60, 60)).all()


def test_materials_of_a_table(photo, imported, truth, tmp_path):
    for name in "ab":
        photo(f"in/{name}.jpg")
    write(tmp_path / "in/m.png", truth * np.uint8(255))
    (tmp_path / "in/list.csv").write_text("image,mask,material\na.jpg,m.png,oak\nb.jpg,m.png,../elm\n")
    assert set(imported("csv", tmp_path / "in", layout="mvtec")) == {
        "oak/test/defect/a.jpg",
        "elm/test/defect/b.jpg",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,mask\na.jpg,m.png\n", "columns file, mask"),
        ("image,mask,mask\na.jpg,m.png,m.png\n", "columns image, mask, mask"),
        ("image,mask\na.jpg,m.png,x\n", "line 2: 3 cells for 2 columns"),
        ("image,mask\n,m.png\n", "line 2: no image"),
        ("image,mask\n../a.jpg,m.png\n", "line 2: image '../a.jpg' leads out"),
        ("image,mask\na.jpg,/etc/passwd\n", "line 2: mask '/etc/passwd' leads out"),
        ("image,mask\na.jpg,x.png\n", "line 2: no mask 'x.png'"),
        ("image,mask,label\na.jpg,,scratch\n", "line 2: label 'scratch' and no mask"),
        ("image,mask,label\na.jpg,m.png,good\n", "line 2: label 'good' and a mask"),
        ("image,mask,label\na.jpg,m.png,s\na.jpg,,good\n", "line 3: a.jpg stands in it twice"),
        ("image,mask\na.jpg,list.csv\n", "not an image"),
        ('image,mask\n"a.jpg,m.png\n', "list.csv"),
        ("image\n", "nothing to import"),
        ("", "empty"),
    ],
)
def test_a_table_that_cannot_be_used_names_its_line(text, says, photo, imported, truth, tmp_path):
    photo("in/a.jpg")
    write(tmp_path / "in/m.png", truth * np.uint8(255))
    (tmp_path / "in/list.csv").write_text(text)
    with pytest.raises(InputError) as error:
        imported("csv", tmp_path / "in/list.csv")
    assert says in str(error.value)
    assert "\n" not in str(error.value)
