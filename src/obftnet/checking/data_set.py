"""A data set in one of the layouts, as `evaluate` would read it and draw episodes from it."""

from pathlib import Path

from obftnet.checking.findings import Findings, Progress
from obftnet.checking.leftovers import note_leftovers, read_others
from obftnet.data.collection import Collection, Sample
from obftnet.data.episodes import BackgroundSource, draw_episode, test_queries, train_episode
from obftnet.data.layouts import read_layout
from obftnet.errors import InputError
from obftnet.imaging.read import list_images, read_picture
from obftnet.inputs import read_support

#: An evaluation takes samples stored in 16 bits as they are.
_ALL_BITS = 16
#: Where backgrounds come from in a layout that has no good images.
_BACKGROUNDS: dict[str, BackgroundSource] = {"neu_seg": "complement"}


def check_data_set(folder: Path, layout: str, findings: Findings, *, progress: Progress) -> Collection | None:
    """List what is wrong with a data folder; its collection, or None where nothing of it can be read.

    Besides what an evaluation refuses, a mask is doubted where `Segmenter.fit` would doubt it: every sample
    may be a support.
    """
    try:
        collection = read_layout(layout, folder, findings.refuse)
    except InputError as error:
        findings.refuse(error)
        return None
    by_image: dict[Path, list[Sample]] = {}
    for sample in collection.samples:
        by_image.setdefault(sample.image, []).append(sample)
    for index, (image, samples) in enumerate(by_image.items()):
        progress(index, len(by_image), image.name)
        for sample in samples:
            with findings.listed():
                _read(sample)
    progress(len(by_image), len(by_image), "")
    used = {path for s in collection.samples for path in (s.image, s.mask) if path is not None}
    for part in (folder, *sorted(path for path in folder.rglob("*") if path.is_dir())):
        if any(name.startswith(".") for name in part.relative_to(folder).parts):
            continue
        with findings.listed():
            read_others((path for path in list_images(part) if path.is_file()), used, findings)
            if part != folder:
                note_leftovers(part, findings, folders=False)
    _note_unused(collection, folder, findings)
    _draw(collection, findings)
    return collection


def _read(sample: Sample) -> None:
    """All that an episode would read of a sample."""
    if sample.mask is None:
        read_picture(sample.image)
    elif sample.mask_value is None:
        read_support(sample.image, sample.mask, str(sample.image), _ALL_BITS)
    else:
        read_picture(sample.image)
        sample.load_mask()


def _note_unused(collection: Collection, folder: Path, findings: Findings) -> None:
    """Kinds and images that no episode would have."""
    for material in collection.materials:
        for kind in collection.kinds(material):
            groups = collection.groups(material, kind)
            if len(groups) < 2:
                findings.note(
                    f"{folder}: {material}/{kind} has images of one group alone; a query and a support of "
                    "different groups are wanted, so none of them is asked for: add images"
                )


def _draw(collection: Collection, findings: Findings) -> None:
    """Draw what an evaluation would draw, of each kind until the first that cannot be had."""
    queries = test_queries(collection, collection.materials)
    source = _BACKGROUNDS.get(collection.layout, "good")
    failed = set()
    for index, query in enumerate(queries):
        if (query.material, query.kind) in failed:
            continue
        try:
            draw_episode(collection, split="test", seed=0, index=index, query=query, background_source=source)
        except InputError as error:
            failed.add((query.material, query.kind))
            findings.refuse(error)
    if not queries:
        with findings.listed():
            train_episode(collection, "all", collection.materials, seed=0, index=0)
