"""Files in the form of "CVAT for images 1.1": elements and attributes as CVAT's own dumper writes them
(`dump_as_cvat_annotation`), and as datumaro 1.13.12 exports them; masks as cvat-sdk 2.80.0 encodes them."""

import numpy as np
import pytest

from obftnet.annotations.raster import ellipse
from obftnet.errors import InputError

SQUARE = "10.00,10.00;30.00,10.00;30.00,20.00;10.00,20.00"
POLYGON = f'<polygon label="scratch" source="manual" occluded="0" points="{SQUARE}" z_order="0"></polygon>'


def image(name, shapes, size=(80, 120), number=0, more=""):
    return f'<image id="{number}" name="{name}" {more} width="{size[1]}" height="{size[0]}">{shapes}</image>'


def document(*images):
    head = '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta><task><id>1</id>'
    return f"{head}<mode>annotation</mode></task></meta>{''.join(images)}</annotations>"


@pytest.fixture
def save(tmp_path):
    def write(text, name="in/annotations.xml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def encoded(mask, label="scratch"):
    """A mask as cvat-sdk's `encode_mask` does it: runs along the rows of the box around it."""
    rows, columns = np.nonzero(mask)
    left, top, right, bottom = columns.min(), rows.min(), columns.max(), rows.max()
    flat = mask[top : bottom + 1, left : right + 1].ravel().astype(int)
    runs = np.diff(np.flatnonzero(np.diff(flat, prepend=0, append=1 - flat[-1])), prepend=0)
    return (
        f'<mask label="{label}" source="manual" occluded="0" rle="{", ".join(map(str, runs))}" left="{left}" '
        f'top="{top}" width="{right - left + 1}" height="{bottom - top + 1}" z_order="0"></mask>'
    )


def test_every_shape_that_has_an_area(photo, save, imported, truth, rectangle, tmp_path):
    photo("in/images/a.png")
    save(
        document(
            image(
                "a.png",
                POLYGON
                + encoded(truth)
                + '<box label="scratch" occluded="1" xtl="5.00" ytl="5.00" xbr="8.00" ybr="9.00"></box>'
                + '<box label="scratch" occluded="0" xtl="80" ytl="70" xbr="90" ybr="74" rotation="90"/>'
                + '<ellipse label="scratch" occluded="0" cx="100" cy="20" rx="9" ry="4" rotation="30"/>'
                + '<polyline label="scratch" occluded="0" points="1.00,1.00;5.00,9.00"></polyline>'
                + '<points label="scratch" occluded="0" points="1.00,1.00"></points>'
                + '<polygon label="scratch" outside="1" points="50,1;55,1;55,9"></polygon>'
                + '<tag label="dirty"></tag>',
            )
        )
    )
    (mask,) = imported("cvat", tmp_path / "in").values()
    # A box is turned about its middle: of 10 x 4 around (85, 72), 4 x 10 is left.
    wanted = rectangle(10, 10, 30, 20) | truth | rectangle(5, 5, 8, 9) | rectangle(83, 67, 87, 77)
    assert (mask == wanted | ellipse((100, 20), (9, 4), 30, (80, 120))).all()
    notes = " ".join(imported.result.notes)
    for said in (
        "occluded shapes, marked as others: 1 (a.png box[0])",
        "polyline marks no area",
        "boxes, marked",
    ):
        assert said in notes
    assert "points marks no area, left out: 1 (a.png points[0])" in notes
    assert "outside their image, left out: 1 (a.png polygon[1])" in notes


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_image_that_exif_turns(orientation, photo, save, imported, rectangle):
    # CVAT shows it upright, and so does obftnet.
    size = (120, 80) if orientation >= 5 else (80, 120)
    photo("in/a.jpg", orientation)
    (mask,) = imported("cvat", save(document(image("a.jpg", POLYGON, size)))).values()
    assert (mask == rectangle(10, 10, 30, 20, size)).all()
    assert not imported.result.notes


def test_good_images_are_those_with_such_a_tag(photo, save, imported):
    for name in ("a", "b", "c"):
        photo(f"in/{name}.png")
    path = save(
        document(
            image("a.png", POLYGON),
            image("b.png", '<tag label="Good" source="manual"></tag>', number=1),
            image("c.png", "", number=2),
        )
    )
    assert set(imported("cvat", path)) == {"support/a.png", "background/b.png"}
    # CVAT lists images that nobody opened, too.
    assert "nobody called good, left out: 1 (c.png)" in imported.result.notes[-1]


def test_a_project_has_a_folder_a_subset(photo, save, imported):
    photo("in/images/Train/a.png")
    path = save(document(image("a.png", POLYGON, more='subset="Train" task_id="1"')))
    assert list(imported("cvat", path)) == ["support/a.png"]


BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<annotations><image id="0" name="&b;" width="1" height="1"></image></annotations>"""
SECRET = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<annotations><image id="0" name="&a;" width="1" height="1"></image></annotations>"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "declares types or entities"),
        (SECRET, "declares types or entities"),
        (
            '<!DOCTYPE annotations SYSTEM "http://localhost/x.dtd"><annotations></annotations>',
            "declares types",
        ),
        ("<annotations>", "not XML"),
        ('<?xml version="1.0" encoding="nonsense"?><annotations></annotations>', "not XML"),
        ("", "empty"),
        ("<html></html>", "XML of <html>"),
        ("<annotations></annotations>", "nothing to import"),
        (document('<track id="0" label="scratch"></track>'), "tracks of a video"),
        (document('<image id="3" width="120" height="80"></image>'), "image 3: no name"),
        (document('<image id="3" name="a.png" width="120"></image>'), "height None"),
        (document(image("a.png", POLYGON, (80, 121))), "says 121 x 80 pixels"),
        (document(image("b.png", POLYGON)), "no image 'b.png'"),
        (document(image("../a.png", POLYGON)), "leads out"),
        (document(image("a.png", POLYGON), image("a.png", POLYGON)), "is annotated in"),
        (document(image("a.png", POLYGON.replace("30.00", "nan"))), "polygon[0]: nan"),
        (document(image("a.png", POLYGON.replace("30.00", "x"))), "points 'x'"),
        (document(image("a.png", POLYGON.replace("30.00", "300"))), "a point at (300, 10)"),
        (document(image("a.png", POLYGON.replace(SQUARE, "1,1;2,2"))), "2 point"),
        (document(image("a.png", POLYGON.replace(SQUARE, ""))), "points ''"),
        (document(image("a.png", POLYGON.replace('label="scratch"', ""))), "no label"),
        (document(image("a.png", POLYGON.replace("polygon", "spline"))), "a spline"),
        (
            document(image("a.png", '<mask label="s" rle="1, -2" left="0" top="0" width="9" height="9"/>')),
            "rle",
        ),
        (
            document(image("a.png", '<mask label="s" rle="80" left="0" top="0" width="9" height="9"/>')),
            "80 pixels",
        ),
        (
            document(image("a.png", '<mask label="s" rle="81" left="119" top="0" width="9" height="9"/>')),
            "outside",
        ),
        (document(image("a.png", '<box label="s" xtl="1" ytl="1" xbr="inf" ybr="9"/>')), "box[0]: inf"),
        (document(image("a.png", POLYGON + '<tag label="good"/>')), "said to be good"),
    ],
)
def test_what_cannot_be_used_names_file_and_entry(text, says, photo, save, imported):
    photo("in/a.png")
    path = save(text)
    with pytest.raises(InputError) as error:
        imported("cvat", path)
    assert says in str(error.value)
    assert str(path.parent) in str(error.value)
    assert "\n" not in str(error.value)
