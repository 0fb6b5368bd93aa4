"""What docs/annotations.md imports: the same images, marked in each of the tools."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SQUARE = [[10.0, 10.0], [30.0, 10.0], [30.0, 20.0], [10.0, 20.0]]


@pytest.fixture(scope="session")
def annotate() -> Callable[[Path], None]:
    """Writes the exports into a folder: a.png bears a scratch and a dent, b.png a scratch."""

    def photo(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(len(path.name)).integers(0, 256, (48, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)

    def labelme(folder: Path) -> None:
        for name in ("a", "b"):
            photo(folder / f"{name}.png")
            labels = ["scratch", "dent"] if name == "a" else ["scratch"]
            shapes = [{"label": label, "points": SQUARE, "shape_type": "polygon"} for label in labels]
            content = {"imagePath": f"{name}.png", "imageData": None, "shapes": shapes, "flags": {}}
            (folder / f"{name}.json").write_text(json.dumps(content))

    def coco(folder: Path) -> None:
        corners = [number for point in SQUARE for number in point]
        photo(folder / "images/a.png")
        photo(folder / "images/b.png")
        content = {
            "images": [{"id": n, "file_name": f"{'ab'[n]}.png", "height": 48, "width": 60} for n in (0, 1)],
            "categories": [{"id": 1, "name": "scratch"}, {"id": 2, "name": "dent"}],
            "annotations": [
                {"id": index, "image_id": image, "category_id": category, "segmentation": [corners]}
                for index, (image, category) in enumerate([(0, 1), (0, 2), (1, 1)])
            ],
        }
        (folder / "annotations.json").write_text(json.dumps(content))

    def cvat(folder: Path) -> None:
        photo(folder / "images/a.png")
        points = ";".join(f"{x},{y}" for x, y in SQUARE)
        image = (
            f'<image name="a.png" width="60" height="48"><polygon label="scratch" points="{points}"/></image>'
        )
        (folder / "annotations.xml").write_text(f"<annotations>{image}</annotations>")

    def studio(path: Path, photos: Path) -> None:
        photo(photos / "a.png")
        points = [[x / 0.6, y / 0.48] for x, y in SQUARE]
        region = {"type": "polygonlabels", "value": {"points": points, "polygonlabels": ["scratch"]}}
        region |= {"original_width": 60, "original_height": 48}
        task = {"data": {"image": "/data/upload/1/1a2b3c4d-a.png"}, "annotations": [{"result": [region]}]}
        path.write_text(json.dumps([task]))

    def write(folder: Path) -> None:
        labelme(folder / "photos_labelme")
        coco(folder / "coco")
        cvat(folder / "task_cvat")
        studio(folder / "project.json", folder / "photos_studio")
        photo(folder / "photos_apart/a.png")
        marked = np.zeros((48, 60), np.uint8)
        marked[10:20, 10:30] = 255
        (folder / "masks_apart").mkdir()
        Image.fromarray(marked).save(folder / "masks_apart/a.png")
        rows = "image,mask,label\nphotos_apart/a.png,masks_apart/a.png,scratch\n"
        (folder / "table.csv").write_text(rows)

    return write
