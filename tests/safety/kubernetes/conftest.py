"""An authority for the API servers that lie, made once for each file."""

import pytest

from support.liars.kubernetes import Certificates


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("ca"))
