import os

import pytest

from faildrill.lab.core import users


def test_whoever_is_no_root_and_has_a_name_runs_the_database_themselves() -> None:
    if not os.geteuid():
        pytest.skip("this is root")
    assert users.for_postgres() == users.myself()


def test_root_never_runs_the_database_as_root() -> None:
    if os.geteuid():
        pytest.skip("this is not root")
    chosen = users.for_postgres()
    assert chosen.how in {"namespace", "other"}
    assert chosen.uid != 0


def test_trying_for_a_namespace_leaves_this_process_where_it_is() -> None:
    before = os.stat("/proc/self/ns/user").st_ino  # noqa: PTH116 - what the link leads to
    users.namespaces_permitted(65534, 65534)
    assert os.stat("/proc/self/ns/user").st_ino == before  # noqa: PTH116 - the same
