"""The guidance of a pack as a folder again, byte for byte."""

from pathlib import Path

from obftnet.files import atomic_folder
from obftnet.packs.file import Pack

#: The region of interest in an exported folder, which is fitted with it by name.
INTEREST = "interest.png"


def write_guidance(pack: Pack, out: str | Path) -> list[str]:
    """Write the images of a pack as a guidance folder (`data.layouts.guidance`), whole or not at all.

    Fitted as the pack was, it gives the same scores to the bit.

    Args:
        pack: what was fitted is not wanted.
        out: the folder, which must not be there yet.

    Returns:
        The files, as paths within the folder.

    Raises:
        InputError: `out` is there already, or cannot be written.
    """
    content = pack.content
    files = {content.path(entry): pack.image(entry).data for entry in content.images}
    files |= {content.mask_path(entry): pack.mask(entry).data for entry in content.supports}
    for entry in content.images:
        if entry.ignored is not None:
            files[content.ignored_path(entry)] = pack.files[entry.ignored.tensor]
    if content.interest is not None:
        files[INTEREST] = pack.files[content.interest.image.tensor]
    with atomic_folder(out) as folder:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return sorted(files)
