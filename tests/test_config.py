"""What makes a configuration, and what cannot be one."""

import json

import pytest
from pydantic import ValidationError

from obftnet.config import CuesConfig, EncoderConfig, model_config
from obftnet.errors import InputError


def test_the_defaults_are_the_papers_with_its_gaps_closed():
    config = EncoderConfig()
    assert (config.epsilon, config.iterations, config.transport, config.background) == (
        0.05,
        20,
        "bilateral",
        True,
    )
    assert (config.transport_scale, config.relu, config.zeroed_columns) == ("positions", "before", "keep")
    assert (config.reader, config.fusion, config.mask_resize) == ("encoder4d", "bidirectional", "any")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colour": 1}, "colour"),
        ({"size": 63}, "size"),
        ({"epsilon": 0.009}, "epsilon"),
        ({"epsilon": float("nan")}, "epsilon"),
        ({"iterations": 0}, "iterations"),
        ({"transport": "both"}, "transport"),
        ({"reader": "cues", "cues": ""}, "distinct letters of 'abnsolputm', got ''"),
        ({"reader": "cues", "cues": "aa"}, "distinct letters"),
        ({"reader": "cues", "cues": "ax"}, "distinct letters"),
        ({"reader": "cues", "cues": "u"}, "the query only"),
        ({"reader": "cues", "cues": "abt", "shots_rule": "vote"}, "other views go with the cues .* joint"),
        ({"reader": "cues", "cues": "abom"}, "other views go with the cues 'abnsutm'"),
        ({"reader": "cues", "coreset": 100}, "a coreset serves the cues 'abnsutm'"),
        ({"reader": "cues", "self_support": True}, "self_support goes with the cues 'abnsutm'"),
        ({"self_support": True}, "encoder4d reader does not read self_support"),
        ({"cues": "ab"}, "encoder4d reader does not read cues"),
        ({"reader": "cues", "transport": "none"}, "cues reader does not read transport, which is 'none'"),
        ({"reader": "cues", "fusion": "top_down"}, "cues reader does not read fusion"),
        ({"cosine_temperature": 0.05}, "of plans alone no cosine is read"),
        ({"cosine_temperature": 0.05, "transport": "foreground", "background": False}, "no cosine is read"),
        ({"background": False}, "foreground or none"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        model_config(options)


def test_a_configuration_travels_as_json_and_does_not_change():
    config = CuesConfig(cues="abns", epsilon=0.1, size=400, relu="after")
    assert model_config(json.loads(config.model_dump_json())) == config
    with pytest.raises(ValidationError):
        config.epsilon = 1


def test_a_configuration_takes_what_its_reader_reads():
    assert model_config({}) == EncoderConfig()
    assert model_config({"reader": "cues"}) == CuesConfig()
    assert CuesConfig().cues == "abnsolp"
    assert CuesConfig(iterations=5, mask_resize="bilinear", shots_rule="vote").iterations == 5
    assert CuesConfig(cues="abnsm", epsilon=0.01).views
    assert EncoderConfig(background=False, transport="foreground").background is False


@pytest.mark.parametrize("own", [EncoderConfig(), CuesConfig()])
def test_a_file_that_names_the_other_readers_settings_at_their_defaults_is_read(own):
    """Earlier versions wrote all of them."""
    other = (CuesConfig() if own.reader == "encoder4d" else EncoderConfig()).model_dump(exclude={"reader"})
    assert model_config(other | own.model_dump()) == own


@pytest.mark.parametrize("reader", ["unet", 3, None])
def test_an_unknown_reader_is_named(reader):
    with pytest.raises(InputError, match=f"unknown reader {reader!r}: there are encoder4d, cues"):
        model_config({"reader": reader})
