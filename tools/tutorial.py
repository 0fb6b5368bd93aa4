"""Run every command of docs/tutorial.md in a new folder, one after another, and draw the document's pictures.

    python tools/tutorial.py FOLDER [--pictures docs/images]

It takes some minutes on two cores. The pictures need playwright and a Chromium of the system.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "tutorial.md"
#: Bytes of a picture in the repository.
LARGEST = 150_000


def blocks() -> list[str]:
    """The shell blocks of the tutorial, in order."""
    return re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def run(folder: Path, blocks: list[str]) -> str:
    """Run blocks in a folder as a shell would, and return what they print. Exits at the first that fails."""
    program = folder / ".bin"
    program.mkdir(parents=True)
    (program / "obftnet").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m obftnet "$@"\n')
    (program / "obftnet").chmod(0o755)
    path = os.pathsep.join([str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PATH": f"{program}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": path}
    printed = []
    for block in blocks:
        done = subprocess.run(
            ["sh", "-euc", block], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        printed.append(done.stdout)
        if done.returncode:
            sys.exit(f"exit status {done.returncode}:\n{block}{done.stdout}{done.stderr}")
    return "".join(printed)


def draw(folder: Path, out: Path) -> None:
    """The document's pictures, of what the commands left in a folder."""
    out.mkdir(parents=True, exist_ok=True)
    save(Image.open(folder / "found" / "guidance.png"), out / "tutorial-guidance.jpg", 900)
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.goto((folder / "report.html").absolute().as_uri())
        shots = {"tutorial-report": None, "tutorial-worst": "#worst"}
        for name, part in shots.items():
            place = folder / f"{name}.png"
            if part is None:
                page.screenshot(path=place)
            else:
                page.locator(part).screenshot(path=place)
            picture = Image.open(place)
            save(picture.crop((0, 0, picture.width, min(picture.height, 900))), out / f"{name}.jpg", 1100)
        browser.close()


def save(picture: Image.Image, path: Path, width: int) -> None:
    """As JPEG, at most so wide, in a size that a repository bears."""
    picture = picture.convert("RGB")
    if picture.width > width:
        picture = picture.resize((width, round(picture.height * width / picture.width)))
    for quality in range(90, 30, -10):
        picture.save(path, "JPEG", quality=quality, optimize=True)
        if path.stat().st_size < LARGEST:
            return
    sys.exit(f"{path}: {path.stat().st_size:,} bytes; at most {LARGEST:,} are wanted")


def main() -> None:
    """Run the tutorial."""
    parser = argparse.ArgumentParser(description="Run every command of docs/tutorial.md.")
    parser.add_argument("folder", type=Path, help="a new one")
    parser.add_argument("--pictures", type=Path, help="folder of the document's pictures, which are replaced")
    given = parser.parse_args()
    if given.folder.exists():
        sys.exit(f"{given.folder}: is there already; a new folder is wanted")
    print(run(given.folder.absolute(), blocks()))
    if given.pictures:
        draw(given.folder.absolute(), given.pictures)


if __name__ == "__main__":
    main()
