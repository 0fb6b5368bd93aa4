"""From a pack to a folder that runs without torch: graph, contract, proof. Nothing is left of what fails."""

import hashlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import torch

from obftnet.errors import InputError
from obftnet.exported import Contract, EngineName, Export, ExportedSegmenter
from obftnet.exported.contract import GraphEntry, InputEntry, OutputEntry, TilesEntry
from obftnet.exported.export import CONTRACT, GRAPH, GUIDANCE, INTEREST
from obftnet.exporting.generated import generated_pictures
from obftnet.exporting.graph import ScoreGraph
from obftnet.exporting.parity import Progress, pictures_of, prove
from obftnet.files import atomic_folder, check_new_folder, write_json
from obftnet.imaging.guidance_picture import draw_guidance
from obftnet.imaging.picture import Picture
from obftnet.packs import Pack, read_pack
from obftnet.packs.fit import why_unfitted
from obftnet.segmenter import Segmenter
from obftnet.version import __version__

#: Of ONNX: what ONNX Runtime and OpenVINO both load.
OPSET = 20
#: Images in one call at most, for the export's own reasoning about shapes; the file has no such bound.
_MOST = 1 << 16


def export_pack(
    pack: str | Path,
    out: str | Path,
    *,
    weights: str | Path | None = None,
    engines: Sequence[EngineName] = ("onnx",),
    threads: int | None = None,
    progress: Progress | None = None,
) -> Export:
    """Write a pack's model, guidance inside, as a folder for `obftnet-runtime`.

    Args:
        pack: as `read_pack`.
        out: folder, which must not be there yet.
        weights: as `Segmenter.load`.
        engines: that are compared with torch, the first of them ONNX Runtime.
        threads: of the engines, as `load_engine`.
        progress: as `parity.prove`.

    Raises:
        InputError: as `Segmenter.load`; a pack that would be fitted anew; weights that cannot be exported; a
            library that is not installed; scores or decisions that differ, naming where.
    """
    for module in ("onnx", "onnxscript", "onnxruntime"):
        _check_installed(module)
    out = Path(out)
    check_new_folder(out)
    found = read_pack(pack)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is fitted again, which is refused below
        segmenter = Segmenter.load(found, "cpu", weights=weights)
    why = why_unfitted(found, segmenter.weights_hash)
    if why is not None:
        raise InputError(
            f"{found.name}: {why or 'nothing fitted in it'}; save it again (obftnet fit), then export"
        )
    graph = onnx_graph(segmenter)
    contract = _contract(found, segmenter, graph)
    interest = b"" if found.content.interest is None else found.files[found.content.interest.image.tensor]
    pictures = _pictures(found, segmenter)
    export = Export(out, contract, graph, interest)
    proofs = [
        prove(segmenter, ExportedSegmenter(export, engine, threads), pictures, progress) for engine in engines
    ]
    contract = contract.model_copy(update={"proofs": tuple(proofs)})
    with atomic_folder(out) as folder:
        (folder / GRAPH).write_bytes(graph)
        if interest:
            (folder / INTEREST).write_bytes(interest)
        kinds = found.content.kinds
        draw_guidance(folder / GUIDANCE, found.supports, found.backgrounds, bits=segmenter.bits, kinds=kinds)
        write_json(folder / CONTRACT, contract.model_dump(mode="json"))
    return replace(export, contract=contract)


def onnx_graph(segmenter: Segmenter) -> bytes:
    """A fitted segmenter's `ScoreGraph` as an ONNX file. Raises InputError: it cannot be exported."""
    graph = ScoreGraph(segmenter.model, segmenter.guidance).eval()
    side = segmenter.model.size
    # Two, because a size of one is taken for one that is always so.
    example = torch.zeros(2, 3, side, side, device=segmenter.device)
    batch = torch.export.Dim("batch", min=1, max=_MOST)
    with _quiet(), torch.inference_mode(mode=False), torch.no_grad():
        program = torch.onnx.export(
            graph,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["image"],
            output_names=["score"],
            dynamic_shapes={"image": {0: batch}},
            verbose=False,
            optimize=False,  # both engines do that when they load it
        )
    assert program is not None
    data: bytes = program.model_proto.SerializeToString()
    return data


def _contract(pack: Pack, segmenter: Segmenter, graph: bytes) -> Contract:
    side, kinds = segmenter.model.size, segmenter.guidance.names
    tile = pack.content.tile
    return Contract(
        obftnet=__version__,
        graph=GraphEntry(sha256=hashlib.sha256(graph).hexdigest(), opset=OPSET),
        input=InputEntry(shape=("batch", 3, side, side)),
        output=OutputEntry(shape=("batch", len(kinds), side, side), kinds=kinds),
        tiles=None if tile is None else TilesEntry(side=tile),
        pack=pack.content,
        proofs=(),
    )


def _pictures(pack: Pack, segmenter: Segmenter) -> list[Picture]:
    """What both engines look at: the pack's own images, and generated ones."""
    images = [(image.name, image) for image, _ in pack.supports]
    images += [(image.name, image) for image in pack.backgrounds]
    return [*pictures_of(segmenter, images), *generated_pictures(segmenter.tile or segmenter.model.size)]


def _check_installed(module: str) -> None:
    if find_spec(module) is None:
        raise InputError(f"{module} is not installed; pip install 'obftnet[export]'")


@contextmanager
def _quiet() -> Iterator[None]:
    """What the exporter says of itself to developers is not the user's."""
    trace = logging.getLogger("torch.__trace")
    level = trace.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # A log of every step, which whoever listens to all logs would get, and pay for.
        trace.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            trace.setLevel(level)
