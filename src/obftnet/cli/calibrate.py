"""`obftnet calibrate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obftnet.cli.deciding import MinArea, MinLength, UnitOf
from obftnet.cli.options import Device, Threads, Weights, Who
from obftnet.cli.progress import progress_bar
from obftnet.cli.signals import signals
from obftnet.cli.terminal import note, say
from obftnet.cli.threads import use_threads

if TYPE_CHECKING:
    from obftnet.calibration import Calibration

_Opt = typer.Option


def calibrate_command(
    pack: Annotated[Path, _Opt("--pack", help="The pack; its decision is written anew.")],
    good: Annotated[
        list[Path], _Opt("--good", metavar="DIR", help="Good images that are not in the guidance.")
    ],
    defects: Annotated[
        list[Path] | None,
        _Opt("--defects", metavar="DIR", help="Images with a defect; they give the recall."),
    ] = None,
    false_alarms: Annotated[
        str, _Opt("--false-alarms", metavar="RATE", help="Good images that may fail, such as 1% or 0.01.")
    ] = "1%",
    min_area: MinArea = None,
    min_length: MinLength = None,
    unit: UnitOf = None,
    out: Annotated[
        Path | None,
        _Opt("--out", help="Folder of score maps and curve; default: <pack>.calibration beside it."),
    ] = None,
    weights: Weights = None,
    dry_run: Annotated[bool, _Opt("--dry-run", help="Leave the pack as it is.")] = False,
    who: Who = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Choose a pack's threshold by good images, so that no more of them fail than the rate asked for."""
    rate = _rate(false_alarms)
    with signals.loading():
        from obftnet.calibration import calibrate_pack

        use_threads(threads)

    with progress_bar("calibrate") as update:
        found = calibrate_pack(
            pack,
            good,
            defects=defects or (),
            false_alarms=rate,
            min_area=min_area,
            min_length=min_length,
            unit=unit,  # type: ignore[arg-type]
            out=out,
            weights=weights,
            dry_run=dry_run,
            who=who,
            device=device,
            progress=update,
            notice=note,
        )
    for line in (*found.refused, *found.sentences.values()):
        note(line)
    _print(found, pack)
    if found.refused:
        raise typer.Exit(2)


def _rate(text: str) -> float:
    """A share, of "1%", "1 %" or "0.01". Raises InputError for any other."""
    from obftnet.errors import InputError

    try:
        number = float(text.strip().removesuffix("%"))
    except ValueError as error:
        raise InputError(
            f"false alarms {text!r}: a rate such as 1% or 0.01 is wanted", "false_alarms"
        ) from error
    return number / 100 if text.strip().endswith("%") else number


def _print(found: "Calibration", pack: Path) -> None:
    from obftnet.calibration.calibrate import recall

    limit, decision = found.bound, found.decision
    unit = "mm" if decision.unit == "mm" else "pixels"
    say(f"good images  {limit.images}")
    sizes = [f"{decision.min_area:g} {unit}{'²' if unit == 'mm' else ''}"] if decision.min_area else []
    sizes += [f"{decision.min_length:g} {unit} long"] if decision.min_length else []
    why = (
        ""
        if found.least is None
        else f", a quarter of the smallest annotated defect ({found.least.smallest})"
    )
    say(f"least region {' and '.join(sizes) or 'any'}{why}")
    say(f"threshold    {decision.threshold:.9g}")
    say(f"false alarms {100 * limit.promised:.2g} % promised, {100 * limit.asked:.2g} % asked for")
    say(f"             below {100 * limit.at_most:.2g} % in 95 of 100 calibrations")
    if found.defects:
        share, low, high = recall(found)
        say(
            f"recall       {found.found} of {found.defects} defective images, {100 * share:.0f} % "
            f"({100 * low:.0f} to {100 * high:.0f} %)"
        )
    if found.supports is not None:
        said = found.supports
        fails = sum(score > limit.threshold for score in said.scores)
        copied = f", {said.copied} by a turned and re-lit copy" if said.copied else ""
        copied += f", {said.unadapted} by a fit that is not adapted" if said.unadapted else ""
        say(
            f"supports     {fails} of {len(said.scores)} fail without themselves{copied}; their masks agree "
            f"best at {said.threshold:g}"
        )
    say(f"curve        {found.out / 'curve.csv'}")
    say(f"pack         {pack}{'' if found.written else ', left as it is'}")
