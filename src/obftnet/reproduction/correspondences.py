"""Figure 10: where the transport of a trained OBFTNet sends points of a query of the fold it never saw."""

from pathlib import Path

import numpy as np
import torch

from obftnet.evaluation.evaluate import Evaluator
from obftnet.explanation.explain import POINTS, explain_points, spread_points
from obftnet.explanation.picture import draw
from obftnet.imaging.overlay import draw_overlay
from obftnet.loading.features import EpisodeReader
from obftnet.model import OBFTNet
from obftnet.reproduction.queries import drawn_queries
from obftnet.reproduction.run import episodes_for, trained
from obftnet.reproduction.setting import Setting
from obftnet.reproduction.tables import PaperRow


def draw_correspondences(path: Path, setting: Setting, row: PaperRow, fold: str, seed: int) -> None:
    """Write the PNG of one drawn query of a fold, its model trained first where it is not yet; one shot.

    The first point is the one of the query's defect that scores highest, the others lie far from it and from
    each other. The query is drawn with its truth.

    Args:
        path: of the picture.
        setting: data, backbone, budget, folder.
        row: an OBFTNet.
        fold: tested.
        seed: of the drawn query.

    Raises:
        InputError: as `run.reproduce`, or a picture that cannot be written.
    """
    _, drawn = episodes_for(setting, fold, shots=1, seeds=1)
    (episode,) = drawn_queries(drawn[fold][0], 1, seed, fold)
    model = trained(setting, row, fold, seed=0)
    if not isinstance(model, OBFTNet):
        raise TypeError(f"{row.method}: an OBFTNet is wanted, whose transport there is to see")
    score = Evaluator(model, setting.data.collection).score(episode)
    image, truth = episode.query.load_image(), episode.query.load_mask()
    reader = EpisodeReader(model)
    with torch.inference_mode():
        features, guidance = reader.query(episode.query), reader.guidance(episode)
        points = spread_points(np.where(truth, score, -1).astype(np.float32), POINTS)
        rows = explain_points(model, features, guidance, score, points)
    draw(
        path,
        (draw_overlay(image, truth) / 255).astype(np.float32),
        score,
        [(support.load_image(), support.load_mask()) for support in episode.supports],
        [background.load()[0] for background in episode.backgrounds],
        rows,
    )
