"""The command line: options in, a call of the library, a table out. It holds no logic of its own.

Everything heavy is imported by a command when it runs, so that `--help` is there at once.
"""

import importlib
import os
import sys

from obftnet.cli.signals import signals
from obftnet.cli.terminal import OutputError, note, safe_streams
from obftnet.cli.threads import wait_passively
from obftnet.cli.warned import input_warnings
from obftnet.errors import InputError

_INTERRUPTED = 130  # 128 + SIGINT, the shells' convention; Typer turns an interrupt into it too, silently
_BROKEN_PIPE = 141  # 128 + SIGPIPE, by which a Unix tool ends whose reader has gone

#: Options that are not called as the library's parameter is.
_OPTIONS = {"folds": "--fold", "backbones": "--backbone"}


def main(application: str = "obftnet.cli.app") -> None:
    """Run the command line. Bad input ends in one line on standard error and exit status 2.

    application: module whose `app` holds the commands.
    """
    with signals.watched(), safe_streams():
        # Pictures go into files. A backend that is meant for windows, or misspelt, must not matter.
        os.environ.pop("MPLBACKEND", None)
        wait_passively()
        code = _status(application)
    sys.exit(code)


def _status(application: str) -> int:
    """Run the command, say what is to be said of its end, and give its exit status."""
    try:
        code = _run(application)
        sys.stdout.flush()
    except OutputError as error:
        if error.broken_pipe:
            return _BROKEN_PIPE
        note(f"standard output: {error.reason}")
        return 1
    except BaseException as error:
        # On its way through other libraries an interrupt may have become any error.
        if not signals.received and not isinstance(error, KeyboardInterrupt):
            raise
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        note("interrupted; what is finished is on disk, the same command goes on from there")
        return 128 + signals.received if signals.received else _INTERRUPTED
    return code


def with_options(error: InputError) -> str:
    """The message of the library, and what the options for the parameters are called that it speaks of."""
    options = ", ".join(_OPTIONS.get(name) or "--" + name.replace("_", "-") for name in error.parameters)
    return f"{error} ({options})" if options else str(error)


def _run(application: str) -> int:
    with signals.loading():
        import typer

        from obftnet.cli.usage import UsageError, usage_line

        app = importlib.import_module(application).app
    try:
        with input_warnings():
            return int(app(standalone_mode=False) or 0)
    except InputError as error:
        note(with_options(error))
        return 2
    except UsageError as error:
        note(usage_line(error))
        return 2
    except typer.Abort:
        return _INTERRUPTED
