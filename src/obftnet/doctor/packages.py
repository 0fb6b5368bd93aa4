"""The packages that this one is said to need, by the metadata that pip wrote."""

import re
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from obftnet.doctor.line import Line

#: Extras for those who work on the code.
_OF_DEVELOPERS = ("dev", "test")
#: Looked at even where the metadata are of an earlier version, as an editable installation's may be.
_ALWAYS = ("torch", "torchvision", "numpy", "scipy", "Pillow", "imagecodecs", "tifffile")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


def required() -> list[Requirement]:
    """What the package needs on this machine, in its order."""
    said = [found for found in _all() if _extra(found) is None and _applies(found)]
    names = {canonicalize_name(found.name) for found in said}
    return [*said, *(Requirement(name) for name in _ALWAYS if canonicalize_name(name) not in names)]


def version_line(requirement: Requirement) -> Line:
    """The version that is installed, held against the one that is wanted; nothing is imported."""
    name = requirement.name
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Line(name, "fails", f"not installed; pip install '{_plain(requirement)}'")
    if not requirement.specifier.contains(version, prereleases=True):
        wanted = requirement.specifier
        return Line(name, "fails", f"{version}, {wanted} is wanted; pip install '{_plain(requirement)}'")
    return Line(name, "ok", version)


def extra_lines() -> list[Line]:
    """Each extra for users, and whether what it adds is here. Without one everything else works."""
    extras: dict[str, list[Requirement]] = {}
    for requirement in _all():
        extra = _extra(requirement)
        if extra is not None and extra not in _OF_DEVELOPERS:
            extras.setdefault(extra, []).append(requirement)
    lines = []
    for extra, needs in extras.items():
        found = [version_line(requirement) for requirement in needs if _applies(requirement, extra)]
        if all(line.state == "ok" for line in found):
            text = ", ".join(f"{line.name} {line.text}" for line in found)
        else:
            text = f"not installed; if wanted: pip install 'obftnet[{extra}]'"
        lines.append(Line(f"extra {extra}", "ok", text))
    return lines


def _all() -> list[Requirement]:
    try:
        return [Requirement(text) for text in metadata.requires("obftnet") or ()]
    except metadata.PackageNotFoundError:
        return []


def _extra(requirement: Requirement) -> str | None:
    found = _EXTRA.search(str(requirement.marker or ""))
    return canonicalize_name(found[1]) if found else None


def _applies(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _plain(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"
