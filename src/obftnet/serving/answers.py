"""What the server answers, as JSON and for its description (OpenAPI)."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from obftnet.decision import Verdict
from obftnet.packs.content import DecisionEntry

Score = Annotated[float, Field(ge=0, le=1)]
MaskForm = Literal["none", "png", "rle"]


class PackNamed(BaseModel):
    """The pack that an image was looked at by. sha256: of its file, as it was then."""

    name: str
    sha256: str


class ImageSeen(BaseModel):
    """The image as it was taken in, turned as its EXIF orientation says. sha256: of the file that came."""

    sha256: str
    width: int
    height: int


class RegionFound(BaseModel):
    """A connected region that is marked (`obftnet.regions.Region`).

    area: pixels. box: (x, y, width, height). center: (x, y). length, width: pixels. orientation: degrees.
    area_mm2, length_mm, width_mm: where the pack knows the scale.
    """

    kind: str
    area: int
    box: tuple[int, int, int, int]
    center: tuple[float, float]
    length: float
    width: float
    orientation: float
    mean_score: Score
    largest_score: Score
    area_mm2: float | None = None
    length_mm: float | None = None
    width_mm: float | None = None


class MaskPng(BaseModel):
    """A mask as the PNG that `obftnet segment` writes, of 0 and 255, in base64."""

    form: Literal["png"] = "png"
    data: str


class MaskRle(BaseModel):
    """A mask as COCO's run lengths; size: (height, width)."""

    form: Literal["rle"] = "rle"
    size: tuple[int, int]
    counts: str


class ScoreTiff(BaseModel):
    """The score map as the TIFF (float32, 0..1) that `obftnet segment` writes, in base64."""

    form: Literal["tiff"] = "tiff"
    data: str


class Found(BaseModel):
    """What was found in an image.

    verdict: pass, review or fail. image_score: by which it is so. decision: by what; scale: pixels a
    millimetre. defect_area: share of the pixels that are marked. max_score: of all pixels. kinds: of defect
    that were looked for. warnings: lines that a person should read. seconds: of the look at all of its batch.
    """

    verdict: Verdict
    image_score: Score
    decision: DecisionEntry
    scale: float | None
    defect_area: Score
    max_score: Score
    kinds: list[str]
    regions: list[RegionFound]
    mask: MaskPng | MaskRle | None
    score: ScoreTiff | None
    image: ImageSeen
    warnings: list[str]
    seconds: float
    batch: int


class Answer(Found):
    """`Found`, and of which request by which pack. waited: seconds in the queue."""

    request_id: str
    pack: PackNamed
    waited: float


class Refusal(BaseModel):
    """Why there is no answer, in one line."""

    error: str
    request_id: str


class PackSaid(BaseModel):
    """A pack of the folder.

    state: "ready" to be asked; "loading"; or "refused", with the problem. sha256: of the file that is served,
    "" where it never could be read. guidance_sha256: of its images. weights: their name. tile: side in
    pixels, None for images as a whole. problem: also of a newer file that cannot be read.
    """

    name: str
    state: Literal["loading", "ready", "refused"]
    problem: str
    sha256: str
    guidance_sha256: str
    weights: str
    kinds: list[str]
    tile: int | None
    decision: DecisionEntry | None
    scale: float | None


class Health(BaseModel):
    """status: "ok". obftnet: the version."""

    status: Literal["ok"] = "ok"
    obftnet: str


class Readiness(BaseModel):
    """ready: whether images are taken in. why: of one that is not. packs: how many are ready."""

    ready: bool
    why: str
    packs: int
