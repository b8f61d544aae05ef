"""Who asks: a login of the tests' own."""

import pytest


@pytest.fixture(autouse=True)
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILLS_ID", "AKIADRILLSDRILLS1234")
    monkeypatch.setenv("DRILLS_SECRET", "a secret key of the drills' login")
