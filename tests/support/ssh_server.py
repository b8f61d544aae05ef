"""An sshd on loopback, and the configuration by which OpenSSH logs in to it: real on both sides."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

SSHD: Final = shutil.which("sshd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
needs_sshd = pytest.mark.skipif(
    SSHD is None or shutil.which("ssh") is None, reason="no sshd: apt install openssh-server openssh-client"
)
CONFIG: Final = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/client_key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""
CLIENT: Final = """\
Host {names}
    HostName 127.0.0.1
    Port {port}
    User {user}
    IdentityFile {folder}/client_key
    IdentitiesOnly yes
    HostKeyAlias {alias}
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
"""


@dataclass(frozen=True)
class SshServer:
    """One sshd."""

    folder: Path
    port: int
    pid: int

    @property
    def config(self) -> str:
        """The path of the configuration for `ssh -F`."""
        return str(self.folder / "ssh_config")

    @property
    def key(self) -> str:
        """Its public key, without a name."""
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])


@contextmanager
def ssh_server(folder: Path, *names: str) -> Iterator[SshServer]:
    """Serve on loopback; `ssh -F` its configuration logs in to any of these names."""
    assert SSHD is not None
    for key in ("host_key", "client_key"):
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / key)]
        subprocess.run(argv, check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd(8): as root it asks for it
    public = (folder / "host_key.pub").read_text().strip()
    (folder / "known_hosts").write_text(f"an-sshd {public}\n")
    (folder / "sshd_config").write_text(CONFIG.format(port=port, folder=folder))
    client = CLIENT.format(names=" ".join(names), port=port, user=getpass.getuser(), folder=folder, alias="an-sshd")
    (folder / "ssh_config").write_text(client)
    argv = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
    with (folder / "sshd.log").open("wb") as log, subprocess.Popen(argv, stderr=log) as serving:
        try:
            _answers(port)
            yield SshServer(folder, port, serving.pid)
        finally:
            serving.terminate()


def _answers(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < deadline, "no sshd answers"
            time.sleep(0.02)
        else:
            return
