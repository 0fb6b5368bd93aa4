"""How much a server takes in, and for how long."""

from dataclasses import dataclass

from obftnet.errors import InputError
from obftnet.imaging.checks import MAX_PIXELS


@dataclass(frozen=True)
class Limits:
    """What is refused, and when.

    bytes: of an image file, largest. pixels: of an image, largest. queue: requests that are taken in at a
    time. seconds: from a request's beginning to its answer. batch: images that are looked at together at
    most. window: seconds that an image waits for others to be looked at with.

    Raises:
        InputError: a number out of range.
    """

    bytes: int = 64 << 20
    pixels: int = 25_000_000
    queue: int = 64
    seconds: float = 60.0
    batch: int = 1
    window: float = 0.005

    def __post_init__(self) -> None:
        for name, value, most in (
            ("max_bytes", self.bytes, 1 << 34),
            ("max_pixels", self.pixels, MAX_PIXELS),
            ("queue", self.queue, 100_000),
            ("batch", self.batch, 256),
        ):
            if not 1 <= value <= most:
                raise InputError(f"{name.replace('_', ' ')} of {value:,}: 1 to {most:,} is wanted", name)
        if not 0 < self.seconds <= 86_400:
            raise InputError(
                f"a timeout of {self.seconds:g} seconds: above 0 and up to 86400 are wanted", "timeout"
            )
        if not 0 <= self.window <= 10:
            raise InputError(f"a window of {self.window:g} seconds: 0 to 10 are wanted", "batch_window")
