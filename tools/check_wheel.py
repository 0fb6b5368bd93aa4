"""Look into the wheel of a folder, install it into an environment of its own, and run it there.

    python tools/check_wheel.py dist

PyTorch and the rest, gigabytes of them, are not fetched again: the new environment reads them from the one
that runs this. The package itself comes from the wheel alone, which is checked.
"""

import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from pathlib import Path

#: What must be in it beside the modules.
WANTED = (
    "obftnet/pretrained/obftnet-compact.safetensors",
    "obftnet/pretrained/obftnet-paper.safetensors",
    "obftnet/protocols/pool.toml",
    "obftnet/reporting/page/report.html.j2",
    "obftnet/py.typed",
)


def check_content(wheel: Path) -> None:
    """Exits where the wheel lacks what it needs, or has what is not the package."""
    names = zipfile.ZipFile(wheel).namelist()
    missing = [name for name in WANTED if name not in names]
    foreign = [name for name in names if not name.startswith(("obftnet/", "obftnet-")) or "test" in name]
    if missing or foreign:
        sys.exit(f"{wheel}: missing {missing}, foreign {foreign}")


def install(wheel: Path, place: Path) -> Path:
    """The `obftnet` of a new environment below `place`, which sees this one's other packages."""
    venv.create(place, with_pip=False)
    paths = sysconfig.get_paths(vars={"base": str(place), "platbase": str(place)})
    site = Path(paths["purelib"])
    pip = [sys.executable, "-m", "pip", "--python", str(place), "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, str(wheel)], check=True)
    # After the wheel's: what is installed there comes first. Our own checkout's hook is left out: .pth files
    # of a folder named in a .pth file are not read.
    (site / "shared.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    return Path(paths["scripts"]) / "obftnet"


def main() -> None:
    """Check the one wheel of the folder that is named."""
    wheels = sorted(Path(sys.argv[1]).glob("obftnet-*.whl"))
    if len(wheels) != 1:
        sys.exit(f"{sys.argv[1]}: one wheel is wanted, {len(wheels)} are there")
    check_content(wheels[0])
    with tempfile.TemporaryDirectory() as folder:
        program = install(wheels[0], Path(folder) / "venv")
        python = program.with_name("python")
        code = "import obftnet, pathlib; print(pathlib.Path(obftnet.__file__).parent)"
        where = _run([python, "-I", "-c", code], folder).strip()
        if not Path(where).is_relative_to(Path(folder).resolve()):
            sys.exit(f"obftnet came from {where}, not from the wheel")
        print(_run([program, "--version"], folder), _run([program, "demo", "--out", "demo"], folder))


def _run(command: list[str | Path], folder: str) -> str:
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
