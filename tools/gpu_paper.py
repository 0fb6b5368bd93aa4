"""What a CPU cannot measure of the paper's network, in one go on a GPU; called by `tools/gpu_paper.sh`.

    python tools/gpu_paper.py --data DIR --weights mobilenet_v2.safetensors --out runs/gpu_paper
        [--device cuda] [--seconds 540] [--side 400] [--training-side 256] [--steps 1000]

Stages, each left out where the time is up; the JSON is written and printed after each:
agreement: every method's scores on the device against the CPU's, on generated images; largest difference.
speed: ResNet50 at `--side` pixels, the 4D encoder and the cues, 1-shot and 5-shot: a whole episode, a query.
throughput: seconds a training step of 8 episodes at `--side` pixels, and hours of the paper's 500 epochs.
folds: obft_bf, the same with plain cosines, and hsnet at `--training-side` pixels on two folds of
    mvtec_partial, as many steps, at most `--steps`, as the time allows; all rows get as many.
Weights are random in all but the last, whose backbone is MobileNetV2 with `--weights`.
"""

import argparse
import json
import math
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from obftnet.backbones.weights import load_backbone
from obftnet.data import read_layout
from obftnet.data.collection import Collection
from obftnet.data.episodes import Episode, test_queries
from obftnet.evaluation.answers import Protocol
from obftnet.evaluation.evaluate import Evaluator, draw_fold
from obftnet.files import write_json
from obftnet.methods.registry import NETWORKS, REFERENCES, MethodConfig, build, method_config, reference
from obftnet.protocols import read_data
from obftnet.reproduction import Setting, read_table, reproduce
from obftnet.reproduction.setting import BUDGETS, Budget
from obftnet.synthetic import write_dataset
from obftnet.training.config import TrainConfig
from obftnet.training.loop import train

#: What the folds' stage trains, by the names of Table IV and of Table II.
ROWS = {"obft_bf": "table4", "obft_bf_cosine": "table4", "hsnet": "table2"}
FOLDS = ("tile", "grid")
#: Share of the time left that training gets; the rest is for images, evaluation and slower steps than timed.
SHARE = 0.6
#: Steps that are timed, after as many that warm up.
TIMED = 5


def main() -> None:
    """Read the options and measure."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=540)
    parser.add_argument("--side", type=int, default=400)
    parser.add_argument("--training-side", type=int, default=256)
    parser.add_argument("--steps", type=int, default=1000)
    run(parser.parse_args())


def run(arguments: argparse.Namespace) -> None:
    """All stages for which there is time."""
    started = time.monotonic()
    device = torch.device(arguments.device)
    arguments.out.mkdir(parents=True, exist_ok=True)
    made = generated(arguments.out / "generated")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    found: dict[str, Any] = {"device": name, "torch": torch.__version__}

    def left() -> float:
        return float(arguments.seconds - (time.monotonic() - started))

    stages: dict[str, Callable[[], object]] = {
        "agreement": lambda: dict(agreement(made, device)),
        "speed": lambda: dict(speed(made, device, arguments.side)),
        "throughput": lambda: throughput(arguments, made, device),
        "folds": lambda: folds(arguments, device, left()),
    }
    for stage, measure in stages.items():
        found[stage] = measure() if left() > 0 else "no time was left"
        found["seconds"] = round(time.monotonic() - started, 1)
        write_json(arguments.out / "gpu_paper.json", found)
        print(json.dumps({stage: found[stage], "seconds": found["seconds"]}), flush=True)
    print(json.dumps(found))


def generated(folder: Path) -> Collection:
    """Two generated materials; made anew, so that an earlier call's rest is no matter."""
    shutil.rmtree(folder, ignore_errors=True)
    write_dataset(folder, 2, 0, size=256, kinds=1, defective_per_kind=8, good=3)
    return read_layout("mvtec", folder)


def episodes(made: Collection, shots: int) -> list[Episode]:
    """Test episodes of the first material."""
    protocol = Protocol(shots=shots, backgrounds=shots, seeds=1)
    return draw_fold(made, "made", made.materials[:1], protocol, seed=0)


def configurations(side: int) -> Iterator[tuple[str, MethodConfig]]:
    """Every way of scoring that there is."""
    common = {"backbone": "mobilenet_v2", "size": side}
    four = {"reader": "encoder4d"}
    yield "obftnet", method_config("obftnet", common | four)
    cosines = {"transport_scale": "log", "cosine_channels": True}
    yield "obftnet with cosines", method_config("obftnet", common | four | cosines)
    yield "obftnet, vote", method_config("obftnet", common | four | {"shots_rule": "vote"})
    yield "cues", method_config("obftnet", common | {"reader": "cues"})
    streamed = {"cues": "abnsut", "self_support": True}
    yield "cues, two looks", method_config("obftnet", common | {"reader": "cues"} | streamed)
    for name in ("hsnet", *NETWORKS):
        yield name, method_config(name, common)


def agreement(made: Collection, device: torch.device) -> Iterator[tuple[str, float]]:
    """Largest difference of a method's scores to the CPU's, one and three shots, two queries each."""
    drawn = [episode for shots in (1, 3) for episode in episodes(made, shots)[:2]]
    subjects: dict[str, Any] = {
        name: reference(name, load_backbone("mobilenet_v2", "random"), 128) for name in REFERENCES
    }
    for name, config in configurations(128):
        torch.manual_seed(0)
        subjects[name] = build(config, load_backbone("mobilenet_v2", "random")).eval()
    for name, subject in subjects.items():
        ours = [Evaluator(subject, made).score(episode) for episode in drawn]
        # A reference is its backbone alone.
        (subject if isinstance(subject, torch.nn.Module) else subject.backbone).to(device)
        theirs = [Evaluator(subject, made).score(episode) for episode in drawn]
        pairs = zip(ours, theirs, strict=True)
        yield name, max(float(np.abs(a - b).max()) for a, b in pairs)


def speed(made: Collection, device: torch.device, side: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Seconds of an episode and of a query, ResNet50."""
    backbone = load_backbone("resnet50", "random").to(device)
    for reader in ("encoder4d", "cues"):
        config = method_config("obftnet", {"backbone": "resnet50", "size": side, "reader": reader})
        model = build(config, backbone).to(device).eval()
        for shots in (1, 5):
            seconds = Evaluator(model, made).seconds(episodes(made, shots))
            yield (
                f"{reader}, {shots}-shot",
                {
                    "seconds an episode": seconds["episode"],
                    "seconds a query": seconds["query"],
                    "queries a second": 1 / seconds["query"],
                },
            )


def throughput(arguments: argparse.Namespace, made: Collection, device: torch.device) -> dict[str, Any]:
    """Seconds a step of 8 episodes of the paper's network on ResNet50, and hours of its 500 epochs a fold."""
    paper = BUDGETS["paper"]
    config = method_config("obftnet", {"backbone": "resnet50", "size": arguments.side, "reader": "encoder4d"})
    step = timed_step(config, "resnet50", None, made, arguments.out / "throughput", device, paper.batch)
    data = read_data("mvtec_partial", arguments.data)
    queries = len(test_queries(data.collection, [m for name in data.folds for m in data.folds[name]]))
    steps = math.ceil(paper.epochs * queries / paper.batch)
    return {
        "seconds a step": step,
        "steps of 500 epochs, at most": steps,
        "hours of 500 epochs, at most": steps * step / 3600,
    }


def timed_step(
    config: MethodConfig,
    backbone: str,
    weights: str | None,
    made: Collection,
    out: Path,
    device: torch.device,
    batch: int,
) -> float:
    """Median seconds of a training step."""
    shutil.rmtree(out, ignore_errors=True)
    ends: list[float] = []
    train(
        config,
        TrainConfig(steps=2 * TIMED, batch=batch, lr=1e-4),
        load_backbone(backbone, weights or "random").to(device),
        made,
        {name: (name,) for name in made.materials},
        out,
        device=device,
        progress=lambda *_: ends.append(time.monotonic()),
    )
    shutil.rmtree(out)
    return float(statistics.median(np.diff(ends)[TIMED:].tolist()))


def folds(arguments: argparse.Namespace, device: torch.device, left: float) -> dict[str, Any]:
    """MIoU by row and fold after as many steps as fit."""
    began = time.monotonic()
    data = read_data("mvtec_partial", arguments.data)
    backbone = load_backbone("mobilenet_v2", arguments.weights).to(device)
    rows = {name: read_table(table).rows[name] for name, table in ROWS.items()}
    # The row that reads most takes longest.
    settings = {"backbone": "mobilenet_v2", "size": arguments.training_side}
    longest = method_config("obftnet", settings | rows["obft_bf_cosine"].settings)
    step = timed_step(
        longest, "mobilenet_v2", arguments.weights, data.collection, arguments.out / "timing", device, 8
    )
    left -= time.monotonic() - began
    steps = min(arguments.steps, int(SHARE * left / (step * len(rows) * len(FOLDS))))
    if steps < 1:
        return {"seconds a step": step, "steps": 0}
    budget = Budget(
        size=arguments.training_side,
        epochs=0,
        steps=steps,
        batch=8,
        recipe=BUDGETS["standard"].recipe,
        seeds=1,
    )
    out = arguments.out / "folds"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    setting = Setting(data, backbone, budget, out, device)
    results = reproduce(setting, rows, shots=(1,), seeds=(0,), folds=FOLDS)
    found = {f"{unit.row}, {unit.fold}": content["mean_miou"] for unit, content in results.items()}
    return {"seconds a step": step, "steps": steps, "size": budget.size, "miou": found}


if __name__ == "__main__":
    main()
