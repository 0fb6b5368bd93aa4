"""Teaching a backbone of our own which positions look alike.

The method uses nothing of a feature but its cosine similarities, so these alone are taught: on pairs of
images of one material, the student's similarity matrix at every level is drawn towards the teacher's. No
weight of the teacher enters the student.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from obftnet.backbones.backbone import Backbone
from obftnet.backbones.features import unit_features
from obftnet.backbones.records import Tap
from obftnet.backbones.registry import backbone_spec
from obftnet.data.collection import Collection, Sample
from obftnet.errors import InputError
from obftnet.files import alone_in
from obftnet.safefile import tensors_hash, write_safetensors
from obftnet.tensors import by_itself, to_tensor
from obftnet.training.checkpoint import FILE, load_state, save_state
from obftnet.training.log import RunLog
from obftnet.training.loop import SAVE_EVERY
from obftnet.training.loss import check_loss
from obftnet.training.run_file import check_run
from obftnet.training.streams import stream

#: Positions of an image drawn for the similarity matrix of a level; all pairs of a 32 x 32 grid are too many.
SAMPLED = 192
#: Share of same-material pairs; the others pair different materials, which should look different.
SAME = 0.75


@alone_in("out")
@by_itself
def distill(
    student: str,
    teacher: Backbone,
    collection: Collection,
    out: Path,
    *,
    steps: int,
    batch: int = 8,
    size: int = 256,
    lr: float = 2e-3,
    seed: int = 0,
    device: torch.device,
    progress: Callable[[int, int, float], None] | None = None,
) -> Path:
    """Train a backbone's weights from random initialisation; returns OUT/backbone.safetensors.

    Interrupted, the same call goes on from its last saved state.

    Args:
        student: name of a backbone record.
        teacher: a backbone with weights, of the same strides.
        collection: images to look at; masks are not read.
        out: the run's folder.
        steps: in all, with a one-cycle learning rate up to `lr`.
        batch: images a step, in pairs.
        size: side of the input, pixels.
        lr: largest learning rate of AdamW.
        seed: of initial weights and of what is drawn.
        device: where to compute.
        progress: told (steps done, steps in all, loss).

    Raises:
        InputError: the strides differ, `out` holds another run or one on other images, an image cannot be
            read, or changes meanwhile; the loss or the weights are no numbers any more.
    """
    spec = backbone_spec(student)
    strides = [sorted({tap.stride for tap in s.taps}) for s in (spec, teacher.spec)]
    if strides[0] != strides[1]:
        raise InputError(
            f"student {student} has strides {strides[0]}, the teacher {teacher.spec.name} {strides[1]}; "
            "take a pair with the same strides"
        )
    asked = {
        "student": student,
        "teacher": teacher.spec.name,
        "teacher_sha256": tensors_hash(teacher.state_dict()),
        "steps": steps,
        "batch": batch,
        "size": size,
        "lr": lr,
        "seed": seed,
        "data_sha256": collection.content(collection.samples, masks=False),
    }
    path = out / "backbone.safetensors"
    run = check_run(out, asked, (path.name, FILE, "log.csv"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        learner = Backbone(student).to(device)
    network = learner.network.requires_grad_(True).train()
    teacher = teacher.to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=0.02, foreach=False)
    found = load_state(out, run, network, optimizer, steps)
    step = 0 if found is None else found.step
    log = RunLog(out, step)
    pairs = _Pairs(collection, teacher, size, seed)

    while step < steps:
        rate = _one_cycle(lr, step, steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        images, wanted = pairs.batch(step, batch)
        with torch.autocast(device.type, torch.bfloat16):
            given = network(learner.normalised(images))
        rng = stream("positions", seed, step)
        maps = [given[tap.module] for tap in spec.taps]
        loss = similarity_loss(maps, spec.taps, wanted, teacher.spec.taps, rng)
        check_loss(out, loss, step + 1, rate)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        step += 1
        log.add(step, loss=loss.item(), lr=rate)
        if step % SAVE_EVERY == 0 or step == steps:
            collection.hashes.check()
            save_state(out, run, step, network, optimizer)
        if progress is not None:
            progress(step, steps, loss.item())
    log.close()
    # Of a finished run too: its state says all that is in this file, which may be gone.
    write_safetensors(path, learner.trunk.state_dict(), {"step": str(step)})
    return path


def similarity_loss(
    given: Sequence[Tensor],
    taps: Sequence[Tap],
    wanted: Sequence[Tensor],
    teacher_taps: Sequence[Tap],
    rng: np.random.Generator,
) -> Tensor:
    """Squared difference of similarity matrices, summed over the student's taps.

    The k-th of a level's student taps is held against the mean similarity of the k-th share of the
    teacher's taps of that stride. Both are compared raw, and with each row's mean taken away and weighted
    four times: what decides is which position is MORE alike, not how alike all are.

    Args:
        given: student maps (b, c, h, w), the images in pairs (0 with 1, 2 with 3, ...).
        taps: the student's.
        wanted: teacher maps of the same grids.
        teacher_taps: the teacher's.
        rng: draws the positions.
    """
    total = given[0].new_zeros(())
    strides = sorted({tap.stride for tap in taps})
    for stride in strides:
        own = [index for index, tap in enumerate(taps) if tap.stride == stride]
        theirs = [index for index, tap in enumerate(teacher_taps) if tap.stride == stride]
        h, w = given[own[0]].shape[-2:]
        count = min(SAMPLED, h * w)
        picked = [torch.from_numpy(rng.permutation(h * w)[:count]) for _ in range(2)]
        shares = np.array_split(np.array(theirs), len(own))
        for student_tap, share in zip(own, shares, strict=True):
            with torch.no_grad():
                target = torch.stack([_similarity(wanted[index], picked) for index in share]).mean(0)
            difference = _similarity(given[student_tap], picked) - target
            centred = difference - difference.mean(-1, keepdim=True)
            total = total + difference.square().mean() + 4 * centred.square().mean()
    return total


def _similarity(maps: Tensor, picked: list[Tensor]) -> Tensor:
    """Cosines of sampled positions of the first of each pair with sampled positions of both.

    (b, c, h, w) -> (b / 2, count, 2 * count).
    """
    unit = unit_features(maps).flatten(2)
    first, second = unit[0::2], unit[1::2]
    rows = first[:, :, picked[0]]
    columns = torch.cat([first[:, :, picked[1]], second[:, :, picked[1]]], -1)
    return rows.mT @ columns


def _one_cycle(lr: float, step: int, steps: int) -> float:
    warm = max(1, steps // 20)
    if step < warm:
        return lr * (step + 1) / warm
    return float(lr * 0.5 * (1 + np.cos(np.pi * (step - warm) / max(1, steps - warm))))


class _Pairs:
    """Pairs of images with the teacher's maps; a batch is a pure function of (seed, step).

    The teacher looks at each image once, as it is; the student sees it flipped and in another light. So it
    learns that light is not what makes two positions alike.
    """

    def __init__(self, collection: Collection, teacher: Backbone, size: int, seed: int) -> None:
        self._by_material = {
            material: [s for s in collection.samples if s.material == material]
            for material in collection.materials
        }
        self._names = sorted(self._by_material)
        self._teacher, self._size, self._seed = teacher, size, seed
        self._held: dict[Path, tuple[Tensor, list[Tensor]]] = {}

    def batch(self, step: int, count: int) -> tuple[Tensor, list[Tensor]]:
        """Images (count, 3, size, size) in 0..1, and the teacher's maps (count, c, h, w), fine to coarse."""
        rng = stream("pairs", self._seed, step)
        images, maps = [], []
        for _ in range(count // 2):
            first = self._names[rng.integers(len(self._names))]
            second = first if rng.random() < SAME else self._names[rng.integers(len(self._names))]
            for name in (first, second):
                samples = self._by_material[name]
                image, pyramid = self._look(samples[rng.integers(len(samples))])
                axes = [axis for axis in (1, 2) if rng.random() < 0.5]
                images.append(_other_light(image.flip(axes).float() / 255, rng))
                maps.append([level.flip(axes).float() for level in pyramid])
        return torch.stack(images), [torch.stack(level) for level in zip(*maps, strict=True)]

    def _look(self, sample: Sample) -> tuple[Tensor, list[Tensor]]:
        """An image (3, size, size) uint8 and the teacher's maps of it, float16 to hold thousands of them."""
        if sample.image not in self._held:
            image = to_tensor(sample.load_image(), (self._size, self._size)).to(self._teacher.mean.device)
            pyramid = [level[0].half() for level in self._teacher(image.unsqueeze(0)).taps]
            self._held[sample.image] = (image.mul(255).round().byte(), pyramid)
        return self._held[sample.image]


def _other_light(image: Tensor, rng: np.random.Generator) -> Tensor:
    """A global change of brightness and colour: (3, s, s) in 0..1 -> the same."""
    gain = torch.from_numpy(rng.uniform(0.85, 1.15, (3, 1, 1)).astype(np.float32)).to(image.device)
    return (image * gain * float(rng.uniform(0.8, 1.2)) + float(rng.uniform(-0.05, 0.05))).clamp(0, 1)
