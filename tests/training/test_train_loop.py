import csv
import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from obftnet.backbones.weights import load_backbone
from obftnet.config import CuesConfig, EncoderConfig, model_config
from obftnet.data import Collection, read_layout
from obftnet.data import collection as collection_module
from obftnet.errors import InputError
from obftnet.readers.encoder4d import Encoder4DReader
from obftnet.safefile import read_safetensors
from obftnet.training import loop
from obftnet.training.config import TrainConfig
from obftnet.training.loop import train
from obftnet.training.selection import Judge
from obftnet.weights import load_model, read_notes

CPU = torch.device("cpu")


class KilledError(Exception):
    pass


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    monkeypatch.setattr("obftnet.training.log._tensorboard", lambda folder, step: None)
    monkeypatch.setattr(loop, "SAVE_EVERY", 3)


@pytest.fixture
def run(backbone, collection, folds):
    def run(out: Path, reader: str = "cues", kill_at: int | None = None, **options) -> Path:
        def progress(done: int, total: int, loss: float) -> None:
            if done == kill_at:
                raise KilledError

        model_options = options.pop("model", {})
        rest = {"validate": options.pop("validate", None), "cache": options.pop("cache", None)}
        chosen = options.pop("folds", folds)
        config = TrainConfig(**{"steps": 8, "batch": 2, **options})
        model = model_config({"backbone": "compact", "size": 64, "reader": reader, **model_options})
        return train(model, config, backbone, collection, chosen, out, device=CPU, progress=progress, **rest)

    return run


def tensors(path: Path) -> dict[str, torch.Tensor]:
    return read_safetensors(path)[0]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def logged(out: Path) -> list[dict[str, str]]:
    with (out / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_end_to_end_the_backbone_learns_too_and_a_killed_run_goes_on(run, backbone, tmp_path):
    options = {"backbone_lr": 1e-3, "good_fraction": 0.5, "queries": 2, "average": 0.9, "image_loss": 0.3}
    options["model"] = {"cues": "abns", "query_skip": True, "change": True}
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    whole = run(tmp_path / "whole", steps=5, **options)
    learned, _ = load_model(whole)
    for key, value in learned.backbone.named_parameters():
        assert not torch.equal(value, before[key]), key
    for key, value in learned.backbone.named_buffers():
        if key in before:
            assert torch.equal(value, before[key]), key
    backbone.load_state_dict(before)
    with pytest.raises(KilledError):
        run(tmp_path / "killed", steps=5, kill_at=4, **options)
    backbone.load_state_dict(before)
    again = run(tmp_path / "killed", steps=5, **options)
    assert tensors(again).keys() == tensors(whole).keys()
    for key, value in tensors(whole).items():
        assert torch.equal(tensors(again)[key], value), key
    backbone.load_state_dict(before)
    backbone.requires_grad_(False)


def test_a_presence_is_not_trained(run, tmp_path):
    with pytest.raises(InputError, match="presence is fitted"):
        run(tmp_path / "out", steps=1, model={"cues": "abns", "presence": True})
    assert not (tmp_path / "out").exists()


def test_the_average_of_the_weights_is_what_a_run_ends_with(run, tmp_path):
    """By the recursion, from the weights after each step."""
    weights = []
    for steps in (1, 2, 3):
        path = run(tmp_path / str(steps), steps=steps, schedule="constant")
        weights.append(tensors(path)["reader.unet.entry.weight"])
    found = tensors(run(tmp_path / "average", steps=3, schedule="constant", average=0.15))
    average = weights[0]
    for count, now in enumerate(weights[1:], start=1):
        decay = min(0.15, (1 + count) / (10 + count))
        average = decay * average + (1 - decay) * now
    torch.testing.assert_close(found["reader.unet.entry.weight"], average)
    assert not torch.equal(found["reader.unet.entry.weight"], weights[-1])


def test_model_files_kept_on_the_way_are_those_of_shorter_runs(run, tmp_path):
    run(tmp_path / "long", steps=6, schedule="constant", keep_every=2, average=0.5)
    kept = sorted(path.name for path in (tmp_path / "long").glob("step_*"))
    assert kept == ["step_000002.safetensors", "step_000004.safetensors", "step_000006.safetensors"]
    short = tensors(run(tmp_path / "short", steps=4, schedule="constant", average=0.5))
    for key, value in tensors(tmp_path / "long" / "step_000004.safetensors").items():
        assert torch.equal(short[key], value), key


def test_a_side_too_small_for_the_backbone_is_refused_before_anything_is_written(run, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InputError, match="input of 32 x 32 is too small for the backbone compact"):
        run(out, backbone_lr=1e-3, smallest=32, model={"cues": "abns", "size": 96})
    assert not list(out.glob("*.*"))


def test_what_end_to_end_training_cannot_do_is_refused(run, tmp_path):
    with pytest.raises(InputError, match="2 queries a guidance"):
        run(tmp_path, queries=2)
    with pytest.raises(InputError, match="reader cues"):
        run(tmp_path, "encoder4d", backbone_lr=1e-3)
    with pytest.raises(InputError, match="leave out the cache"):
        run(tmp_path, backbone_lr=1e-3, cache=tmp_path / "cache")


@pytest.mark.parametrize("reader", ["cues", "encoder4d"])
def test_only_the_reader_learns(run, backbone, tmp_path, reader):
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    path = run(tmp_path, reader, steps=2)
    model, _ = load_model(path)
    for key, value in model.backbone.state_dict().items():
        assert torch.equal(value, before[key]), key
    with torch.random.fork_rng():
        torch.manual_seed(0)
        untrained = type(model)(model.config)
    # The reader's weights were drawn from the run's seed, and every one of them has moved.
    moved = [
        not torch.equal(value, start)
        for value, start in zip(model.reader.parameters(), untrained.reader.parameters(), strict=True)
    ]
    assert all(moved)


def test_the_loss_of_one_repeated_episode_falls(run, folds, tmp_path):
    run(tmp_path, steps=25, episodes=1, batch=1, augment="none", folds={"tile": folds["tile"]})
    losses = [float(row["loss"]) for row in logged(tmp_path)]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize(("reader", "kill_at"), [("cues", 1), ("cues", 8), ("encoder4d", 5)])
def test_a_killed_run_ends_with_the_same_file(run, tmp_path, reader, kill_at):
    whole = run(tmp_path / "whole", reader)
    with pytest.raises(KilledError):
        run(tmp_path / "cut", reader, kill_at=kill_at)
    assert not (tmp_path / "cut" / "model.safetensors").exists()
    resumed = run(tmp_path / "cut", reader)
    assert digest(resumed) == digest(whole)
    if reader == "cues":
        assert any("running_mean" in key for key in tensors(resumed))
    assert [int(row["step"]) for row in logged(tmp_path / "cut")] == list(range(1, 9))
    for name in ("loss", "lr"):
        assert [row[name] for row in logged(tmp_path / "cut")] == [
            row[name] for row in logged(tmp_path / "whole")
        ]


def test_killed_again_and_again(run, tmp_path):
    whole = run(tmp_path / "whole", cache=tmp_path / "cache")
    for kill_at in (4, 7, 8):
        with pytest.raises(KilledError):
            run(tmp_path / "cut", kill_at=kill_at, cache=tmp_path / "cache")
    assert digest(run(tmp_path / "cut", cache=tmp_path / "cache")) == digest(whole)


def test_a_finished_run_called_again_changes_nothing(run, tmp_path):
    before = digest(run(tmp_path))
    stamps = logged(tmp_path)
    assert digest(run(tmp_path)) == before
    assert logged(tmp_path) == stamps


def test_a_process_that_is_killed_goes_on(run, textures, folds, tmp_path):
    script = f"""
        import os, signal, torch
        from pathlib import Path
        from obftnet.config import CuesConfig
        from obftnet.data import default_folds, read_layout
        from obftnet.backbones.weights import load_backbone
        from obftnet.training import loop
        from obftnet.training.config import TrainConfig
        torch.set_num_threads(1)
        loop.SAVE_EVERY = 3
        loop._tensorboard = None
        data = read_layout("mvtec", {str(textures)!r})
        loop.train(
            CuesConfig(backbone="compact", size=64), TrainConfig(steps=8, batch=2),
            load_backbone("compact", "random", seed=0), data, default_folds(data),
            Path({str(tmp_path / "cut")!r}),
            device=torch.device("cpu"),
            progress=lambda done, total, loss: os.kill(os.getpid(), signal.SIGKILL) if done == 5 else None,
        )
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr.decode()
    assert [int(row["step"]) for row in logged(tmp_path / "cut")] == [1, 2, 3, 4, 5]
    assert digest(run(tmp_path / "cut")) == digest(run(tmp_path / "whole"))
    assert [int(row["step"]) for row in logged(tmp_path / "cut")] == list(range(1, 9))


def test_a_seed_decides_the_result_whatever_the_state_around(run, tmp_path):
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 (the state that must not matter)
    first = digest(run(tmp_path / "a", steps=2))
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    state = torch.get_rng_state()
    assert digest(run(tmp_path / "b", steps=2)) == first
    assert torch.equal(torch.get_rng_state(), state)
    assert digest(run(tmp_path / "c", steps=2, seed=1)) != first


def test_a_cache_changes_no_more_than_half_precision_does(run, tmp_path):
    plain = tensors(run(tmp_path / "plain", steps=1))
    cached = tensors(run(tmp_path / "cached", steps=1, cache=tmp_path / "cache"))
    assert list((tmp_path / "cache").rglob("*.npz"))
    key = "reader.unet.norm.running_mean"
    torch.testing.assert_close(cached[key].float(), plain[key].float(), rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 3}, "training setting: seed was 0 and is now 3"),
        ({"loss": "ce"}, "training setting: loss was 'ce_dice' and is now 'ce'"),
        ({"steps": 9}, "training setting: steps was 1 and is now 9"),
        ({"model": {"cues": "abns"}}, "model setting: cues was 'abnsolp' and is now 'abns'"),
        ({"folds": {"tile": ("tile",)}}, "folds"),
    ],
)
def test_another_run_in_the_same_folder_is_refused_by_the_setting(run, tmp_path, change, named):
    before = digest(run(tmp_path, steps=1))
    with pytest.raises(InputError) as caught:
        run(tmp_path, **{"steps": 1, **change})
    message = str(caught.value)
    assert named in message
    assert str(tmp_path) in message
    assert "use another folder" in message
    assert "\n" not in message
    assert digest(tmp_path / "model.safetensors") == before


def test_another_backbone_in_the_same_folder_is_refused(run, collection, folds, tmp_path):
    run(tmp_path, steps=1)
    other = load_backbone("compact", "random", seed=1)
    model = CuesConfig(backbone="compact", size=64)
    with pytest.raises(InputError, match="backbone_sha256"):
        train(model, TrainConfig(steps=1, batch=2), other, collection, folds, tmp_path, device=CPU)


@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 100_000, "\xff", '{"a": NaN}'])
def test_a_folder_with_another_run_json_is_refused(run, tmp_path, content):
    (tmp_path / "run.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=r"run\.json: .*the JSON of a run"):
        run(tmp_path, steps=1)


def other_pixels(root: Path, name: str) -> None:
    """Another image or mask under the same name, of the same size, with the same times."""
    path = next(path for path in sorted(root.rglob(name)) if path.is_file())
    status = path.stat()
    Image.open(path).transpose(Image.Transpose.ROTATE_180).save(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("name", ["train/good/000.png", "test/*/000.png", "ground_truth/*/000_mask.png"])
def test_a_killed_run_does_not_go_on_with_other_data_of_the_same_names(
    run, textures, folds, backbone, tmp_path, name
):
    with pytest.raises(KilledError):
        run(tmp_path / "out", kill_at=4)
    shutil.copytree(textures, tmp_path / "copy")
    other_pixels(tmp_path / "copy" / "tile", name)
    model, config = CuesConfig(backbone="compact", size=64), TrainConfig(steps=8, batch=2)
    with pytest.raises(InputError, match="another data_sha256"):
        train(
            model,
            config,
            backbone,
            read_layout("mvtec", tmp_path / "copy"),
            folds,
            tmp_path / "out",
            device=CPU,
        )
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_the_same_data_elsewhere_goes_on(run, textures, folds, backbone, tmp_path):
    whole = run(tmp_path / "whole")
    with pytest.raises(KilledError):
        run(tmp_path / "out", kill_at=4)
    shutil.copytree(textures, tmp_path / "copy")
    copy = read_layout("mvtec", tmp_path / "copy")
    model, config = CuesConfig(backbone="compact", size=64), TrainConfig(steps=8, batch=2)
    resumed = train(model, config, backbone, copy, folds, tmp_path / "out", device=CPU)
    assert digest(resumed) == digest(whole)


def test_data_that_change_while_they_are_trained_on_stop_the_run(textures, folds, backbone, tmp_path):
    shutil.copytree(textures, tmp_path / "copy")

    def progress(done: int, total: int, loss: float) -> None:
        if done == 1:
            other_pixels(tmp_path / "copy" / "tile", "000.png")

    model, config = CuesConfig(backbone="compact", size=64), TrainConfig(steps=8, batch=2)
    copy = read_layout("mvtec", tmp_path / "copy")
    with pytest.raises(InputError, match="changed while it was in use"):
        train(model, config, backbone, copy, folds, tmp_path / "out", device=CPU, progress=progress)
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_what_is_judged_on_is_part_of_a_run(run, collection, tmp_path):
    options = {"select": "held_out", "validate_every": 2, "steps": 2}
    run(tmp_path, validate=Judge(collection, ("leather",)), **options)
    with pytest.raises(InputError, match="another validation_sha256"):
        run(tmp_path, validate=Judge(collection, ("tile",)), **options)


@pytest.mark.parametrize("options", [{}, {"select": "held_out", "validate_every": 2}])
def test_a_lost_model_of_a_finished_run_is_made_again(run, tmp_path, options):
    if options:
        options["validate"] = lambda model: -abs(float(model.reader.unet.norm.num_batches_tracked) - 4)
    before = digest(run(tmp_path, **options))
    (tmp_path / "model.safetensors").unlink()
    assert digest(run(tmp_path, **options)) == before
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    assert digest(run(tmp_path, **options)) == before


@pytest.mark.parametrize("name", ["model.safetensors", "training.safetensors", "log.csv"])
def test_a_file_that_no_run_of_ours_wrote_is_not_replaced(run, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=f"{name}: would be overwritten"):
        run(tmp_path, steps=1)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_state_without_its_run_json_is_not_taken_up(run, tmp_path):
    run(tmp_path, steps=1)
    (tmp_path / "run.json").unlink()
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "log.csv").unlink()
    with pytest.raises(InputError, match=r"training\.safetensors: would be overwritten"):
        run(tmp_path, steps=1, seed=1)


def test_a_run_with_more_settings_than_are_asked_for_is_another(run, tmp_path):
    run(tmp_path, steps=1)
    content = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(content | {"start_sha256": "x"}))
    with pytest.raises(InputError, match="start_sha256: it was 'x' and is now None"):
        run(tmp_path, steps=1)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_run(run, tmp_path, monkeypatch, value):
    losses = iter([0.5, 0.4, value])
    real = loop.segmentation_loss
    monkeypatch.setattr(loop, "segmentation_loss", lambda *given: real(*given) * 0 + next(losses))
    with pytest.raises(InputError, match=f"the loss is {value} at step 3") as caught:
        run(tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "model.safetensors").exists()


def test_an_out_that_is_a_file_is_refused(run, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="out: is a file"):
        run(tmp_path / "out", steps=1)


def test_materials_outside_the_folds_are_never_opened(run, folds, textures, tmp_path, monkeypatch):
    opened: set[str] = set()
    for name in ("read_image", "read_mask"):
        read = getattr(collection_module, name)
        monkeypatch.setattr(
            collection_module,
            name,
            lambda path, *rest, _read=read, **more: opened.add(Path(path)) or _read(path, *rest, **more),
        )
    run(tmp_path, steps=12, folds={name: some for name, some in folds.items() if name != "fabric"})
    assert {path.relative_to(textures).parts[0] for path in opened} == {"leather", "tile"}


def test_the_model_says_how_it_came_to_be(run, folds, tmp_path):
    notes = read_notes(run(tmp_path, steps=2, seed=7))
    assert notes["trained_on"] == {name: sorted(materials) for name, materials in folds.items()}
    assert (notes["step"], notes["selected_by"], notes["training"]["seed"]) == (2, "last step", 7)


def test_the_best_step_is_kept_where_one_is_selected(run, tmp_path):
    values = iter([0.2, 0.6, 0.5, 0.6])
    seen: dict[int, dict[str, torch.Tensor]] = {}

    def validate(model) -> float:
        assert not model.training
        seen[len(seen)] = {key: value.clone() for key, value in model.reader.state_dict().items()}
        return next(values)

    path = run(tmp_path, select="held_out", validate_every=2, validate=validate)
    notes = read_notes(path)
    assert (notes["step"], notes["validation_miou"], notes["selected_by"]) == (
        4,
        0.6,
        "held-out training classes",
    )
    kept, _ = load_model(path)
    for key, value in kept.reader.state_dict().items():
        assert torch.equal(value, seen[1][key]), key
    assert [row["validation_miou"] for row in logged(tmp_path)] == [
        "",
        "0.2",
        "",
        "0.6",
        "",
        "0.5",
        "",
        "0.6",
    ]


@pytest.mark.parametrize("kill_at", [3, 4, 8])
def test_a_killed_run_keeps_its_best_step(run, tmp_path, kill_at):
    def validate(model) -> float:  # a function of the model, as real ones are
        return -abs(float(model.reader.unet.norm.num_batches_tracked) - 4)

    options = {"select": "held_out", "validate_every": 2, "validate": validate}
    whole = run(tmp_path / "whole", **options)
    with pytest.raises(KilledError):
        run(tmp_path / "cut", kill_at=kill_at, **options)
    cut = run(tmp_path / "cut", **options)
    assert digest(cut) == digest(whole)
    assert read_notes(cut)["step"] == 4
    assert digest(run(tmp_path / "cut", **options)) == digest(whole)


@pytest.mark.parametrize("reader", ["cues", "encoder4d"])
def test_several_shots(run, tmp_path, reader):
    assert run(tmp_path, reader, steps=2, shots=2, backgrounds=2).exists()


def test_kinds_with_fewer_groups_than_shots_train_beside_others(
    run, collection, folds, tmp_path, monkeypatch
):
    """Such a kind gives fewer supports, so that one batch holds episodes of different numbers of shots."""
    short = [
        s for s in collection.samples if s.material == "tile" and s.mask is not None and s.image.stem == "002"
    ]
    fewer = Collection(collection.root, "mvtec", tuple(s for s in collection.samples if s not in short))
    shots = []
    forward = Encoder4DReader.forward
    monkeypatch.setattr(
        Encoder4DReader,
        "forward",
        lambda self, relation, size: (
            shots.append((len(relation.levels[0]), relation.shots)) or forward(self, relation, size)
        ),
    )
    model = EncoderConfig(backbone="compact", size=64)
    config = TrainConfig(steps=2, batch=8, shots=2)
    train(model, config, load_backbone("compact", "random"), fewer, folds, tmp_path, device=CPU)
    assert {count for _, count in shots} == {1, 2}
    assert sum(batch // count for batch, count in shots) == 16
    assert all(math.isfinite(float(row["loss"])) for row in logged(tmp_path))


def test_run_json_is_what_was_asked(run, folds, tmp_path):
    run(tmp_path, steps=1, lr=0.5)
    content = json.loads((tmp_path / "run.json").read_text())
    assert content["training"]["lr"] == 0.5
    assert content["model"]["reader"] == "cues"
    assert content["folds"]["fabric"] == ["fabric_00", "fabric_01"]


def test_bfloat16_trains_float32_weights_and_is_refused_where_it_would_crash(run, tmp_path):
    path = run(tmp_path / "half", steps=2, precision="bfloat16")
    exact = run(tmp_path / "full", steps=2)
    found, other = tensors(path), tensors(exact)
    assert all(a.isfinite().all() for a in found.values())
    assert any(not torch.equal(found[key], other[key]) for key in found if key.startswith("reader."))
    model, _ = load_model(path)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    with pytest.raises(InputError, match=r"bfloat16.*encoder4d.*float32"):
        run(tmp_path / "refused", "encoder4d", precision="bfloat16")
    assert not (tmp_path / "refused").exists()
