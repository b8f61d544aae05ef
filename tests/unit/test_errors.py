import errno
import socket

import pytest

from faildrill.errors import CannotSee, reason


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "/etc/nowhere"), "No such file or directory"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (OSError("cut off"), "cut off"),
        (CannotSee("it does not answer"), "it does not answer"),
        (TimeoutError(), "timed out"),
        (ConnectionResetError(), "ConnectionResetError"),
        (KeyError(), "KeyError"),
    ],
)
def test_a_failure_is_told_in_the_words_of_whoever_knows_most_of_it(error: Exception, words: str) -> None:
    assert reason(error) == words
