"""Loads and tries what may be broken, in a process of its own: one that is crashed or hung by it.

    python -m obftnet.doctor.probe STEP...

Writes a line of JSON before and after each step: {"begin": step}, then a `Line`'s fields.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from obftnet.doctor.limits import memory_left, processors
from obftnet.doctor.line import Line

GIB = 1 << 30
#: Less is too little for large photographs (docs/performance.md).
_LEAST_MEMORY = 2 * GIB
_DEVICE = Path("/dev/nvidia0")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY")
_REINSTALL = "pip install --force-reinstall torch torchvision, in versions that belong together"


def torch_line() -> Line:
    """PyTorch computes, and shares memory with NumPy."""
    import numpy as np
    import torch

    ones = torch.from_numpy(np.ones((8, 8), np.float32))
    if float((ones @ ones).sum()) != 512:
        return Line("torch", "fails", f"{torch.__version__}, and computes wrongly; {_REINSTALL}")
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "for the CPU"
    return Line("torch", "ok", f"{torch.__version__} ({build})")


def torchvision_line() -> Line:
    """The operators of torchvision are there, which another version of PyTorch would not load."""
    import torch
    import torchvision

    torchvision.ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
    return Line("torchvision", "ok", torchvision.__version__)


def gpu_line() -> Line:
    """The GPU that "auto" would take computes."""
    import torch

    if not torch.cuda.is_available():
        if _DEVICE.exists() and not torch.version.cuda:
            return Line(
                "GPU",
                "note",
                "an NVIDIA device is here, and this PyTorch is for the CPU; install a CUDA build of torch "
                "and torchvision to use it",
            )
        if _DEVICE.exists():
            return Line(
                "GPU",
                "note",
                "an NVIDIA device is here and CUDA does not start; see that the driver is as new as "
                f"CUDA {torch.version.cuda} wants, and CUDA_VISIBLE_DEVICES",
            )
        return Line("GPU", "ok", "none; the CPU computes")
    name = torch.cuda.get_device_name(0)
    try:
        torch.ones(8, device="cuda").sum().item()
        free, total = torch.cuda.mem_get_info(0)
    except RuntimeError as error:
        return Line(
            "GPU",
            "fails",
            f"{name}: does not compute ({_one_line(error)}); install a build of torch for it, or set "
            "CUDA_VISIBLE_DEVICES= to compute on the CPU",
        )
    return Line(
        "GPU",
        "ok",
        f"{torch.cuda.device_count()}, first {name}, {free / GIB:.1f} of {total / GIB:.1f} GiB free",
    )


def threads_line() -> Line:
    """Threads that PyTorch would take, beside the processors there are for this process."""
    import torch

    threads, cores = torch.get_num_threads(), processors()
    settings = ", ".join(f"{name}={os.environ[name]}" for name in _THREADS if name in os.environ)
    text = f"{threads} on {cores} processor(s)" + (f" ({settings})" if settings else "")
    if threads > cores:
        return Line("threads", "note", f"{text}; more threads than processors: set OMP_NUM_THREADS={cores}")
    return Line("threads", "ok", text)


def memory_line() -> Line:
    """Memory that may still be had."""
    import psutil

    found = psutil.virtual_memory()
    left = memory_left()
    free = found.available if left is None else min(found.available, left)
    text = f"{free / GIB:.1f} of {found.total / GIB:.1f} GiB free"
    if left is not None:
        text += " (a container's limit is counted)"
    if free < _LEAST_MEMORY:
        return Line("memory", "note", f"{text}; large photographs may want more: close other programs")
    return Line("memory", "ok", text)


def weights_line() -> Line:
    """The weights that ship are whole: as pip recorded them, and loaded as a model."""
    from obftnet.doctor.recorded import recorded_hash
    from obftnet.errors import InputError
    from obftnet.weights import DEFAULT, find_weights, load_model, shipped

    reinstall = "pip install --force-reinstall --no-deps obftnet"
    said = []
    # The default is wanted even where its file is gone.
    for name in sorted({DEFAULT, *shipped()}):
        try:
            file = find_weights(name)
            digest = load_model(name)[1]
        except InputError as error:
            return Line("weights", "fails", f"{error}; {reinstall}")
        recorded = recorded_hash(file)
        if recorded not in (None, digest):
            changed = f"{file}: not the file that was installed (SHA-256 {digest[:12]})"
            return Line("weights", "fails", f"{changed}; {reinstall}")
        against = "no hash was recorded of it: a checkout" if recorded is None else "as installed"
        said.append(f"{name} loads, SHA-256 {digest[:12]} ({against})")
    return Line("weights", "ok", "; ".join(said))


def backbones_line() -> Line:
    """Published weights of torchvision on this machine are what their names say."""
    from obftnet.backbones.registry import BACKBONES
    from obftnet.backbones.weights import published_file, read_published
    from obftnet.errors import InputError

    files = {spec.name: published_file(spec) for spec in BACKBONES.values() if isinstance(spec.weights, str)}
    here = {name: file for name, file in files.items() if os.path.lexists(file)}
    for file in here.values():
        try:
            read_published(file)
        except InputError as error:
            return Line("backbones", "fails", str(error))
    absent = [name for name in files if name not in here]
    text = ", ".join(f"{name} whole" for name in here)
    if absent:
        text += ("; " if text else "") + f"fetched when training names them: {', '.join(absent)}"
    return Line("backbones", "ok", text)


STEPS: dict[str, Callable[[], Line]] = {
    "memory": memory_line,
    "torch": torch_line,
    "torchvision": torchvision_line,
    "GPU": gpu_line,
    "threads": threads_line,
    "weights": weights_line,
    "backbones": backbones_line,
}
"""What is tried, beside the mere import of a module, which a step "import MODULE" is."""

#: Steps that are not begun where PyTorch does not work.
AFTER_TORCH = ("torchvision", "GPU", "threads", "weights", "backbones")


def try_step(step: str) -> Line:
    """One step's line, whatever it raises."""
    try:
        if step.startswith("import "):
            module = step.removeprefix("import ")
            importlib.import_module(module)
            return Line(step, "ok", module)
        return STEPS[step]()
    except BaseException as error:
        again = _REINSTALL if step.startswith("torch") else "install it again"
        return Line(step, "fails", f"does not work ({_one_line(error)}); {again}")


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _main(steps: list[str], out: TextIO) -> None:
    works = True
    for step in steps:
        if step in AFTER_TORCH and not works:
            continue
        print(json.dumps({"begin": step}), file=out, flush=True)
        line = try_step(step)
        works &= step != "torch" or line.state != "fails"
        print(json.dumps(asdict(line)), file=out, flush=True)


if __name__ == "__main__":
    # What libraries print on being loaded is none of ours.
    with redirect_stdout(sys.stderr):
        _main(sys.argv[1:], sys.__stdout__ or sys.stderr)
