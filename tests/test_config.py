"""What makes a configuration, and what cannot be one."""

import pytest
from pydantic import ValidationError

from obftnet.config import ModelConfig


def test_the_defaults_are_the_papers_with_its_gaps_closed():
    config = ModelConfig()
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
        ({"reader": "cues", "cues": "abt", "shots_rule": "vote"}, "t and m go with the cues .* joint"),
        ({"reader": "cues", "cues": "abom"}, "t and m go with the cues 'abnsutm'"),
        ({"reader": "cues", "cues": "am", "epsilon": 0.01}, "t and m go with an epsilon of 1/60"),
        ({"reader": "cues", "self_support": True}, "self_support goes with the cues 'abnsutm'"),
        ({"self_support": True}, "encoder4d reader does not read self_support"),
        ({"cues": "ab"}, "encoder4d reader does not read cues"),
        ({"reader": "cues", "transport": "none"}, "cues reader does not read transport, which is 'none'"),
        ({"reader": "cues", "fusion": "top_down"}, "cues reader does not read fusion"),
        ({"background": False}, "foreground or none"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        ModelConfig(**options)


def test_a_configuration_travels_as_json_and_does_not_change():
    config = ModelConfig(reader="cues", cues="abns", epsilon=0.1, size=400, relu="after")
    assert ModelConfig.model_validate_json(config.model_dump_json()) == config
    with pytest.raises(ValidationError):
        config.epsilon = 1


def test_the_cues_reader_takes_what_it_reads():
    assert ModelConfig(reader="cues").cues == "abnsolp"
    assert ModelConfig(reader="cues", iterations=5, mask_resize="bilinear", shots_rule="vote").iterations == 5
    assert ModelConfig(background=False, transport="foreground").background is False
