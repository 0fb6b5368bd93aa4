"""Folders of images and masks become collections, collections become episodes."""

from obftnet.data.collection import Collection, Sample
from obftnet.data.episode_files import read_episodes, write_episodes
from obftnet.data.episodes import (
    Background,
    BackgroundSource,
    Episode,
    draw_episode,
    draw_fold,
    good_episodes,
    test_episodes,
    test_queries,
    train_episode,
)
from obftnet.data.folds import default_folds, read_folds
from obftnet.data.layouts import LAYOUTS, read_layout
from obftnet.data.layouts.guidance import GuidanceFolder, read_guidance

__all__ = [
    "LAYOUTS",
    "Background",
    "BackgroundSource",
    "Collection",
    "Episode",
    "GuidanceFolder",
    "Sample",
    "default_folds",
    "draw_episode",
    "draw_fold",
    "good_episodes",
    "read_episodes",
    "read_folds",
    "read_guidance",
    "read_layout",
    "test_episodes",
    "test_queries",
    "train_episode",
    "write_episodes",
]
