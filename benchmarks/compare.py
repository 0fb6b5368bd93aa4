"""What a query costs, side by side with the straight port, and how far each stage is from its floor.

    python benchmarks/compare.py [--threads 2] [--repeats 5] [--rows encoder4d,cues] [--side 256]
        [--coreset 1024]

encoder4d: ResNet50 (random weights; the cost is that of trained ones) at 400 x 400, one support, one
background, guidance cached: `straight_port.py` against ours, calls in turn, medians, the ratio, the scores'
largest difference; then five supports and five backgrounds, and the whole episode from images.
cues: the shipped weights at 256 x 256 (`--side`), one and five of each, and five of each with a coreset
(`--coreset`, `guidance.coreset`); without the cues of the defect's other views, whole similarity matrices
(the plain form) against `relation.scan`; then with them, and with a second look (`guidance.self_support`).

Seconds are given twice: wall, and the processor time of all threads, which other work on the machine disturbs
less. A stage's floor is its operations (convolutions and matrix products) over the rate measured here for a
matrix product, plus the bytes its Sinkhorn sweeps read over the rate measured for reading. Peak memory is
that of a process of its own: guidance, then two queries; "imports" is what PyTorch and torchvision take.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from obftnet.backbones.features import Features, joined
from obftnet.config import EncoderConfig
from obftnet.guidance.columns import DEFECT, sorted_columns
from obftnet.guidance.guidance import Guidance
from obftnet.model import OBFTNet
from obftnet.relation.cues import CUES
from obftnet.relation.relation import Relation
from obftnet.relation.self_similarity import self_similarity
from obftnet.synthetic import Material
from obftnet.tensors import to_tensor
from obftnet.weights import load_model
from straight_port import port_guidance, port_score

SIDE = {"encoder4d": 400, "cues": 256}


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", default="encoder4d,cues")
    parser.add_argument("--side", type=int, default=SIDE["cues"], help="of the cues' input")
    parser.add_argument("--coreset", type=int, default=1024, help="of the cues' last row")
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    SIDE["cues"] = arguments.side
    torch.manual_seed(0)
    with torch.inference_mode():
        if arguments.memory:
            print(json.dumps(memory(*arguments.memory.split(","))))
            return
        print(f"torch {torch.__version__}, {arguments.threads} threads, median of {arguments.repeats}")
        rows = {"encoder4d": encoder4d, "cues": cues}
        for row in arguments.rows.split(","):
            rows[row](arguments)


def encoder4d(arguments: argparse.Namespace) -> None:
    side = SIDE["encoder4d"]
    model = make("encoder4d")
    image = photograph(side, 99)
    one, five = guidance_of(model, 1), guidance_of(model, 5)
    port = port_guidance(one)

    def ported() -> Tensor:
        return port_score(model, model.extract(image), port)

    def ours(guidance: Guidance) -> Tensor:
        return model.score(model.extract(image), guidance)

    difference = float((ported() - ours(one)).abs().max())
    calls = {
        "port": ported,
        "ours": lambda: ours(one),
        "ours, 5 + 5": lambda: ours(five),
        "ours, episode": lambda: ours(guidance_of(model, 1)),
    }
    found = in_turn(calls, arguments.repeats)
    show("encoder4d, ResNet50, 400 x 400", found)
    print(f"  port / ours {ratio(found, 'port', 'ours')}, scores differ by {difference:.1e} at most")
    print(f"  5 + 5 / 1 + 1 {ratio(found, 'ours, 5 + 5', 'ours')}")
    for kind in ("imports", "guidance", "port", "ours", "ours5"):
        print(f"  peak memory, {kind}: {in_process('encoder4d', kind, arguments):.2f} GiB")
    query = model.extract(image)
    relation = model.relate(query, one)
    cells = [maps.shape[-2] * maps.shape[-1] for maps in query.taps]
    defect = [int(mask.sum()) + 1 for mask in one.defect]
    swept = sum(2 * 4 * 20 * n * (n + d) for n, d in zip(cells, defect, strict=True))
    stages = {
        "backbone": (lambda: model.extract(image), 0),
        "correlation and transport": (lambda: model.relate(query, one), swept),
        "encoder and decoder": (lambda: model.read(relation, query.size), 0),
    }
    floors(stages, arguments.repeats)


def cues(arguments: argparse.Namespace) -> None:
    side = SIDE["cues"]
    shipped = make("cues")
    model = without_views(shipped)
    once_looked, twice_looked = (changed(shipped, self_support=looks) for looks in (False, True))
    image = photograph(side, 99)
    one, five = (guidance_of(model, count) for count in (1, 5))
    few = guidance_of(model, 5, arguments.coreset)
    one_seen, few_seen = guidance_of(once_looked, 1), guidance_of(once_looked, 5, arguments.coreset)

    def plain(guidance: Guidance) -> Tensor:
        return plain_score(model, model.extract(image), guidance)

    def score(guidance: Guidance, model: OBFTNet = model) -> Tensor:
        return model.score(model.extract(image), guidance)

    difference = float((plain(one) - score(one)).abs().max())
    calls = {
        "plain": lambda: plain(one),
        "ours": lambda: score(one),
        "other views": lambda: score(one_seen, once_looked),
        "self-support": lambda: score(one_seen, twice_looked),
        "plain, 5 + 5": lambda: plain(five),
        "ours, 5 + 5": lambda: score(five),
        "coreset, 5 + 5": lambda: score(few),
        "and other views": lambda: score(few_seen, once_looked),
        "and self-support": lambda: score(few_seen, twice_looked),
    }
    found = in_turn(calls, arguments.repeats)
    show(f"cues, shipped weights, {side} x {side}", found)
    print(f"  plain / ours {ratio(found, 'plain', 'ours')}, scores differ by {difference:.1e} at most")
    print(f"  queries a second, self-support {1 / found['self-support'][0]:.1f}")
    print(f"  other views / ours {ratio(found, 'other views', 'ours')}")
    print(f"  self-support / other views {ratio(found, 'self-support', 'other views')}")
    print(f"  5 + 5 / 1 + 1 {ratio(found, 'ours, 5 + 5', 'ours')}")
    print(f"  coreset, 5 + 5 / 1 + 1 {ratio(found, 'coreset, 5 + 5', 'ours')}")
    print(f"  and other views / other views {ratio(found, 'and other views', 'other views')}")
    print(f"  and self-support / self-support {ratio(found, 'and self-support', 'self-support')}")
    support, mask = photograph(side, 0), marked(side)[None]
    layers = list(zip(five.supports, five.defect, five.backgrounds, five.usable, strict=True))
    once = {
        "choosing the coreset": lambda: [sorted_columns(*layer, arguments.coreset) for layer in layers],
        "a support": lambda: shipped.extract(support),
        "a support and its defect's views": lambda: shipped.extract(support, mask),
    }
    for name, (_, busy) in in_turn(once, arguments.repeats).items():
        print(f"  {name}, once: {busy:.2f} s processor")
    print(f"  peak memory, ours5: {in_process('cues', 'ours5', arguments):.2f} GiB")
    query = model.extract(image)
    relation = model.relate(query, one)
    stages = {
        "backbone": (lambda: model.extract(image), 0),
        "cues, 1 + 1": (lambda: model.relate(query, one), 0),
        "cues, 5 + 5": (lambda: model.relate(query, five), 0),
        "cues, 5 + 5, coreset": (lambda: model.relate(query, few), 0),
        "and other views, 1 + 1": (lambda: shipped.relate(query, one_seen), 0),
        "U-Net": (lambda: model.read(relation, query.size), 0),
    }
    floors(stages, arguments.repeats)


def make(row: str) -> OBFTNet:
    if row == "cues":
        return load_model(None, torch.device("cpu"))[0].eval()
    return OBFTNet(EncoderConfig(backbone="resnet50", size=SIDE[row])).eval()


def without_views(shipped: OBFTNet) -> OBFTNet:
    """The shipped backbone and cues but t and m; the reader has random weights, at the same cost."""
    cues = "".join(letter for letter in shipped.config.cues if not CUES[letter].views)
    config = shipped.config.model_copy(update={"cues": cues, "self_support": False})
    return OBFTNet(config, shipped.backbone).eval()


def changed(model: OBFTNet, **settings: object) -> OBFTNet:
    """The same weights under other settings."""
    other = OBFTNet(model.config.model_copy(update=settings), model.backbone).eval()
    other.load_state_dict(model.state_dict())
    return other


def plain_score(model: OBFTNet, query: Features, guidance: Guidance) -> Tensor:
    """The cues abnsu read off whole similarity matrices: the yardstick of `relation.scan`."""
    levels, taps = [], iter(zip(query.taps, guidance.columns, strict=True))
    for count in model.levels:
        maps = []
        for tap, columns in islice(taps, count):
            similarity = tap[0].flatten(1).mT @ columns.matrix
            defect, rest, good, _ = (similarity[:, chosen] for chosen in columns.slices())
            cues = {
                "a": defect.amax(1),
                "b": good.amax(1),
                "n": rest.amax(1),
                "s": (similarity / model.config.epsilon).softmax(1)[:, columns.slices()[DEFECT]].sum(1),
                "u": self_similarity(tap)[0],
            }
            maps += [cues[letter].reshape(tap.shape[-2:]) for letter in model.config.cues]
        levels.append(torch.stack(maps).unsqueeze(0))
    return model.read(Relation(tuple(levels), query.early), query.size).sigmoid()


def marked(side: int) -> Tensor:
    """(side, side) mask of a defect: a 36th of the image."""
    mask = torch.zeros(side, side)
    mask[side // 3 : side // 2, side // 3 : side // 2] = 1
    return mask


def guidance_of(model: OBFTNet, count: int, coreset: int = 0) -> Guidance:
    """`count` supports and as many backgrounds, seen one at a time to bound memory."""
    side = SIDE[model.config.reader]
    if model.config.reader == "cues":
        model = changed(model, coreset=coreset)
    masks = marked(side).expand(count, -1, -1)
    supports = joined([model.extract(photograph(side, index), masks[:1]) for index in range(count)])
    backgrounds = joined([model.extract(photograph(side, count + i, defective=False)) for i in range(count)])
    return model.guide(supports, masks, backgrounds)


def photograph(side: int, index: int, defective: bool = True) -> Tensor:
    """(1, 3, side, side) of a generated material: noise would make features that are all alike."""
    material = Material.from_seed(20_000_000, "leather")
    kind = material.defect_kinds(1)[0]
    image = material.defective(index, kind, side)[0] if defective else material.good(index, side)
    return to_tensor(image, (side, side)).unsqueeze(0)


def in_turn(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, tuple[float, float]]:
    """Median wall and processor seconds of each; the calls take turns, so that all meet the same machine."""
    for call in calls.values():
        call()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            wall, busy = time.perf_counter(), time.process_time()
            call()
            times[name].append((time.perf_counter() - wall, time.process_time() - busy))
    return {
        name: (statistics.median(t[0] for t in found), statistics.median(t[1] for t in found))
        for name, found in times.items()
    }


def show(title: str, found: dict[str, tuple[float, float]]) -> None:
    print(title)
    for name, (wall, busy) in found.items():
        print(f"  {name:16} {wall:8.4f} s wall {busy:8.4f} s processor")


def ratio(found: dict[str, tuple[float, float]], of: str, to: str) -> str:
    return f"{found[of][0] / found[to][0]:.2f} wall, {found[of][1] / found[to][1]:.2f} processor"


def floors(stages: dict[str, tuple[Callable[[], object], int]], repeats: int) -> None:
    a, big = torch.rand(2048, 2048), torch.rand(1 << 26)
    rates = in_turn({"product": lambda: a @ a, "read": lambda: big.sum()}, repeats)
    # Processor time adds up over threads: both rates and stages are then per core.
    product, read = 2 * 2048**3 / rates["product"][1], 4 * big.numel() / rates["read"][1]
    print(f"  rates a core: {product / 1e9:.0f} G operations/s, {read / 1e9:.1f} GB/s read")
    found = in_turn({name: call for name, (call, _) in stages.items()}, repeats)
    for name, (call, swept) in stages.items():
        with FlopCounterMode(display=False) as counter:
            call()
        floor = counter.get_total_flops() / product + swept / read
        busy = found[name][1]
        print(f"  {name:26} {busy:.4f} s processor, floor {floor:.4f} s, {busy / floor:.1f} times it")


def in_process(row: str, kind: str, arguments: argparse.Namespace) -> float:
    options = ["--threads", str(arguments.threads), "--side", str(arguments.side)]
    command = [sys.executable, __file__, *options, "--memory", f"{row},{kind}"]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(found.stdout.splitlines()[-1]))


def memory(row: str, kind: str) -> float:
    """Peak resident GiB of this process after two queries, or already after the guidance or the imports."""
    if kind == "imports":
        return peak()
    model, side = make(row), SIDE[row]
    guidance = guidance_of(model, 5 if kind.endswith("5") else 1)
    image = photograph(side, 99)
    port = port_guidance(guidance) if kind == "port" else None
    for _ in range(0 if kind == "guidance" else 2):
        query = model.extract(image)
        if port:
            port_score(model, query, port)
        else:
            model.score(query, guidance)
    return peak()


def peak() -> float:
    # Not getrusage: its peak is inherited from the process that started this one.
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 2**20 if found else float("nan")


if __name__ == "__main__":
    main()
