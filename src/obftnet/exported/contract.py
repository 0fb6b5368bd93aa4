"""The JSON beside an exported graph: all that a program needs to feed it and to read what comes out."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from obftnet.exported.engines import EngineName
from obftnet.imaging.tiles import SHARED
from obftnet.packs.content import Content, Sha256

#: What `Contract.format` is of the contracts that this version writes and reads.
FORMAT = "obftnet-export-1"

#: Largest difference of a score that passes: some ten times that of rounding, a tenth of what a threshold is
#: chosen by.
LIMIT = 1e-3

Side = Annotated[int, Field(ge=1, le=4096)]
Count = Annotated[int, Field(ge=0, le=10**9)]
Score = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GraphEntry(_Part):
    """The graph: its file beside the contract, the SHA-256 of it, and the opset of ONNX that it is in."""

    file: Literal["model.onnx"] = "model.onnx"
    sha256: Sha256
    opset: Annotated[int, Field(ge=1, le=1000)]


class InputEntry(_Part):
    """What the graph takes.

    shape: "batch" stands for any number of images; then channels, height, width. colour: the order of the
    channels. range: of a sample, black to white. normalisation: none beyond that, it is inside the graph.
    resize: how an image, or a tile of it, comes to that size (`imaging.resize.weights`, antialiased): along
    each axis every new pixel is a mean of old ones, by a triangle around the place of its centre whose half
    width is the larger of 1 and old size / new size, in old pixels; its weights sum to 1.
    """

    name: Literal["image"] = "image"
    dtype: Literal["float32"] = "float32"
    layout: Literal["NCHW"] = "NCHW"
    shape: tuple[Literal["batch"], Literal[3], Side, Side]
    colour: Literal["RGB"] = "RGB"
    range: tuple[Literal[0], Literal[1]] = (0, 1)
    normalisation: Literal["none"] = "none"
    resize: Literal["triangle, antialiased"] = "triangle, antialiased"


class OutputEntry(_Part):
    """What the graph gives: for each image and kind of defect the score of each pixel of the input.

    kinds: names, in the order of axis 1. resize: how a score map comes back to the image's or tile's size: by
    a triangle of half width 1, in pixels of the score map (bilinear, centres aligned).
    """

    name: Literal["score"] = "score"
    dtype: Literal["float32"] = "float32"
    shape: tuple[Literal["batch"], Side, Side, Side]
    range: tuple[Literal[0], Literal[1]] = (0, 1)
    kinds: tuple[str, ...]
    resize: Literal["triangle"] = "triangle"


class TilesEntry(_Part):
    """How an image is cut (`imaging.tiles`).

    Into squares of `side` pixels, evenly spaced from the first pixel to the last, neighbours sharing at least
    `overlap` of a side. A smaller image is mirrored at its lower and right edges first. blend: scores are a
    mean by the product of two ramps, sin²(π/2 · min(1, d / (side / 4))), where d is the distance of a pixel's
    centre to the nearer edge of the tile along an axis.
    """

    side: Annotated[int, Field(ge=1, le=10**5)]
    overlap: Annotated[float, Field(ge=1 / SHARED, le=1 / SHARED)] = 1 / SHARED
    blend: Literal["sine squared"] = "sine squared"


class Proof(_Part):
    """What the parity gate found of an engine: nothing beyond its limits, or there would be no export.

    images: compared. largest: difference of a score. pixels: of how many of all pixels the mask changed, each
    by a score that close to the threshold. limit: the largest difference that passes.
    """

    engine: EngineName
    version: Annotated[str, Field(max_length=100)]
    images: Count
    largest: Score
    pixels: Count
    limit: Score


class Contract(_Part):
    """All of contract.json.

    obftnet: the version that exported. tiles: None where an image is looked at as a whole.
    pack: what the pack says of itself: weights, decision (threshold, least region, band for review), scale,
    region of interest, bits, and the guidance by names and hashes, without the images.
    proofs: of each engine that scores the same.
    """

    format: Literal["obftnet-export-1"] = "obftnet-export-1"
    obftnet: Annotated[str, Field(max_length=100)]
    graph: GraphEntry
    input: InputEntry
    output: OutputEntry
    tiles: TilesEntry | None
    pack: Content
    proofs: tuple[Proof, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if any(proof.largest > proof.limit or proof.limit > LIMIT for proof in self.proofs):
            raise ValueError("a proof of scores that are further apart than passes")
        if self.input.shape[2:] != self.output.shape[2:]:
            raise ValueError("input and output are of two sizes")
        kinds = tuple(dict.fromkeys(entry.kind for entry in self.pack.supports))
        if self.output.kinds != kinds or self.output.shape[1] != len(kinds):
            raise ValueError("the kinds are not those of the pack")
        if (None if self.tiles is None else self.tiles.side) != self.pack.tile:
            raise ValueError("the tiles are not those of the pack")
        if self.pack.fitted is None:
            raise ValueError("the pack was not fitted")
        if self.pack.interest is not None and self.pack.fitted.outside == "seen":
            raise ValueError("the graph still counts what lies outside of the region of interest")
        return self

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the graph's input."""
        return self.input.shape[2], self.input.shape[3]
