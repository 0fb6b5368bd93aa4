"""The command line: options in, a call of the library, a table out. It holds no logic of its own."""

import sys

import typer

from obftnet.cli.demo import demo_command
from obftnet.cli.distill import distill_command
from obftnet.cli.evaluate import evaluate_command
from obftnet.cli.explain import explain_command
from obftnet.cli.protocol import protocol_command
from obftnet.cli.segment import segment_command
from obftnet.cli.synthesize import synthesize_command
from obftnet.cli.train import train_command
from obftnet.errors import InputError

app = typer.Typer(
    name="obftnet",
    help="Segment defects on a material never seen before, from one to five annotated images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo_command)
app.command("segment")(segment_command)
app.command("explain")(explain_command)
app.command("train")(train_command)
app.command("evaluate")(evaluate_command)
app.command("protocol")(protocol_command)
app.command("synthesize")(synthesize_command)
app.command("distill")(distill_command)


_INTERRUPTED = 130  # 128 + SIGINT, the shells' convention; Typer turns an interrupt into it too, silently


def main() -> None:
    """Run the command line. Bad input ends in one line on standard error and exit status 2."""
    try:
        app()
    except InputError as error:
        print(f"obftnet: {error}", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != _INTERRUPTED:
            raise
        line = "interrupted; what is finished is on disk, the same command goes on from there"
        print(f"obftnet: {line}", file=sys.stderr)
        sys.exit(_INTERRUPTED)
