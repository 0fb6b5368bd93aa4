import numpy as np
from PIL import Image

from obftnet.synthetic import contact_sheet


def test_the_sheet_has_a_row_a_family_and_outlines_masks(tmp_path):
    contact_sheet(tmp_path / "sheet.png", 1, columns=3, side=64, families=("rolled", "weave"))
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (3 * 66, 2 * 80)
        pixels = np.asarray(sheet).astype(int)
    green = pixels[..., 1] - pixels[..., [0, 2]].max(axis=-1) > 60
    assert not green[:, :64].any(), "the first column is sound"
    assert green[:, 66:].any()
