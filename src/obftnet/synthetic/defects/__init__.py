"""Defect families: each draws one sample of one kind of defect on a surface."""

from collections.abc import Callable

from numpy.random import Generator

from obftnet.synthetic.defects.breaks import hairline
from obftnet.synthetic.defects.damage import Damage
from obftnet.synthetic.defects.lines import broken_line, crack, cut, fold, rub, scratch, thread
from obftnet.synthetic.defects.marks import glue, stamp, stroke
from obftnet.synthetic.defects.regions import abrasion, dent, patch, pattern, worn_edge
from obftnet.synthetic.defects.spots import blowhole, contamination, hole, oil, paint, stain
from obftnet.synthetic.view import Surface

#: A defect: the first generator draws what its kind fixes, the second what differs between samples.
Defect = Callable[[Surface, Generator, Generator], Damage]

DEFECTS: dict[str, Defect] = {
    "scratch": scratch,
    "crack": crack,
    "hole": hole,
    "cut": cut,
    "stain": stain,
    "oil": oil,
    "paint": paint,
    "dent": dent,
    "fold": fold,
    "thread": thread,
    "contamination": contamination,
    "rub": rub,
    "pattern": pattern,
    "broken_line": broken_line,
    "blowhole": blowhole,
    "worn_edge": worn_edge,
    "abrasion": abrasion,
    "patch": patch,
    "hairline": hairline,
    "stroke": stroke,
    "stamp": stamp,
    "glue": glue,
}

DEFECT_FAMILIES: tuple[str, ...] = tuple(DEFECTS)

__all__ = ["DEFECTS", "DEFECT_FAMILIES", "Damage", "Defect"]
