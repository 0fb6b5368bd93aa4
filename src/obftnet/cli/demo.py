"""`obftnet demo`."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from obftnet.cli.bulk import print_summary
from obftnet.cli.options import Device, Threads, Weights
from obftnet.cli.progress import progress_bar
from obftnet.cli.signals import signals
from obftnet.cli.terminal import note, say
from obftnet.cli.threads import use_threads

_NEXT = """
The same results from the folders that were made:
  {command}

Next, on images of your own material:
  {program} segment IMAGES --guidance GUIDANCE --out RESULT
where GUIDANCE holds
  support/NAME.png         an image of the defect, one to five of them
  support/NAME_mask.png    its mask, of the same size: 255 on the defect, 0 elsewhere
  background/*.png         images without a defect, one to five of them"""


def demo_command(
    out: Annotated[Path, typer.Option("--out", help="Folder of the demo, new or that of an earlier one.")],
    weights: Weights = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """See it work, offline: generate a material, segment it by one example, measure the result."""
    with signals.loading():
        from obftnet.demo import run_demo

        use_threads(threads)

    with progress_bar("segment") as update:
        result = run_demo(out, weights=weights, device=device, progress=update, notice=note)
    print_summary(result.summary)
    say(f"IoU          {100 * result.iou:.1f} %")
    say(f"picture      {result.picture}")
    command = program() + result.command.removeprefix("obftnet")
    for line in _NEXT.format(command=command, program=program()).splitlines():
        say(line)


def program() -> str:
    """How this program is called again from the same shell: by its name alone only where that works."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return shlex.join([sys.executable, "-m", "obftnet"])
    found = shutil.which("obftnet")
    if found is not None and started.exists() and Path(found).samefile(started):
        return "obftnet"
    return shlex.quote(str(started))
