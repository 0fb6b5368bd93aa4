"""`obftnet-runtime`, or `python -m obftnet_runtime`."""

import sys

from obftnet_runtime import find_modules


def main() -> None:
    """Run the command line. Bad input ends in one line on standard error and exit status 2."""
    try:
        find_modules()
    except ImportError as error:
        print(f"obftnet-runtime: {error}", file=sys.stderr)
        sys.exit(2)
    from obftnet.cli import main as run

    run("obftnet_runtime.commands")


if __name__ == "__main__":
    main()
