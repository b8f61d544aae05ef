"""What a link may be told to do."""

import pytest
from pydantic import JsonValue, ValidationError

from faildrill.toolkit.links import OfLink


@pytest.mark.parametrize(
    "params",
    [
        {"how": "delayed", "delay": "400us"},
        {"how": "delayed", "delay": "1500us"},
        {"how": "delayed", "delay": "20ms", "jitter": "100us"},
    ],
)
def test_a_delay_that_would_be_rounded_away_is_refused(params: dict[str, JsonValue]) -> None:
    with pytest.raises(ValidationError, match="whole milliseconds"):
        OfLink.model_validate(params)


@pytest.mark.parametrize("delay", ["1ms", "1.1s", "20ms", "0.3s"])
def test_a_delay_of_whole_milliseconds_is_taken(delay: str) -> None:
    assert OfLink.model_validate({"how": "delayed", "delay": delay, "jitter": "1ms"}).delay > 0
