"""What a table is made of: units of work."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """One number's worth of work.

    fold: left out of training. on: protocol of the tested data; "" for the fold itself.
    """

    row: str
    backbone: str
    fold: str
    shots: int
    seed: int
    on: str = ""

    @property
    def name(self) -> str:
        """A file's name without its suffix."""
        trained = f"{self.row}-{self.backbone}-{self.fold}-{self.shots}shot-seed{self.seed}"
        return f"{trained}-on-{self.on}" if self.on else trained
