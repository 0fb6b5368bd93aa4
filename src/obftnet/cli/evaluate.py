"""`obftnet evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from obftnet import __version__
from obftnet.cli.options import (
    AnyLayout,
    BackboneWeights,
    Data,
    Device,
    FoldsFile,
    ProtocolName,
    Threads,
    Weights,
)
from obftnet.cli.progress import progress_bar
from obftnet.cli.signals import signals
from obftnet.cli.terminal import say, table
from obftnet.cli.threads import use_threads
from obftnet.errors import InputError
from obftnet.files import alone_in

if TYPE_CHECKING:
    from obftnet.cli.settings import DataSet
    from obftnet.contract import Method

_Opt = typer.Option

#: What stands in the tables: heading, key in the results, digits.
_PIXELS = (
    ("mIoU", "miou", 1),
    ("best mIoU", "best_miou", 1),
    ("FB-IoU", "fb_iou", 1),
    ("AP", "ap", 1),
    ("AUPRO", "aupro", 1),
    ("regions found", "region_recall", 1),
)
_IMAGES = (
    ("image AUROC", "image_auroc", 1),
    ("good images with a mark", "with_mark", 0),
    ("good images with a region", "with_region", 0),
    ("false-positive area on good images", "false_positive_area", 2),
)


#: What may stand beside a pack, which settles all else.
_BESIDE_PACK = {
    "data",
    "out",
    "pack",
    "weights",
    "layout",
    "fold",
    "folds",
    "protocol_name",
    "device",
    "threads",
}


@alone_in("out", file=True)
def evaluate_command(
    context: typer.Context,
    data: Data,
    out: Annotated[
        Path,
        _Opt(
            "--out",
            help="results.json; a CSV of every query and a picture grid a fold are written beside it.",
        ),
    ],
    pack: Annotated[
        Path | None,
        _Opt("--pack", help="A pack that obftnet fit wrote: its guidance and decision for all images."),
    ] = None,
    weights: Weights = None,
    method: Annotated[
        str | None,
        _Opt(
            help="A reference that nothing is trained for: nn_contrast, memory_bank, prototype; else the "
            "weights say."
        ),
    ] = None,
    backbone: Annotated[str, _Opt(help="Of a reference.")] = "mobilenet_v2",
    backbone_weights: BackboneWeights = None,
    size: Annotated[int, _Opt(min=64, max=4096, help="Input side of a reference, pixels.")] = 256,
    protocol_name: ProtocolName = None,
    layout: AnyLayout = None,
    fold: Annotated[
        list[str] | None, _Opt("--fold", help="Fold to test; may be repeated; default: all.")
    ] = None,
    folds: FoldsFile = None,
    shots: Annotated[int, _Opt(min=1, max=100, help="Supports an episode.")] = 1,
    backgrounds: Annotated[
        int, _Opt(min=1, max=100, help="Backgrounds an episode; the paper draws one.")
    ] = 1,
    seeds: Annotated[int, _Opt(min=1, max=1000, help="Draws of supports and backgrounds.")] = 5,
    background_source: Annotated[
        Literal["good", "window", "complement"] | None,
        _Opt(help="good (default); complement, window: for data without good images."),
    ] = None,
    threshold: Annotated[float, _Opt(min=0, max=1, help="Score above which a position is defect.")] = 0.5,
    min_area: Annotated[
        float, _Opt(min=0, help="Least area of a marked region, pixels; smaller ones are dropped.")
    ] = 0,
    min_length: Annotated[
        float, _Opt(min=0, help="Least length of a marked region, pixels; shorter ones are dropped.")
    ] = 0,
    episodes: Annotated[Path | None, _Opt(help="Evaluate the episodes in this JSON file.")] = None,
    write_episodes_to: Annotated[
        Path | None, _Opt("--write-episodes", help="Write the episodes here.")
    ] = None,
    pictures: Annotated[int, _Opt(min=0, max=100, help="Rows of each fold's picture grid; 0: none.")] = 8,
    lowest: Annotated[
        bool,
        _Opt("--worst", help="Draw the queries of the lowest IoU, not such as are spread over the fold."),
    ] = False,
    cache: Annotated[
        Path | None, _Opt(help="Folder that keeps relations between runs, in half precision.")
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Evaluate by the protocol: every defect image once as the query, several seeds.

    Stopped before its end, the same command goes on where it was.
    """
    with signals.loading():
        from dataclasses import asdict

        from obftnet.backbones.weights import load_backbone
        from obftnet.cli.settings import data_set
        from obftnet.data.episode_files import (
            check_episodes_place,
            episodes_content,
            read_episodes,
            write_episodes,
        )
        from obftnet.data.folds import one_fold
        from obftnet.evaluation.answers import Protocol
        from obftnet.evaluation.evaluate import (
            Evaluator,
            as_drawn,
            draw,
            evaluate,
            group,
            samples_of,
        )
        from obftnet.evaluation.journal import Journal
        from obftnet.evaluation.pictures import draw_grid, spread_out
        from obftnet.evaluation.place import check_place, picture_file, queries_file
        from obftnet.evaluation.queries import worst, write_queries
        from obftnet.evaluation.results import summarise
        from obftnet.files import write_json
        from obftnet.methods.registry import TRAINED, method_name, reference
        from obftnet.safefile import tensors_hash
        from obftnet.segmenter import resolve_device
        from obftnet.weights import find_weights, load_method

        use_threads(threads)

    if pack is not None:
        _by_pack(
            context, pack, data_set(data, protocol_name, layout, folds, None), fold, out, weights, device
        )
        return
    where = resolve_device(device)
    found = data_set(data, protocol_name, layout, folds, background_source)
    collection = found.collection
    chosen = {name: one_fold(found.folds, name, "folds") for name in fold} if fold else found.folds
    chosen = {name: materials for name, materials in chosen.items() if materials}
    check_place(out, chosen)
    protocol = Protocol(shots, backgrounds, seeds, found.background_source, threshold, min_area, min_length)
    decision = protocol.decision  # numbers outside their range are refused before hours are spent
    about: dict[str, object] = {} if protocol_name is None else {"protocol": protocol_name}
    subject: Method[Any]
    name: str
    if method is not None and method not in TRAINED:
        if weights is not None:
            raise InputError(f"--weights: --method {method} has none of ours; leave one of the two out")
        subject = reference(method, load_backbone(backbone, backbone_weights).to(where), size)
        name = method
    else:
        model, digest = load_method(weights, where)
        subject = model
        name = method_name(model.config)
        if method is not None and method != name.removesuffix("_cues"):
            raise InputError(f"--method {method}: the weights {find_weights(weights)} are of {name}")
        about |= {
            "weights": str(find_weights(weights)),
            "weights_sha256": digest,
            "model": model.config.model_dump(),
        }
    drawn = (
        group(read_episodes(episodes, collection), chosen) if episodes else draw(collection, chosen, protocol)
    )
    if not drawn:
        raise InputError(f"{episodes}: no episode of the folds {', '.join(chosen)} in it")
    if episodes:
        protocol = as_drawn(protocol, drawn)
    listed = [e for by_seed in drawn.values() for some in by_seed.values() for e in some]
    if write_episodes_to is not None:
        check_episodes_place(write_episodes_to, [out, *([episodes] if episodes else [])])
        write_episodes(write_episodes_to, listed, collection)
    # All that the measures depend on: an unfinished evaluation of anything else is not gone on with.
    asked = {
        "version": __version__,
        "method": name,
        "size": subject.size,
        "backbone": tensors_hash(subject.backbone.state_dict()),
        "protocol": asdict(protocol),
        "folds": {fold: list(materials) for fold, materials in chosen.items()},
        "episodes": episodes_content(listed, collection),
        "data": collection.content(samples_of(listed)),
        "cached": cache is not None,
        **about,
    }
    journal = Journal(out.with_name(f"{out.stem}.unfinished"), asked)
    evaluator = Evaluator(subject, collection, cache=cache)
    with progress_bar("evaluate") as update:

        def progress(label: str, done: int, total: int) -> None:
            update(done, total, description=label)

        results = evaluate(evaluator, drawn, protocol, progress, journal)
    first = next(iter(next(iter(drawn.values())).values()))
    seconds = evaluator.seconds(first)
    speed = {
        "seconds": seconds,
        "fps": {key: 1 / value for key, value in seconds.items()},
        "device": str(where),
    }
    summary = summarise(name, protocol, results, size=subject.size, **about, speed=speed)
    write_json(out, summary)
    write_queries(queries_file(out), results, collection)
    for fold_name, of_seeds in results.items() if pictures else ():
        first_seed = of_seeds[0]
        shown = worst(first_seed, pictures) if lowest else spread_out(first_seed.defective, pictures)
        rows = [(answer.episode, evaluator.score(answer.episode)) for answer in shown]
        title = f"{name}, fold {fold_name}, {protocol.shots}-shot, seed {shown[0].episode.seed}"
        title += ", lowest IoU first" if lowest else ""
        draw_grid(picture_file(out, fold_name), rows, decision, title)
    journal.remove()
    _print(summary)


def _by_pack(
    context: typer.Context,
    pack: Path,
    found: "DataSet",
    fold: list[str] | None,
    out: Path,
    weights: str | None,
    device: str,
) -> None:
    from obftnet.data.folds import one_fold
    from obftnet.packing.evaluate import evaluate_pack

    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT" and name not in _BESIDE_PACK:
            option = "--worst" if name == "lowest" else "--" + name.replace("_", "-")
            raise InputError(f"{option}: the pack settles how it is evaluated; leave it out")
    chosen = {name: one_fold(found.folds, name, "folds") for name in fold} if fold else found.folds
    chosen = {name: materials for name, materials in chosen.items() if materials}
    with progress_bar("evaluate") as update:
        summary = evaluate_pack(
            pack, found.collection, chosen, out, weights=weights, device=device, progress=update
        )
    _tables(summary, f"{pack.name}, in %")
    if summary["left_out"]:
        say(f"left out     {summary['left_out']} images that the pack holds")
    say(f"images       {summary['images']}, {summary['seconds_an_image']:.2f} s each")


def _print(summary: dict[str, Any]) -> None:
    _tables(summary, f"{summary['method']}, {summary['shots']}-shot, {summary['seeds']} seeds, in %")
    fps = summary["speed"]["fps"]
    say(f"{fps['episode']:.1f} episodes/s, {fps['query']:.1f} queries/s with cached guidance")


def _tables(summary: dict[str, Any], said: str) -> None:
    _table(f"Pixels: {said}", _PIXELS, summary)
    if summary["mean_with_mark"] is not None:
        least = [
            f"{summary[key]:g} {unit}"
            for key, unit in (("min_area", "pixels"), ("min_length", "pixels of length"))
            if summary[key]
        ]
        size = f"; a region is one of at least {' and '.join(least)}" if least else ""
        _table(f"Images: {said}{size}", _IMAGES, summary)


def _table(title: str, columns: tuple[tuple[str, str, int], ...], summary: dict[str, Any]) -> None:
    """Figures of every fold, and their means."""
    rows = [
        (name, *(_percent(fold[key], digits) for _, key, digits in columns), fold["episodes"])
        for name, fold in summary["folds"].items()
    ]
    means = [(summary[f"mean_{key}"], digits) for _, key, digits in columns]
    texts = ["-" if mean is None else f"{100 * mean:.{digits}f}" for mean, digits in means]
    rows.append(("mean", *texts, ""))
    headings: list[tuple[str, Literal["left", "right"]]] = [(heading, "right") for heading, _, _ in columns]
    table(title, [("fold", "left"), *headings, ("episodes", "right")], rows)


def _percent(spread: dict[str, float] | None, digits: int) -> str:
    return "-" if spread is None else f"{100 * spread['mean']:.{digits}f} ± {100 * spread['std']:.{digits}f}"
