"""The work on one image of a job, in whatever process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from obftnet.data.hashes import FileHashes
from obftnet.errors import InputError
from obftnet.imaging.picture import Picture
from obftnet.imaging.read import read_picture
from obftnet.segmentation.decider import Decider, RefusedError
from obftnet.segmentation.guided import Predicts
from obftnet.segmentation.names import resolved
from obftnet.segmentation.outputs import Kind
from obftnet.segmentation.queries import is_support
from obftnet.segmentation.record import Entry


@dataclass(frozen=True)
class Task:
    """An image to do.

    name: what its results are called. query: the file. keep: what of the results to write. again: its entry
    where the score map that was kept is decided anew; None where the network looks at it.
    """

    name: str
    query: Path
    keep: tuple[Kind, ...]
    again: Entry | None = None


def do(
    task: Task, decider: Decider, bits: int | None, segmenter: Predicts | None, hashes: FileHashes
) -> Entry:
    """Do it, and write the results.

    Args:
        task: it.
        decider: by which results are made.
        bits: of samples stored in 16; None where the guidance has no such.
        segmenter: fitted; wanted where the network looks.
        hashes: of files that were read.

    Raises:
        RefusedError: the image cannot be used; others can. InputError: results cannot be written.
    """
    query = task.query
    if task.again is not None:

        def picture() -> Picture:
            with _refusing():
                found = read_picture(query)
                found = found if bits is None else found.with_bits(bits)
                hashes.of(query)
            return found

        again = decider.again(task.again, picture, task.keep)
        return again.model_copy(update={"file": resolved(query)})
    assert segmenter is not None
    start = time.perf_counter()
    with _refusing():
        digest = hashes.of(query)
        image = segmenter.read(query)
        support = segmenter.saw(image)
        if support is not None:
            raise InputError(is_support(query, Path(support)))
        prediction = segmenter.predict(image)
        # It is decided by the job: of a large image there is no room for two masks.
        prediction = replace(prediction, mask=np.zeros(image.shape, np.bool_))
        hashes.of(query)
    seconds = time.perf_counter() - start
    entry = Entry.undecided(resolved(query), digest, task.name, image.shape, seconds)
    return decider.write(entry, prediction, image, task.keep)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise RefusedError(str(error)) from error
