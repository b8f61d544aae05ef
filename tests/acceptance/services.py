"""Small services that answer, hang or are slow as a file says: what is drilled here, as a process of its own.

usage: python services.py PORT FOLDER HOW
"""

import socket
import sys
import threading
import time
from pathlib import Path
from typing import Final

GOOD: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
BAD: Final = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
AWAY: Final = 3
"""Answers after which some of them are silent for ever."""


class Service:
    """Answers one request a connection."""

    def __init__(self, folder: Path, how: str) -> None:
        self._down = folder / "down"
        self._how = how
        self._was_down = how == "answers three times, then hangs"
        self._answers = 0
        self._held: list[socket.socket] = []

    def serve(self, connection: socket.socket) -> None:
        """Answer, or hold on to it for ever."""
        try:
            connection.settimeout(10)
            connection.recv(65536)
            answer = self._answer()
            if answer is None:
                self._held.append(connection)
                return
            connection.sendall(answer)
        except OSError:
            pass
        connection.close()

    def _answer(self) -> bytes | None:
        is_down = self._down.exists()
        if self._how == "hangs while down":
            return None if is_down else GOOD
        if self._how == "is slow while down":
            time.sleep(1.5 if is_down else 0.0)
            return GOOD
        if self._how == "is late while down":
            self._answers += 1
            time.sleep(0.09 if is_down and self._answers % 4 == 0 else 0.0)
            return GOOD
        if is_down:  # and comes back for three answers
            self._was_down = True
            return BAD
        self._answers += self._was_down
        return None if self._answers > AWAY else GOOD


def main(port: int, folder: Path, how: str) -> None:
    """Serve until it is killed."""
    service = Service(folder, how)
    with socket.create_server(("127.0.0.1", port), backlog=1024) as listener:
        print("ready", flush=True)  # noqa: T201 - the protocol with the test
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=service.serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
