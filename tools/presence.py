"""Fit to trained weights how likely a query shows any defect, and write them with it.

    python tools/presence.py runs/weights.safetensors runs/generated runs/with_presence.safetensors

DATA: materials in MVTec's layout, such as `obftnet synthesize` makes. Of each one kind of defect is asked
for, with 1 to 3 supports and 1 to 6 good images, by three queries with it and three without. What was seen of
each is kept beside TARGET, in TARGET.looks.safetensors, so that the same command goes on where it stopped.
Prints how well it is told for materials that were left out.
"""

import argparse
import random
from pathlib import Path

import torch
from torch import Tensor

from obftnet.config import model_config
from obftnet.data.collection import GOOD, Collection
from obftnet.data.layouts import read_layout
from obftnet.evaluation.metrics import auroc
from obftnet.model import OBFTNet
from obftnet.readers.cues import CuesReader
from obftnet.readers.presence import summary
from obftnet.safefile import read_safetensors, write_safetensors
from obftnet.segmenter import Segmenter
from obftnet.training.presence import fit_presence, left_out
from obftnet.weights import load_model, read_notes, save_model

QUERIES = 3


def main() -> None:
    """Look at DATA by WEIGHTS, fit, and write TARGET."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--materials", type=int, help="the first so many")
    arguments = parser.parse_args()
    collection = read_layout("mvtec", arguments.data)
    trained, weights_hash = load_model(arguments.weights)
    # What was seen is of these weights and images, whatever they are called.
    of = {"weights_sha256": weights_hash, "data_sha256": collection.content(collection.samples)}
    names = sorted(collection.materials)
    random.Random(0).shuffle(names)
    names = names[: arguments.materials]
    seen = _looks(trained, collection, names, arguments.target.with_suffix(".looks.safetensors"), of)
    columns = torch.cat([seen[f"columns/{name}"] for name in names])
    present = torch.cat([seen[f"present/{name}"] for name in names])
    groups = [name for name in names for _ in seen[f"present/{name}"]]
    _tell(left_out(columns, present, groups), present)
    model = OBFTNet(model_config(trained.config.model_dump() | {"presence": True}), trained.backbone)
    state = model.state_dict()
    model.load_state_dict(
        trained.state_dict() | {key: x for key, x in state.items() if key.startswith("reader.presence.")}
    )
    assert isinstance(model.reader, CuesReader)
    assert model.reader.presence is not None
    fit_presence(model.reader.presence, columns, present)
    said = {"presence_fitted_on": f"{len(names)} materials of {arguments.data.name}"}
    save_model(arguments.target, model, read_notes(arguments.weights) | said)
    print(arguments.target, arguments.target.stat().st_size, "bytes")


def _looks(
    model: OBFTNet, collection: Collection, names: list[str], kept: Path, of: dict[str, str]
) -> dict[str, Tensor]:
    """For each material columns/NAME (n, d), the summaries of its looks, and present/NAME (n,), whether their
    queries show a defect; `kept`, of what, has those that were looked at before."""
    found: dict[str, Tensor] = {}
    if kept.exists():
        found, said = read_safetensors(kept)
        if {key: said.get(key) for key in of} != of:
            raise SystemExit(f"{kept}: of other weights or other images; name another TARGET")
    segmenter = Segmenter(model, device="cpu")
    for index, name in enumerate(names):
        if f"columns/{name}" not in found:
            columns, present = _of_material(segmenter, collection, name)
            found |= {f"columns/{name}": columns, f"present/{name}": present}
            write_safetensors(kept, found, of)
            print(f"{index + 1} of {len(names)}: {name}", flush=True)
    return found


def _of_material(segmenter: Segmenter, collection: Collection, name: str) -> tuple[Tensor, Tensor]:
    draw = random.Random(name)
    samples = sorted((one for one in collection.samples if one.material == name), key=lambda one: one.image)
    kind = draw.choice(sorted({one.kind for one in samples} - {GOOD}))
    defective = [one for one in samples if one.kind == kind]
    good = [one for one in samples if one.kind == GOOD]
    draw.shuffle(defective)
    draw.shuffle(good)
    shots = min(draw.choice([1, 1, 2, 3]), len(defective) - QUERIES)
    backgrounds = min(draw.choice([1, 2, 3, 4, 6]), len(good) - QUERIES)
    segmenter.fit(
        [(one.image, one.load_mask()) for one in defective[:shots]], [one.image for one in good[:backgrounds]]
    )
    queries = defective[shots : shots + QUERIES] + good[backgrounds : backgrounds + QUERIES]
    model, guidance = segmenter.model, segmenter.guidance
    assert isinstance(model.reader, CuesReader)
    columns = []
    with torch.inference_mode():
        for query in queries:
            # The first look: a presence that is fitted to it serves the second as well (docs/lab).
            relation = model.relate(segmenter.features(query.image), guidance)
            columns.append(summary(*model.reader.look(relation)).cpu())
    return torch.cat(columns), torch.tensor([query.kind != GOOD for query in queries])


def _tell(score: Tensor, present: Tensor) -> None:
    """How well images of left-out materials are told apart, and whether a half means a half."""
    area = auroc(score[~present].tolist(), score[present].tolist())
    print(f"left-out materials: image AUROC {100 * (area or 0):.1f}; at a half")
    print(f"  good {100 * float((score[~present] > 0.5).float().mean()):.1f} %, ", end="")
    print(f"defective {100 * float((score[present] > 0.5).float().mean()):.1f} %")
    print("said    looks   with a defect")
    for low in range(0, 100, 20):
        here = (score >= low / 100) & (score < (low + 20) / 100 + (low == 80))
        if bool(here.any()):
            share = float(present[here].float().mean())
            print(f"{low:3}-{low + 20:3} %  {int(here.sum()):5}  {100 * share:5.1f} %")


if __name__ == "__main__":
    main()
