"""Predictions of an exported model: the one inference path, with an engine in the place of torch."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from obftnet.errors import InputError
from obftnet.exported.engines import ENGINES, load_engine
from obftnet.exported.export import GRAPH, Export, read_export
from obftnet.imaging.picture import Picture
from obftnet.imaging.read import ImageSource, as_picture
from obftnet.imaging.resize import resize_image, resize_score
from obftnet.inputs import KnownPicture, KnownPictures, with_bits
from obftnet.prediction import Prediction
from obftnet.scoring import predict_picture


class ExportedSegmenter:
    """What `Segmenter` is once it was fitted, of an exported folder.

    kinds: names of the kinds of defect. bits: of samples stored in 16 are used; None where the guidance has
    no such. tile: side in pixels, None for whole images. engine: what runs the graph.
    weights_hash: of the graph's file.
    """

    def __init__(self, export: Export, engine: str = "onnx", threads: int | None = None) -> None:
        """Load the graph; `load` is the usual way.

        Raises InputError: as `load_engine`; a graph that is not what the contract says.
        """
        contract = export.contract
        graph = str(export.folder / GRAPH)
        self.engine = load_engine(engine, export.graph, graph, threads)
        wanted = (
            (contract.input.name, contract.input.shape[1:]),
            (contract.output.name, contract.output.shape[1:]),
        )
        if (self.engine.input, self.engine.output) != wanted:
            raise InputError(
                f"{graph}: takes {self.engine.input} and gives {self.engine.output}, where its contract says "
                f"{wanted[0]} and {wanted[1]}; export it again"
            )
        self.weights_hash = contract.graph.sha256
        content = contract.pack
        assert content.fitted is not None
        self.decision = export.pack.decision.in_pixels(content.scale)
        self.tile, self.bits, self.kinds = content.tile, content.fitted.bits_used, contract.output.kinds
        self._size = contract.size
        self._known = KnownPictures(
            KnownPicture(
                known.fingerprint, known.digest, entry.role, f"{export.folder}/{content.path(entry)}"
            )
            for entry, known in zip(content.images, content.fitted.known, strict=True)
        )

    @classmethod
    def load(
        cls, folder: str | Path | Export, engine: str = "onnx", *, threads: int | None = None
    ) -> "ExportedSegmenter":
        """A segmenter of what `obftnet export` wrote, with the pack's tile, bits and decision.

        Args:
            folder: that, or what `read_export` read.
            engine: as `load_engine`, one that the export was compared with torch by.
            threads: as `load_engine`.

        Raises:
            InputError: as `read_export` and `load_engine`; an engine whose scores nobody compared; a graph
                that is not what the contract says.
        """
        export = folder if isinstance(folder, Export) else read_export(folder)
        proved = [proof.engine for proof in export.contract.proofs]
        if engine in ENGINES and engine not in proved:
            raise InputError(
                f"{export.folder}: compared with obftnet by {', '.join(proved) or 'no engine'} when it was "
                f"exported, not by {engine}; take that, or export it again for {engine}"
            )
        return cls(export, engine, threads)

    def read(self, image: ImageSource, name: str = "image") -> Picture:
        """As `Segmenter.read`."""
        return with_bits(as_picture(image, name), self.bits)

    def saw(self, image: ImageSource) -> str | None:
        """As `Segmenter.saw`."""
        return self._known.find(self.read(image), "support")

    def predict(self, image: ImageSource) -> Prediction:
        """As `Segmenter.predict`."""
        pixels = self.read(image)
        return predict_picture(pixels, self._known, self.tile, self.kinds, self.decision, self._look)

    def _look(self, image: Picture) -> Iterator[NDArray[np.float32]]:
        scores = self.engine(resize_image(image, self._size)[None])
        if not np.isfinite(scores).all():
            raise InputError(
                f"{image.name}: {self.engine.name} {self.engine.version} gives scores that are no numbers; "
                "take another version of it"
            )
        for score in scores[0]:
            found = resize_score(score, image.shape)
            yield found.clip(0, 1, out=found)
