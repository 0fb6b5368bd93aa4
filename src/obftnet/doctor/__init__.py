"""What of an installation works, what does not, and what to do about it; nothing here needs PyTorch."""

from obftnet.doctor.examine import examine
from obftnet.doctor.line import Line

__all__ = ["Line", "examine"]
