"""The one exception for what a user gave us and we cannot use, and the one warning for what looks wrong."""


class InputError(ValueError):
    """Bad input from outside: one line that names the file, what was found and what would do.

    The command line prints the message alone and exits with status 2; the Python interface raises it. What
    a terminal would not print (in the name of a file, say) stands in it as an escape.

    parameters: of the function that was called, or of a configuration, those that are to be given otherwise.
        The command line adds what its options for them are called.
    """

    def __init__(self, message: str, *parameters: str) -> None:
        super().__init__(printable(message))
        self.parameters = parameters


def printable(text: str) -> str:
    r"""A text in one line that any terminal shows: control characters and bytes that are no Unicode escaped.

    >>> printable("a\nb\x1b[31m\udcff")
    'a\\nb\\x1b[31m\\xff'
    """
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    # A byte of a file name that is no Unicode (PEP 383).
    if "\udc80" <= letter <= "\udcff":
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode("ascii")


class InputWarning(UserWarning):
    """What can be used and is likely a mistake: one line, as of InputError; the command line prints it."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))
