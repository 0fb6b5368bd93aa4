"""Who changes a pack, for its history."""

import getpass


def person() -> str:
    """Who is at work, as the system calls them; "" where it does not say."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
