"""A material: one texture under one camera, and the kinds of defect it can have."""

import zlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageFilter

from obftnet.errors import InputError
from obftnet.synthetic.colors import luminance
from obftnet.synthetic.defects import DEFECT_FAMILIES, DEFECTS
from obftnet.synthetic.dust import dusted
from obftnet.synthetic.noise import (
    BoolMask,
    FloatImage,
    Floats,
    chance,
    fractal_field,
    generator,
    log_uniform,
    smooth_field,
    smoothstep,
)
from obftnet.synthetic.part import Part
from obftnet.synthetic.photograph import Camera
from obftnet.synthetic.textures import TEXTURE_FAMILIES, TEXTURES
from obftnet.synthetic.view import Surface, View

#: Support above which annotators count a pixel as defect.
_VISIBLE = 0.15
#: Fractions of the image that a mask may cover; a sample outside is drawn again.
_LEAST, _MOST = 0.0005, 0.25
_TRIES = 12

#: Fraction of the materials whose photographs show where the material ends.
_PARTS = 0.4
#: Fraction of the materials whose images, the good ones too, bear marks that are no defect there; the most
#: that an image bears; and their strength, of which a defect's is 0.75 to 2.2: wrinkles may be plain as cuts.
_HABITS, _MOST_HABITS, _HABIT_STRENGTH = 0.5, 4, (0.4, 1.6)
#: Fraction of the materials whose masks are drawn along what is seen, not around it.
_TIGHT = 0.5
#: Defects that come in numbers, and the area above which another one is too many.
_NUMEROUS = frozenset({"hole", "blowhole", "stain", "contamination", "paint", "oil", "dent", "glue"})
_FEW = 0.02

#: Families whose pattern repeats, where elements can be missing, bent or shifted.
_PERIODIC = frozenset({"weave", "twill", "satin", "knit", "rib", "mesh", "printed", "perforated", "tiles"})
#: Families with threads or a grain that a fault can follow.
_LINED = {
    *("weave", "twill", "satin", "knit", "rib", "mesh", "printed", "streaks", "brushed", "wood", "rolled")
}
#: Probability that a material of the family is photographed in grey; others are even.
_GREY = {
    "rolled": 0.95,
    "cast": 0.9,
    "brushed": 0.8,
    "weave": 0.6,
    "twill": 0.6,
    "leather": 0.3,
    "wood": 0.15,
}
#: Families too hard to fold.
_STIFF = frozenset({"ceramic", "tiles", "concrete", "terrazzo", "marble", "wood", "granite", "cast"})


def _key(name: str) -> int:
    """A stable number for a name, so that adding a family does not change the others."""
    return zlib.crc32(name.encode())


@dataclass(frozen=True)
class DefectKind:
    """A kind of defect of one material: `family` says what happens, `seed` fixes how it looks there."""

    family: str
    seed: int

    def __post_init__(self) -> None:
        if self.family not in DEFECTS:
            raise ValueError(
                f"defect family is {self.family!r}, expected one of {', '.join(DEFECT_FAMILIES)}"
            )

    @property
    def name(self) -> str:
        """The kind's name, fit for a folder."""
        return self.family


@dataclass(frozen=True)
class Material:
    """A material, wholly given by its seed, family and whether it has distractors.

    Distractors are irregularities that are no defect here: faint blemishes in good and defective images,
    dust, in some materials marks that every image may bear somewhere (`habits`), and in some a second
    defect of another kind that the mask leaves out.
    """

    seed: int
    family: str
    distractors: bool = True

    def __post_init__(self) -> None:
        if self.family not in TEXTURES:
            raise ValueError(
                f"texture family is {self.family!r}, expected one of {', '.join(TEXTURE_FAMILIES)}"
            )
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}, expected 0 or more")

    @classmethod
    def from_seed(cls, seed: int, family: str | None = None, *, distractors: bool = True) -> "Material":
        """The material of a seed (0 or more); its family is drawn from the seed unless named."""
        if seed < 0:
            raise ValueError(f"seed is {seed}, expected 0 or more")
        drawn = TEXTURE_FAMILIES[int(generator(seed, _key("family")).integers(len(TEXTURE_FAMILIES)))]
        return cls(seed, drawn if family is None else family, distractors)

    def defect_kinds(self, count: int) -> tuple[DefectKind, ...]:
        """`count` kinds of distinct families that suit the texture, drawn from the seed; an earlier kind
        does not depend on `count`.

        Raises:
            InputError: there are fewer suitable families than `count`.
        """
        kinds = self._kinds()
        if not 1 <= count <= len(kinds):
            raise InputError(
                f"{count} kinds asked of a {self.family} material, expected 1 to {len(kinds)}", "kinds"
            )
        return kinds[:count]

    def habits(self) -> tuple[DefectKind, ...]:
        """Up to two kinds of marks that belong to the material: wrinkles of a leather, knots of a wood.

        They look like defects and are none. Drawn from the end of all kinds, so that the first
        `defect_kinds` are of other families.
        """
        look = self._rng("habits")
        if not self.distractors or not chance(look, _HABITS):
            return ()
        return self._kinds()[-int(look.integers(1, 3)) :]

    def good(self, index: int, size: int = 256) -> FloatImage:
        """Photograph `index` of the sound material; float32 (size, size, 3) in 0..1, RGB."""
        rng = self._rng("good", index)
        surface = self._surface(rng, size)
        return self._camera().photograph(_laid(surface, surface.color), rng)

    def defective(self, index: int, kind: DefectKind, size: int = 256) -> tuple[FloatImage, BoolMask]:
        """Photograph `index` of a defect of the kind, float32 (size, size, 3), and its mask (size, size)."""
        _, damaged, mask = self.scenes(index, kind, size)
        return self._camera().photograph(damaged, self._rng("photograph", kind.seed, index)), mask

    def scenes(
        self, index: int, kind: DefectKind, size: int = 256
    ) -> tuple[FloatImage, FloatImage, BoolMask]:
        """Before it is photographed: the surface without the defect, with it, and the mask where they differ.

        Both surfaces are float32 (size, size, 3) and equal, bit for bit, outside the mask (size, size). The
        mask covers 0.05 % to 25 % of the image.
        """
        rng = self._rng("defective", kind.seed, index)
        surface = self._surface(rng, size)
        look = self._rng("distractors")
        crowded, second = chance(look, 0.3), int(look.integers(0, 2**62))
        if self.distractors and crowded and chance(rng, 0.4):
            others = [name for name in DEFECT_FAMILIES if name != kind.family and self._suits(name)]
            other = DefectKind(others[int(rng.integers(len(others)))], second)
            color, _ = _inflicted(surface, other, int(rng.integers(0, 2**62)), tight=False)
            surface = replace(surface, color=color)
        tight = chance(self._rng("annotator"), _TIGHT)
        damaged, mask = _inflicted(surface, kind, int(rng.integers(0, 2**62)), tight=tight)
        return _laid(surface, surface.color), _laid(surface, damaged), mask

    def _kinds(self) -> tuple[DefectKind, ...]:
        """Every kind that suits the texture, in an order drawn from the seed."""
        suitable = [name for name in DEFECT_FAMILIES if self._suits(name)]
        rng = self._rng("kinds")
        order = rng.permutation(len(suitable))
        seeds = rng.integers(0, 2**62, len(suitable))
        return tuple(DefectKind(suitable[place], int(seed)) for place, seed in zip(order, seeds, strict=True))

    def _suits(self, defect: str) -> bool:
        if defect == "pattern":
            return self.family in _PERIODIC
        if defect == "broken_line":
            return self.family in _LINED
        return not (defect == "fold" and self.family in _STIFF)

    def _rng(self, purpose: str, *key: int) -> Generator:
        return generator(self.seed, _key(self.family), _key(purpose), *key)

    def _camera(self) -> Camera:
        return Camera.draw(self._rng("camera"), _GREY.get(self.family, 0.4))

    def _surface(self, rng: Generator, size: int) -> Surface:
        if size < 16:
            raise ValueError(f"size is {size}, expected 16 or more")
        setting = self._rng("setting")
        upright = chance(setting, 0.6)
        angle = float(setting.choice([0.0, np.pi / 2])) if upright else float(setting.uniform(0, np.pi))
        angle += float(rng.normal(0, 0.02 if upright else 0.05))
        scale = float(np.exp(rng.normal(0, setting.uniform(0.0, 0.05))))
        light = float(setting.uniform(0, 2 * np.pi)) + float(rng.normal(0, 0.1))
        origin = (float(rng.uniform(0, 4000)), float(rng.uniform(0, 4000)))
        surface = TEXTURES[self.family](self._rng("texture"), View(size, angle, scale, origin, light, rng))
        color = surface.color
        if self.distractors:
            color = _blemished(color, self._rng("blemish"), rng)
        look = self._rng("part")
        part = Part.draw(look, rng, size) if chance(look, _PARTS) else None
        surface = replace(surface, color=np.clip(color, 0.0, 1.2), part=part)
        if not self.distractors:
            return surface
        surface = self._with_habits(surface, rng)
        return replace(surface, color=dusted(surface.color, self._rng("dust"), rng))

    def _with_habits(self, surface: Surface, rng: Generator) -> Surface:
        """The surface with the material's own marks: none to a few in an image, in places of their own."""
        look = self._rng("habits", 1)
        for kind in self.habits():
            often, strength = log_uniform(look, 0.3, 2.5), log_uniform(look, *_HABIT_STRENGTH)
            for _ in range(min(_MOST_HABITS, int(rng.poisson(often)))):
                seed = int(rng.integers(0, 2**62))
                color, _ = _inflicted(surface, kind, seed, tight=False, strength=strength)
                surface = replace(surface, color=color)
        return surface


def _laid(surface: Surface, color: Floats) -> Floats:
    """A colour of the surface's material, with the ground where its part ends."""
    return color if surface.part is None else surface.part.lay(color)


def _blemished(color: Floats, look: Generator, rng: Generator) -> Floats:
    """Mild irregularities that belong to the material: grain, faint clouds of tone, small knots or slubs."""
    size = color.shape[0]
    color = color * (1 + look.uniform(0.0, 0.03) * fractal_field(rng, size, 0.6))[..., None]
    if chance(look, 0.35):
        cloud = smoothstep(smooth_field(rng, size, log_uniform(look, 25, 90)), 1.0, 2.2)
        color = color * (1 + look.uniform(-0.1, 0.1) * cloud)[..., None]
    if chance(look, 0.35):
        angle, stretch = look.uniform(0, np.pi), log_uniform(look, 1, 8)
        knots = smoothstep(
            smooth_field(rng, size, log_uniform(look, 2.5, 7), angle=angle, stretch=stretch), 3.0, 3.8
        )
        color = color * (1 + look.uniform(-0.3, 0.3) * knots)[..., None]
    return np.asarray(color, np.float32)


def _inflicted(
    surface: Surface, kind: DefectKind, seed: int, *, tight: bool, strength: float | None = None
) -> tuple[Floats, BoolMask]:
    """The surface's colour after one defect of the kind, and the mask; equal colour outside the mask.

    The mask of a `tight` annotator ends where the defect does. `strength`: how far it stands out; None for
    the kind's own.
    """
    best: tuple[float, Floats, BoolMask] | None = None
    if strength is None:
        strength = log_uniform(generator(kind.seed, 1), 0.75, 2.2)
    for attempt in range(_TRIES):
        rng = generator(seed, attempt)
        after, core = _instances(surface, kind, rng)
        fraction = float(core.mean())
        if not core.any():
            continue
        mask = core if tight else _generous(core)
        if surface.part is not None:
            mask = mask & surface.part.covers
        color = _visible(surface.color, after, core, strength)
        changed = np.where(mask[..., None], np.clip(color, 0.0, 1.2), surface.color).astype(np.float32)
        excess = max(_LEAST / fraction, float(mask.mean()) / _MOST, 1.0)
        if excess == 1.0:
            return changed, mask
        if best is None or excess < best[0]:
            best = (excess, changed, mask)
    if best is None:
        raise RuntimeError(f"no visible sample of {kind.family} in {_TRIES} tries")
    return best[1], best[2]


def _instances(surface: Surface, kind: DefectKind, rng: Generator) -> tuple[Floats, BoolMask]:
    """The colour after one defect, or after two to five small ones in kinds that come in numbers; where."""
    look = generator(kind.seed, 2)
    count = 1
    if kind.family in _NUMEROUS and chance(look, 0.4) and chance(rng, 0.6):
        count = int(rng.integers(2, 6))
    on_part = True if surface.part is None else surface.part.covers
    color, core = surface.color, np.zeros(surface.color.shape[:2], np.bool_)
    for _ in range(count):
        damage = DEFECTS[kind.family](replace(surface, color=color), generator(kind.seed, 0), rng)
        seen = (damage.support > _VISIBLE) & on_part
        core |= seen
        color = np.where(seen[..., None], damage.color, color)
        if float(core.mean()) > _FEW:
            break
    return damage.color if count == 1 else color, core


def _generous(core: BoolMask) -> BoolMask:
    """The mask one pixel wider, at 256 pixels a side: annotators draw around what they see."""
    reach = 2 * max(1, round(core.shape[0] / 256)) + 1
    wider = Image.fromarray(core.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(reach))
    return np.asarray(wider, np.uint8) > 0


def _visible(before: Floats, after: Floats, core: BoolMask, strength: float) -> Floats:
    """`after`, its change enlarged where it is too faint to be seen against the texture's own contrast."""
    change = after - before
    seen = float(np.sqrt(np.mean(np.square(luminance(change)[core]))))
    hue = float(np.sqrt(np.mean(np.square(change[core]))))
    # The eye averages over a large area; a thin line has to stand out more.
    thin = 1.0 + 0.7 / (1.0 + float(core.mean()) / 0.004)
    floor = strength * thin * (0.03 + 0.35 * float(luminance(before).std()))
    gain = float(np.clip(floor / max(seen, 0.6 * hue, 1e-4), 1.0, 4.0))
    return np.asarray(before + np.float32(gain) * change, np.float32)
