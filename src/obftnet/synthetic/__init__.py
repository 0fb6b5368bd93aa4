"""Generated material textures with defects and exact masks, a pure function of a seed."""

from obftnet.synthetic.dataset import material_at, write_dataset
from obftnet.synthetic.defects import DEFECT_FAMILIES
from obftnet.synthetic.material import DefectKind, Material
from obftnet.synthetic.sheet import contact_sheet
from obftnet.synthetic.textures import TEXTURE_FAMILIES

__all__ = [
    "DEFECT_FAMILIES",
    "TEXTURE_FAMILIES",
    "DefectKind",
    "Material",
    "contact_sheet",
    "material_at",
    "write_dataset",
]
