"""An arm answers at one URL, or at several that serve the same."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from serving.engines.arms import Endpoint

ONE, TWO = "http://a:8000", "http://b:8000"


def endpoint(**fields: Any) -> Endpoint:
    return Endpoint.model_validate({"arm": "control", **fields})


def test_one_url_is_one_replica() -> None:
    assert (endpoint(url=ONE).url, endpoint(url=ONE).replicas) == (ONE, (ONE,))


def test_url_is_the_first_of_several() -> None:
    several = endpoint(urls=[ONE, TWO])
    assert (several.url, several.replicas) == (ONE, (ONE, TWO))
    assert Endpoint.model_validate(several.model_dump()) == several


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "url"),
        ({"urls": []}, "url"),
        ({"url": TWO, "urls": [ONE]}, "url is 'http://b:8000' beside urls that begin with 'http://a:8000'"),
        ({"urls": [ONE, ONE]}, "urls has a replica twice"),
        ({"urls": 7}, "urls"),
    ],
)
def test_what_names_no_place_or_two_first_ones_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        endpoint(**fields)
