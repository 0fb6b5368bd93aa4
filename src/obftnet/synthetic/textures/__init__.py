"""Texture families: each renders one view of one material."""

from collections.abc import Callable

from numpy.random import Generator

from obftnet.synthetic.textures.coarse import carpet, cast, granite
from obftnet.synthetic.textures.fabric import knit, mesh, rib, satin, twill, weave
from obftnet.synthetic.textures.manufactured import (
    brushed,
    ceramic,
    perforated,
    printed,
    rolled,
    streaks,
    tiles,
)
from obftnet.synthetic.textures.natural import concrete, felt, grain, leather, marble, terrazzo, wood
from obftnet.synthetic.view import Surface, View

#: A texture: `look` draws what is fixed for the material, `view.rng` what differs between its images.
Texture = Callable[[Generator, View], Surface]

TEXTURES: dict[str, Texture] = {
    "grain": grain,
    "streaks": streaks,
    "weave": weave,
    "twill": twill,
    "knit": knit,
    "rib": rib,
    "mesh": mesh,
    "leather": leather,
    "wood": wood,
    "marble": marble,
    "terrazzo": terrazzo,
    "brushed": brushed,
    "rolled": rolled,
    "ceramic": ceramic,
    "tiles": tiles,
    "concrete": concrete,
    "felt": felt,
    "printed": printed,
    "perforated": perforated,
    "granite": granite,
    "satin": satin,
    "cast": cast,
    "carpet": carpet,
}

TEXTURE_FAMILIES: tuple[str, ...] = tuple(TEXTURES)

__all__ = ["TEXTURES", "TEXTURE_FAMILIES", "Texture"]
