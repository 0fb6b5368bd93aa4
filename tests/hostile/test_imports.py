"""Annotations that cannot be imported."""

import json

import pytest

from .cases import Case, M, check, instead, link_to, put, thinned


def imports() -> list[Case]:
    """Annotations of other tools: the file itself, what it names, what it says of images that are there."""
    square = [[10, 10], [30, 10], [30, 20], [10, 20]]
    corners = [number for point in square for number in point]
    labelme = {"imagePath": "q.png", "shapes": [{"label": "s", "points": square, "shape_type": "polygon"}]}
    coco = {
        "images": [{"id": 1, "file_name": "q.png", "height": 48, "width": 60}],
        "categories": [{"id": 1, "name": "s"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [corners]}],
    }
    points = {"points": square, "polygonlabels": ["s"]}
    region = {"type": "polygonlabels", "original_height": 48, "original_width": 60, "value": points}
    studio = [{"data": {"image": "q.png"}, "annotations": [{"result": [region]}]}]
    polygon = '<polygon label="s" points="10,10;30,10;30,20"/>'
    cvat = f'<annotations><image name="q.png" width="60" height="48">{polygon}</image></annotations>'
    sound = {
        "labelme": json.dumps(labelme),
        "coco": json.dumps(coco),
        "labelstudio": json.dumps(studio),
        "cvat": cvat,
        "csv": f"image,mask\nq.png,{M.removeprefix('guidance/support/')}\n",
    }
    found = []
    for tool, text in sound.items():
        command = f"import {tool} export --images queries --out new"
        if tool == "csv":
            command = command.replace("queries", "guidance/support")
            text = text.replace("q.png", "s.png")
        name = "s.png" if tool == "csv" else "q.png"
        spoilt: dict[str, tuple[bytes, str]] = {
            "none": (b"", "empty"),
            "half": (text[: len(text) // 2].encode(), "export"),
            "binary": (bytes(range(256)), "export"),
            "gone": (text.replace(name, "gone.png").encode(), "gone.png"),
            "above": (text.replace(name, "../data/cork/test/crack/9.png").encode(), "9.png"),
            "root": (text.replace(name, "/dev/zero").encode(), "zero"),
            "folder": (text.replace(name, ".").encode(), "export"),
            "line": (text.replace(name, "a\\nb.png").encode(), "b.png"),
        }
        if tool != "cvat":  # XML may be of any encoding
            spoilt["utf16"] = (text.encode("utf-16"), "export")
        if tool != "csv":
            spoilt |= {
                "nan": (text.replace("30", "NaN", 1).encode(), "export"),
                "far": (text.replace("30", "3000", 1).encode(), "outside"),
                "endless": (text.replace("30", "1e999", 1).encode(), "export"),
                "long": (text.replace("30", "9" * 5000, 1).encode(), "export"),
            }
        if tool not in ("csv", "labelme"):
            spoilt["size"] = (text.replace("48", "49").encode(), "60 x 49")
        for kind, (content, says) in spoilt.items():
            found.append(Case("import", f"{tool}_{kind}", command, put("export", content), says))
        used = [put("export", text.encode())]
        found.append(Case("import", f"{tool}_over", f"{command[:-3]}queries", used[0], "queries"))
        found.append(Case("import", f"{tool}_device", f"{command[:-3]}/dev/full", used[0], "/dev/full"))
        found.append(Case("import", f"{tool}_source", command, instead("export", link_to("gone")), "export"))
    bomb = '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + cvat.replace("q.png", "&b;")
    found += [
        Case("import", "bomb", "import cvat export --out new", put("export", bomb.encode()), "entities"),
        Case("import", "format", "import voc queries --out new", None, "labelme"),
        Case("import", "layout", "import masks guidance/support --out new --layout voc", None, "mvtec"),
        Case("import", "cut", "import masks guidance/support --out new --cut 2", None, "--cut"),
        Case("import", "label", "import masks guidance/support --out new --labels dent", None, "defect"),
        Case("import", "material", "import masks guidance/support --out new --material ..", None, "'..'"),
    ]
    return found


CASES = imports()


@pytest.mark.parametrize("case", thinned(CASES))
def test_one_line_status_2_and_nothing_left(case, world, obftnet):
    check(case, world, obftnet)
