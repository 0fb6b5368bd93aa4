"""A folder that images come into: each is judged once, when it is whole."""

from obftnet.watching.watch import Watched, watch

__all__ = ["Watched", "watch"]
