"""Why a query was scored as it was: where its positions find their match in the guidance."""

from obftnet.explanation.explain import POINTS, explain, explain_points, spread_points
from obftnet.explanation.picture import draw

__all__ = ["POINTS", "draw", "explain", "explain_points", "spread_points"]
