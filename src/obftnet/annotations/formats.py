"""The tools whose annotations are read. A new one is a file and a line here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from obftnet.annotations.annotated import Annotated, Request
from obftnet.annotations.coco import read_coco
from obftnet.annotations.cvat import read_cvat
from obftnet.annotations.labelme import read_labelme
from obftnet.annotations.labelstudio import read_labelstudio
from obftnet.annotations.masks import read_masks
from obftnet.annotations.tables import read_csv
from obftnet.annotations.visa import read_visa


@dataclass(frozen=True)
class Format:
    """A kind of source.

    Attributes:
        read: the reader.
        wanted: what a source is, for messages.
        shows_upright: the tool is known to show images turned by their EXIF orientation.
    """

    read: Callable[[Request], Iterable[Annotated]]
    wanted: str
    shows_upright: bool = False


FORMATS: dict[str, Format] = {
    "labelme": Format(read_labelme, "labelme's JSON files, or their folder, are wanted", shows_upright=True),
    "coco": Format(read_coco, "a COCO JSON file, or its folder, is wanted"),
    "cvat": Format(
        read_cvat, "annotations.xml (CVAT for images 1.1), or its folder, is wanted", shows_upright=True
    ),
    "labelstudio": Format(read_labelstudio, "Label Studio's JSON export is wanted", shows_upright=True),
    "visa": Format(read_visa, "the folder of VisA, or of one of its objects, is wanted"),
    "csv": Format(read_csv, "a CSV table of images and masks is wanted"),
    "masks": Format(read_masks, "a folder of masks is wanted"),
}
