"""A project's folder: what the page did is what the command line reads, and a kill loses nothing."""

import json

import numpy as np
import pytest
from PIL import Image

from obftnet import InputError
from obftnet.data.layouts.guidance import read_guidance
from obftnet.imaging.read import read_mask
from obftnet.ui.painting import Stroke
from obftnet.ui.strokes import StaleError
from obftnet.ui.workspace import Workspace

from .conftest import photo

DOT = Stroke(tool="brush", points=[(40, 30)], radius=10)


def put(workspace: Workspace, tmp_path, role: str, name: str = "a.png", seed: int = 0):
    return workspace.add(photo(tmp_path / "given" / name, seed), name, role)


def test_what_is_painted_is_a_guidance_folder(project, tmp_path):
    workspace = Workspace(project)
    image = put(workspace, tmp_path, "defect")
    put(workspace, tmp_path, "good", "b.png", 1)
    workspace.strokes(image).add(DOT, 0)
    workspace.write_masks()
    found = read_guidance(workspace.guidance)
    assert [path.name for path in found.supports[0]] == ["a.png", "a_mask.png"]
    mask = read_mask(found.supports[0][1])
    assert np.array_equal(mask, workspace.strokes(image).painting().level(0, (0, 0), mask.shape) == 1)


def test_images_are_kept_byte_for_byte(project, tmp_path):
    given = photo(tmp_path / "given" / "a.jpg")
    before = given.read_bytes()
    assert Workspace(project).add(given, "a.jpg", "good").path.read_bytes() == before


@pytest.mark.parametrize("killed", ["before the mask", "after the mask", "before the hash"])
def test_a_killed_server_begun_again_shows_every_stroke(project, tmp_path, killed):
    workspace = Workspace(project)
    image = put(workspace, tmp_path, "defect")
    strokes = workspace.strokes(image)
    strokes.add(DOT, 0)
    strokes.add(Stroke(tool="brush", points=[(90, 70)], radius=4), 1)
    before = strokes.record
    if killed != "before the mask":
        workspace.write_masks()
    if killed == "before the hash":
        (project / "strokes" / "a.png.json").write_text(json.dumps(before.model_dump(mode="json")))
    again = Workspace(project)
    assert again.strokes(again.image("a.png")).record.strokes == before.strokes
    again.write_masks()
    assert read_mask(image.mask).sum() == before.marked


def test_undo_and_redo_outlive_the_process(project, tmp_path):
    image = put(workspace := Workspace(project), tmp_path, "defect")
    workspace.strokes(image).add(DOT, 0)
    workspace.strokes(image).undo(1)
    strokes = Workspace(project).strokes(image)
    assert strokes.record.marked == 0
    strokes.redo(2)
    assert strokes.record.marked > 0
    strokes.redo(3)
    assert strokes.record.revision == 3  # nothing to do again: nothing changed


def test_a_change_of_what_is_no_longer_there_is_refused(project, tmp_path):
    image = put(workspace := Workspace(project), tmp_path, "defect")
    workspace.strokes(image).add(DOT, 0)
    for change in (lambda: workspace.strokes(image).add(DOT, 0), lambda: workspace.strokes(image).undo(0)):
        with pytest.raises(StaleError, match="painted on elsewhere"):
            change()


def test_a_mask_put_there_by_hand_is_what_is_painted(project, tmp_path):
    image = put(workspace := Workspace(project), tmp_path, "defect")
    workspace.strokes(image).add(DOT, 0)
    workspace.write_masks()
    mask = np.zeros((96, 128), np.uint8)
    mask[:20] = 255
    Image.fromarray(mask).save(image.mask)
    again = Workspace(project)
    assert again.strokes(again.image("a.png")).record.marked == 20 * 128
    again.strokes(again.image("a.png")).undo(again.strokes(image).record.revision)
    assert again.strokes(image).record.strokes[0] == DOT


def test_a_mask_that_comes_with_its_image_is_taken_for_it(project, tmp_path):
    image = put(workspace := Workspace(project), tmp_path, "defect")
    mask = np.zeros((96, 128), np.uint8)
    mask[30:40, 50:60] = 255
    Image.fromarray(mask).save(tmp_path / "m.png")
    assert workspace.add(tmp_path / "m.png", "a_mask.png", "defect") == image
    assert workspace.strokes(image).record.marked == 100
    # Also where the names are longer than they can stay, or of signs that no file's name has everywhere.
    for name in ("long " * 30, "a<b>"):
        put(workspace, tmp_path, "defect", f"{name[:9]}.png", len(name)).path.rename(tmp_path / "given/x.png")
        owner = workspace.add(tmp_path / "given/x.png", f"{name}.png", "defect")
        Image.fromarray(mask).save(tmp_path / "m.png")
        assert workspace.add(tmp_path / "m.png", f"{name}_mask.png", "defect") == owner
    # One that only is called so is a photograph.
    other = put(workspace, tmp_path, "defect", "a_label.png", 3)
    assert other.path.stem == "a_label-image"


def test_a_mask_of_another_size_is_refused_and_taken_for_no_photograph(project, tmp_path):
    image = put(workspace := Workspace(project), tmp_path, "defect")
    mask = np.zeros((40, 50), np.uint8)
    mask[10:20, 10:20] = 255
    Image.fromarray(mask).save(tmp_path / "m.png")
    with pytest.raises(InputError, match=r"^a_mask\.png: a mask of 50 x 40 pixels, but a\.png has 128 x 96"):
        workspace.add(tmp_path / "m.png", "a_mask.png", "defect")
    assert workspace.images() == [image]
    assert workspace.strokes(image).record.revision == 0


@pytest.mark.parametrize(
    ("there", "again", "refused"),
    [
        ("defect", "defect", True),
        ("defect", "good", True),
        ("good", "defect", True),
        ("query", "query", True),
        ("held_good", "held_defect", True),
        ("query", "held_good", False),
        ("query", "good", False),
    ],
)
def test_the_same_file_is_not_taken_twice_for_the_same_nor_for_the_opposite(
    project, tmp_path, there, again, refused
):
    put(workspace := Workspace(project), tmp_path, there)
    given = photo(tmp_path / "given" / "b.png")
    if refused:
        with pytest.raises(InputError, match=r"^b\.png: the same file as a\.png"):
            workspace.add(given, "b.png", again)
    else:
        workspace.add(given, "b.png", again)
    assert len(workspace.images()) == 2 - refused


def test_an_image_that_changes_its_role_keeps_what_was_painted(project, tmp_path):
    image = put(workspace := Workspace(project), tmp_path, "defect")
    workspace.strokes(image).add(DOT, 0)
    workspace.write_masks()
    moved = workspace.move("a.png", "good")
    assert moved.path.parent.name == "background"
    assert not image.mask.exists()
    workspace.move("a.png", "defect")
    workspace.write_masks()
    assert read_mask(image.mask).any()


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("../../x.png", "x.png"),
        ("C:\\photos\\x.TIFF", "x.tiff"),
        ("a.png", "a-2.png"),
        ("A.jpg", "A-2.jpg"),
        ("x_mask.png", "x_mask-image.png"),
        ("..png", "image.png"),
        ("ü<:>\n.png", "ü_____.png".replace("_____", "____")),
    ],
)
def test_names_are_files_of_the_project_alone(project, tmp_path, called, name):
    put(workspace := Workspace(project), tmp_path, "good")
    assert workspace.name_for(called) == name


def test_a_folder_of_something_else_is_no_project(tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(InputError, match=r"holds thesis\.txt and no project\.json"):
        Workspace(tmp_path)


def test_a_guidance_folder_that_is_there_is_shown(project, tmp_path):
    photo(project / "guidance/support/a.png")
    mask = np.zeros((96, 128), np.uint8)
    mask[30:40, 50:60] = 255
    Image.fromarray(mask).save(project / "guidance/support/a_gt.png")
    workspace = Workspace(project)
    (image,) = workspace.images()
    assert workspace.strokes(image).record.marked == 100
    workspace.write_masks()
    assert [path.name for path in read_guidance_support(workspace)] == ["a.png", "a_mask.png"]


def read_guidance_support(workspace: Workspace):
    photo(workspace.folder / "guidance/background/b.png", 1)
    return read_guidance(workspace.guidance).supports[0]


SPOT = Stroke(tool="polygon", value=2, points=[(100, 10), (120, 10), (120, 40), (100, 40)])


@pytest.mark.parametrize("role", ["defect", "good"])
def test_what_is_ignored_is_read_by_every_command(project, tmp_path, role):
    workspace = Workspace(project)
    image = put(workspace, tmp_path, role)
    put(workspace, tmp_path, "good" if role == "defect" else "defect", "b.png", 1)
    (painted,) = workspace.images_of("defect")
    workspace.strokes(painted).add(DOT, 0)
    strokes = workspace.strokes(image)
    strokes.add(SPOT, strokes.record.revision)
    before = workspace.guidance_sha256()
    found = read_guidance(workspace.guidance)
    assert [tuple(path.name for path in pair) for pair in found.ignored] == [("a.png", "a_ignore.png")]
    assert read_mask(found.ignored[0][1]).sum() == strokes.record.ignored == 600
    # It is another guidance without, its file goes, and both come back.
    strokes.undo(strokes.record.revision)
    assert workspace.guidance_sha256() != before
    assert read_guidance(workspace.guidance).ignored == ()
    strokes.redo(strokes.record.revision)
    assert Workspace(project).guidance_sha256() == before


@pytest.mark.parametrize("form", ["png", "json"])
def test_a_region_to_be_ignored_that_is_there_is_no_image_and_is_kept(project, form):
    photo(project / "guidance/background/b.png")
    region = np.zeros((96, 128), np.uint8)
    region[10:41, 100:121] = 255
    file = project / f"guidance/background/b_ignore.{form}"
    if form == "png":
        Image.fromarray(region).save(file)
    else:
        shape = {"label": "x", "shape_type": "rectangle", "points": [[100, 10], [121, 41]]}
        file.write_text(json.dumps({"imageHeight": 96, "imageWidth": 128, "shapes": [shape]}))
    workspace = Workspace(project)
    (image,) = workspace.images()
    assert workspace.strokes(image).record.ignored == (region > 0).sum()
    assert Workspace(project).strokes(image).record.revision == 1
    workspace.write_masks()
    assert np.array_equal(read_mask(image.region), region > 0)
    moved = workspace.move("b.png", "query")
    assert [path.name for path in moved.path.parent.iterdir()] == ["b.png"]
    workspace.move("b.png", "good")
    workspace.write_masks()
    assert np.array_equal(read_mask(image.region), region > 0)


def test_what_the_mask_marks_is_not_ignored(project, tmp_path):
    image = put(workspace := Workspace(project), tmp_path, "defect")
    workspace.strokes(image).add(DOT, 0)
    marked = workspace.strokes(image).record.marked
    Image.fromarray(np.full((96, 128), 255, np.uint8)).save(image.region)
    record = Workspace(project).strokes(image).record
    assert (record.marked, record.ignored) == (marked, 96 * 128 - marked)


def test_strokes_of_the_first_version_are_read(project, tmp_path):
    image = put(workspace := Workspace(project), tmp_path, "defect")
    workspace.strokes(image).add(DOT, 0)
    workspace.write_masks()
    file = project / "strokes/a.png.json"
    said = json.loads(file.read_text())
    said["current"] = True
    del said["region"]
    file.write_text(json.dumps(said))
    assert Workspace(project).strokes(image).record.current == ("mask",)


def test_kinds_are_refused_by_name(project):
    photo(project / "guidance/support/scratch/a.png")
    with pytest.raises(InputError, match="guidance of one kind"):
        Workspace(project)
