"""What a container leaves of a machine (Linux control groups, version 2)."""

import math
import os
from pathlib import Path

_GROUP = Path("/sys/fs/cgroup")


def processors(group: Path = _GROUP) -> int:
    """Processors that this process may use at a time, at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity else os.cpu_count() or 1
    share, _, period = _read(group / "cpu.max").partition(" ")
    if share.isdigit() and period.strip().isdigit():
        count = min(count, math.ceil(int(share) / max(1, int(period))))
    return max(1, count)


def memory_left(group: Path = _GROUP) -> int | None:
    """Bytes until the container's limit; None where it has none."""
    limit, used = _read(group / "memory.max").strip(), _read(group / "memory.current").strip()
    return max(0, int(limit) - int(used)) if limit.isdigit() and used.isdigit() else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
