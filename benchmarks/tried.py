"""The leads that were measured, one core, those that pay and those that do not: docs/performance.md.

    python benchmarks/tried.py [--repeats 5]

Milliseconds are processor time, medians, of one thread. "Change" rows compare scores or logits with those of
the plain float32 path, on generated images with the shipped weights; the 4D reader is untrained, so that its
change is given in standard deviations of its logits over the image.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

import obftnet.transport.algorithm1 as algorithm1
from obftnet.backbones.features import Features
from obftnet.config import EncoderConfig
from obftnet.guidance.guidance import Guidance
from obftnet.model import OBFTNet
from obftnet.synthetic import Material
from obftnet.tensors import mask_fraction, to_tensor
from obftnet.transport import sinkhorn_scaling
from obftnet.weights import load_model

REPEATS = 5
LAST = torch.channels_last


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    globals()["REPEATS"] = parser.parse_args().repeats
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with torch.inference_mode():
        for part in (products, sweeps, convolutions, backbone, half_precision_cues, half_precision_encoder):
            part()


def report(name: str, call: Callable[[], object]) -> None:
    call()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    print(f"{name:66} {1e3 * statistics.median(times):8.1f} ms")


def products() -> None:
    q, g = F.normalize(torch.randn(2500, 512), dim=1), F.normalize(torch.randn(512, 2500), dim=0)
    half_q, half_g = q.bfloat16(), g.bfloat16()
    report("correlation 2500 x 512 x 2500, float32", lambda: q @ g)
    report("correlation 2500 x 512 x 2500, bfloat16", lambda: half_q @ half_g)
    similarity = q @ g
    report("exp of 2500 x 2500", similarity.exp)
    report("exp2 of 2500 x 2500", similarity.exp2)


def sweeps() -> None:
    kernel = torch.rand(2500, 2500) + 0.1
    half = kernel.bfloat16()

    def batched() -> None:
        n = torch.ones(1, 2500, 1)
        for _ in range(20):
            n = 1 / torch.bmm(kernel[None].mT, 1 / torch.bmm(kernel[None], n))

    def vectors() -> None:
        n = torch.ones(2500)
        for _ in range(20):
            n = 1 / torch.mv(kernel.mT, 1 / torch.mv(kernel, n))

    def one_pass(rows: int) -> None:
        n = torch.ones(2500)
        for _ in range(20):
            total = torch.zeros(2500)
            for block in kernel.split(rows):
                total.addmv_(block.mT, 1 / torch.mv(block, n))
            n = 1 / total

    def in_half() -> None:
        n = torch.ones(2500, 1, dtype=torch.bfloat16)
        for _ in range(20):
            n = (1 / ((1 / (half @ n)).mT @ half)).mT

    report("20 sweeps of 2500 x 2500, batched products of width 1", batched)
    report("20 sweeps of 2500 x 2500, matrix-vector products", vectors)
    report("20 sweeps of 2500 x 2500, one pass a sweep by 100 rows", lambda: one_pass(100))
    report("20 sweeps of 2500 x 2500, kernel in bfloat16", in_half)


def convolutions() -> None:
    weight, kept = torch.randn(16, 8, 5, 5), torch.rand(1, 8, 50, 50, 169)
    maps = torch.rand(169, 8, 50, 50)
    last = maps.contiguous(memory_format=LAST)
    report(
        "first query branch, 3D convolution over folded axes",
        lambda: F.conv3d(kept, weight.unsqueeze(4), padding=(2, 2, 0)),
    )
    report("first query branch, 2D", lambda: F.conv2d(maps, weight, padding=2))
    report("first query branch, 2D, channels last", lambda: F.conv2d(last, weight, padding=2))
    rows = torch.rand(100, 8, 50, 50)
    report("first guidance branch, 100 rows, 2D", lambda: F.conv2d(rows, weight, stride=4, padding=2))
    report(
        "first guidance branch, 100 rows, unfolded to products",
        lambda: weight.reshape(16, 200) @ F.unfold(rows, 5, padding=2, stride=4),
    )
    fused, weight = torch.rand(2500, 128, 2, 2).contiguous(memory_format=LAST), torch.randn(128, 128, 3, 3)
    report("fusion's guidance branch on 2 x 2, 2D", lambda: F.conv2d(fused, weight, padding=1))
    flat, dense = torch.rand(2500, 512), torch.rand(512, 512)
    report("fusion's guidance branch on 2 x 2, one product", lambda: flat @ dense)


def folded(network: fx.GraphModule) -> fx.GraphModule:
    """Batch norms folded into the convolutions before them."""
    network = fx.GraphModule(network, copy.deepcopy(network.graph)).eval()
    modules = dict(network.named_modules())
    for node in list(network.graph.nodes):
        if node.op == "call_module" and isinstance(modules[node.target], nn.BatchNorm2d):
            before = node.args[0]
            fused = fuse_conv_bn_eval(modules[before.target], modules[node.target])
            network.set_submodule(before.target, fused)
            node.replace_all_uses_with(before)
            network.graph.erase_node(node)
    network.recompile()
    return network


def backbone() -> None:
    network = load_model(None, torch.device("cpu"))[0].backbone.network
    image = torch.rand(1, 3, 256, 256)
    fold = folded(network)
    last = folded(network).to(memory_format=LAST)
    report("compact backbone at 256, as it is", lambda: network(image))
    report("compact backbone at 256, batch norms folded", lambda: fold(image))
    report(
        "compact backbone at 256, folded, channels last",
        lambda: last(image.contiguous(memory_format=LAST)),
    )


def episode(model: OBFTNet, seed: int) -> tuple[Features, Guidance]:
    material = Material.from_seed(seed)
    kind = material.defect_kinds(1)[0]
    side = model.size
    marked, mask = material.defective(0, kind, side)
    support, background, query = (
        to_tensor(image, (side, side)).unsqueeze(0)
        for image in (marked, material.good(0, side), material.defective(1, kind, side)[0])
    )
    masks = mask_fraction(mask, (side, side)).unsqueeze(0)
    guidance = model.guide(model.extract(support, masks), masks, model.extract(background))
    return model.extract(query), guidance


def half_precision_cues() -> None:
    model = load_model(None, torch.device("cpu"))[0].eval()
    backbones, readers = [], []
    for seed in range(20_000_000, 20_000_005):
        query, guidance = episode(model, seed)
        relation = model.relate(query, guidance)
        score = model.read(relation, query.size).sigmoid()
        with torch.autocast("cpu", torch.bfloat16):
            found = model.read(relation, query.size).float().sigmoid()
            readers.append(float((found - score).abs().max()))
            query, guidance = episode(model, seed)
        found = model.read(model.relate(query, guidance), query.size).sigmoid()
        backbones.append(float((found - score).abs().max()))
    print(f"change of the score, backbone in bfloat16, largest of 5 episodes  {max(backbones):.3f}")
    print(f"change of the score, U-Net in bfloat16, largest of 5 episodes     {max(readers):.3f}")


def half_precision_encoder() -> None:
    shipped = load_model(None, torch.device("cpu"))[0].backbone
    model = OBFTNet(EncoderConfig(backbone="compact", size=224), shipped).eval()

    def logits(query: Features, guidance: Guidance) -> Tensor:
        return model.read(model.relate(query, guidance), query.size).float()

    def rough_similarity(similarity: Tensor, *rest: object, **options: object) -> object:
        return sinkhorn_scaling(similarity.bfloat16().float(), *rest, **options)

    def rough_kernel(similarity: Tensor, epsilon: float, *rest: object, **options: object) -> object:
        exponent = (similarity - similarity.amax(-1, keepdim=True)) / epsilon
        return sinkhorn_scaling(exponent.exp().bfloat16().float().log() * epsilon, epsilon, *rest, **options)

    changes: dict[str, list[float]] = {}
    for seed in range(20_000_000, 20_000_003):
        query, guidance = episode(model, seed)
        expected = logits(query, guidance)
        for name, solver in (("correlation", rough_similarity), ("kernel", rough_kernel)):
            algorithm1.sinkhorn_scaling = solver
            found = logits(query, guidance)
            algorithm1.sinkhorn_scaling = sinkhorn_scaling
            changes.setdefault(name, []).append(float((found - expected).abs().max() / expected.std()))
        relation = model.relate(query, guidance)
        with torch.autocast("cpu", torch.bfloat16):
            found = model.read(relation, query.size).float()
        changes.setdefault("convolutions", []).append(float((found - expected).abs().max() / expected.std()))
    for name, found in changes.items():
        print(f"change of the 4D reader's logits, {name} in bfloat16: {max(found):.3f} deviations")


if __name__ == "__main__":
    main()
