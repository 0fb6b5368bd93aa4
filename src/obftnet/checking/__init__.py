"""Every problem of a folder at once: what the library's own reading refuses and warns of, as a list."""

from obftnet.checking.check import Checked, check_folder_of
from obftnet.checking.findings import Finding
from obftnet.data.layouts.kind_of import kind_of

__all__ = ["Checked", "Finding", "check_folder_of", "kind_of"]
