"""What must load without torch: images, decisions, tables and reports."""

import subprocess
import sys

import pytest

import obftnet

WITHOUT_TORCH = (
    "obftnet",
    "obftnet.annotations",
    "obftnet.calibration",
    "obftnet.checking",
    "obftnet.data.layouts",
    "obftnet.data.episodes",
    "obftnet.data.episode_files",
    "obftnet.decision",
    "obftnet.doctor",
    "obftnet.evaluation.answers",
    "obftnet.evaluation.journal",
    "obftnet.evaluation.metrics",
    "obftnet.evaluation.pictures",
    "obftnet.evaluation.queries",
    "obftnet.evaluation.results",
    "obftnet.explanation.picture",
    "obftnet.exported",
    "obftnet.imaging",
    "obftnet.imaging.panel",
    "obftnet.imaging.resize",
    "obftnet.imaging.tiles",
    "obftnet.packs",
    "obftnet.protocols",
    "obftnet.regions",
    "obftnet.reporting",
    "obftnet.scoring",
    "obftnet.segmentation",
    "obftnet.segmentation.deciding",
    "obftnet.synthetic",
    "obftnet.ui.workspace",
)


def test_images_decisions_tables_and_reports_need_no_torch():
    code = """
import importlib, sys
sys.modules["torch"] = None  # importing it raises
for name in sys.argv[1:]:
    importlib.import_module(name)
"""
    done = subprocess.run([sys.executable, "-c", code, *WITHOUT_TORCH], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_package_s_names_are_there_when_asked_for():
    assert set(obftnet.__all__) <= set(dir(obftnet))
    assert obftnet.Segmenter.__module__ == "obftnet.segmenter"
    with pytest.raises(AttributeError, match="no attribute 'Segmentor'"):
        obftnet.Segmentor  # noqa: B018
