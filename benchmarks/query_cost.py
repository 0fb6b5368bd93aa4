"""Seconds and peak memory of one query, ResNet50 (random weights: the cost is the same), 400 x 400, CPU.

    python benchmarks/query_cost.py [--threads 2] [--size 400] [--backbone resnet50] [--repeats 5]

Each row runs in a process of its own, so that its peak memory is its own. "episode" does everything from the
images; "query" has the guidance cached. The transport row compares the masked support solved as one column
with a multiplicity against the dense form, in the same process, as a ratio.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

ROWS = ("encoder4d", "cues", "transport")


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=400)
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(measure(arguments)))
        return
    print(f"{arguments.backbone}, {arguments.size} x {arguments.size}, {arguments.threads} threads, ", end="")
    print(f"median of {arguments.repeats}")
    for row in ROWS:
        command = [sys.executable, __file__, *sys.argv[1:], "--row", row]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
        print(row, json.loads(found.stdout.splitlines()[-1]))


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    import torch

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    if arguments.row == "transport":
        return transport(arguments)
    from obftnet.config import ModelConfig
    from obftnet.model import OBFTNet

    side = arguments.size
    model = OBFTNet(ModelConfig(backbone=arguments.backbone, size=side, reader=arguments.row)).eval()
    query, support, background = torch.rand(3, 1, 3, side, side).unbind(0)
    mask = torch.zeros(1, 1, side, side)
    mask[..., side // 3 : side // 2, side // 3 : side // 2] = 1
    with torch.inference_mode():

        def prepare() -> object:
            supports = tuple(x.unsqueeze(1) for x in model.extract(support))
            return model.prepare(supports, mask, tuple(x.unsqueeze(1) for x in model.extract(background)))

        def one_query(guidance: object) -> object:
            return model.score(model.extract(query), guidance, (side, side))  # type: ignore[arg-type]

        guidance = prepare()
        alone = seconds(lambda: one_query(guidance), arguments.repeats)
        whole = seconds(lambda: one_query(prepare()), arguments.repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "query_s": round(alone, 3),
        "episode_s": round(whole, 3),
        "episode_over_query": round(whole / alone, 2),
        "peak_gib": round(peak, 2),
    }


def transport(arguments: argparse.Namespace) -> dict[str, float]:
    import torch

    from obftnet.transport import sinkhorn, sinkhorn_masked

    cells = (arguments.size // 8) ** 2
    similarity = torch.rand(1, cells, cells)
    defect = torch.rand(1, cells) < 0.1
    dense = seconds(lambda: sinkhorn(similarity * defect.unsqueeze(1)), arguments.repeats)
    masked = seconds(lambda: sinkhorn_masked(similarity, defect), arguments.repeats)
    ratio = round(dense / masked, 2)
    return {"dense_s": round(dense, 4), "masked_s": round(masked, 4), "dense_over_masked": ratio}


def seconds(call: Callable[[], object], repeats: int) -> float:
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main()
