"""A state folder of its own for each unit test."""

import pytest


@pytest.fixture(autouse=True)
def _own_state(own_state: None) -> None:
    """Take it, asked for or not."""
