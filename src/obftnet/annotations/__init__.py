"""Annotations that other tools saved, made into a guidance folder or a data set."""

from obftnet.annotations.formats import FORMATS
from obftnet.annotations.importing import Imported, import_annotations

__all__ = ["FORMATS", "Imported", "import_annotations"]
