"""A server that judges images by the packs of a folder."""
