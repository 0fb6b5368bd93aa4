"""A command line program with what each of ours has: its version, and its help where no command is named."""

from typing import Annotated

import typer

from obftnet.cli.terminal import say
from obftnet.version import __version__


def program(name: str, what: str) -> typer.Typer:
    """A program without commands yet.

    Args:
        name: what it is called by.
        what: it does, a sentence.
    """
    app = typer.Typer(name=name, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

    def tell_version(asked: bool) -> None:
        if asked:
            say(f"{name} {__version__}")
            raise typer.Exit

    @app.callback(invoke_without_command=True, help=what)
    def every_command(
        context: typer.Context,
        version: Annotated[
            bool,
            typer.Option(
                "--version", callback=tell_version, is_eager=True, help="Show the version and stop."
            ),
        ] = False,
    ) -> None:
        if context.invoked_subcommand is None:
            print(context.get_help())

    return app
