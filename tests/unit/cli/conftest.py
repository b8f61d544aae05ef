"""What the tests of notices share."""

from collections.abc import Callable

import pytest

from faildrill.secrets import Reference


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Reference]:
    def given(url: str, name: str = "HOOK") -> Reference:
        monkeypatch.setenv(name, url)
        return Reference(f"env:{name}")

    return given
