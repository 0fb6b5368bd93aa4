"""What a folder of images looks like."""

from pathlib import Path

from obftnet.imaging.checks import unreadable


def kind_of(folder: Path) -> str:
    """What a folder is meant for, by the folders in it. Raises InputError where it cannot be listed."""
    if (folder / "support").is_dir() or (folder / "background").is_dir():
        return "guidance"
    if (folder / "annotations" / "test").is_dir():
        return "neu_seg"
    parts = ("test", "train", "ground_truth")
    try:
        below = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    except OSError as error:
        raise unreadable(folder, error, "a folder that can be listed is wanted") from error
    if any((place / part).is_dir() for place in (folder, *below) for part in parts):
        return "mvtec"
    return "queries"
