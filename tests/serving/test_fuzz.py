"""Requests made up from the server's own description: none makes it answer with 5xx, none ends it."""

import pytest

from .conftest import picture, png

schemathesis = pytest.importorskip("schemathesis", reason="pip install 'obftnet[test]'")

from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from schemathesis import GenerationMode  # noqa: E402
from schemathesis.specs.openapi.checks import positive_data_acceptance  # noqa: E402

REQUESTS = 50
_QUICK = settings(
    max_examples=REQUESTS,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_made_up_requests_are_answered_as_described(server, mode):
    schema = schemathesis.openapi.from_dict(server.http.get("/openapi.json").json())
    schema.config.base_url = str(server.http.base_url)
    asked = 0
    for operation in schema.get_all_operations():
        if mode is GenerationMode.NEGATIVE and operation.ok().method == "get":
            continue  # it takes nothing that could be wrong
        made = operation.ok().as_strategy(generation_mode=mode)

        @_QUICK
        @given(case=made)
        def ask(case):
            nonlocal asked
            asked += 1
            answer = case.call(timeout=30)
            assert answer.status_code < 500, (case.as_curl_command(), answer.text)
            # Bytes of any kind fit the description, and are no image.
            case.validate_response(answer, excluded_checks=[positive_data_acceptance])

        ask()
    assert asked >= REQUESTS
    assert server.http.get("/ready").status_code == 200


@_QUICK
@given(place=st.integers(0, 8000), change=st.integers(1, 255), cut=st.integers(0, 8000))
def test_damaged_images_are_answered_with_200_or_422(server, place, change, cut):
    whole = bytearray(png(picture(0)))
    whole[place % len(whole)] ^= change
    answer = server.ask("leather", bytes(whole[: len(whole) - cut % len(whole)]))
    assert answer.status_code in (200, 413, 422), answer.text
