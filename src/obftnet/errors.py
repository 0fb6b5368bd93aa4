"""The one exception for what a user gave us and we cannot use."""


class InputError(ValueError):
    """Bad input from outside: one line that names the file, what was found and what would do.

    The command line prints the message alone and exits with status 2; the Python interface raises it.
    """
