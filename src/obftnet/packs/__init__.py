"""Packs: the guidance of one inspection in one file, with what was fitted of it and by what it is decided."""

from obftnet.packs.content import Content, Event
from obftnet.packs.describe import describe
from obftnet.packs.edit import edit_pack
from obftnet.packs.file import Pack, check_pack_place, is_pack, read_pack, write_pack
from obftnet.packs.folder import write_guidance

__all__ = [
    "Content",
    "Event",
    "Pack",
    "check_pack_place",
    "describe",
    "edit_pack",
    "is_pack",
    "read_pack",
    "write_guidance",
    "write_pack",
]
