"""What is said of a command line that cannot be understood."""

import typer

#: What a command line raises that cannot be understood. Typer gives the class no name of its own.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]


def usage_line(error: Exception) -> str:
    """What was wrong with a command line, in one line, and where help is."""
    message = error.format_message().rstrip(".") if hasattr(error, "format_message") else str(error)
    context = getattr(error, "ctx", None)
    command = "obftnet" if context is None else context.command_path
    return f"{message}; {command} --help lists what there is"
