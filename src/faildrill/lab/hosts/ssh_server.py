"""The SSH server of one host of the lab: `python -m faildrill.lab.hosts.ssh_server FILE`.

It starts the host's services, then serves commands and SFTP to whoever holds the lab's key: no passwords, no
forwarding, and terminals only in name. As with sshd, what a command has left running goes on when its connection
is gone.
"""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncssh

LOOPBACK = "127.0.0.1"
_BLOCK = 1 << 16


class Host:
    """What the server's file says, and how a command runs there."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.folder = Path(settings["folder"])

    def boot(self) -> None:
        """Start the services that belong to the host."""
        for name in self.settings["services"]:
            subprocess.run(
                [str(self.folder / "bin" / "systemctl"), "start", name], check=True, env=self.environment("root")
            )

    async def serve(self) -> None:
        """Serve until ended."""
        async with asyncssh.listen(
            LOOPBACK,
            self.settings["port"],
            server_host_keys=[self.settings["host_key"]],
            authorized_client_keys=self.settings["authorized_keys"],
            password_auth=False,
            kbdint_auth=False,
            process_factory=self._command,
            sftp_factory=True,
            line_editor=False,
            agent_forwarding=False,
            encoding=None,
            login_timeout=30,
        ) as server:
            await server.wait_closed()

    def environment(self, user: str) -> dict[str, str]:
        """Return what a command finds: nothing comes from whoever connects."""
        return {**self.settings["env"], "USER": user, "LOGNAME": user}

    async def _command(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        """Run a command in a session of its own; a connection that is lost ends its pipes, and nothing else."""
        if process.command is None:
            process.stderr.write(b"this host runs commands only\n")
            process.exit(1)
            return
        local = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            process.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment(process.get_extra_info("username")),
            cwd=self.folder / "home",
            start_new_session=True,
        )
        feeding = asyncio.create_task(_pass_on(process.stdin, local.stdin))
        try:
            await asyncio.gather(_pass_on(local.stdout, process.stdout), _pass_on(local.stderr, process.stderr))
            code = await local.wait()
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
        with suppress(OSError, asyncssh.Error):  # nobody is there any more to be told
            process.exit(code if code >= 0 else 255)


async def _pass_on(source: Any, sink: Any) -> None:  # noqa: ANN401 - asyncio's streams and asyncssh's share no type
    """Pass bytes on to the end of the source, or of the sink."""
    with suppress(OSError, asyncssh.Error):
        while block := await source.read(_BLOCK):
            sink.write(block)
            await sink.drain()
    with suppress(OSError, asyncssh.Error):
        if isinstance(sink, asyncio.StreamWriter):
            sink.close()


def main() -> None:
    """Boot and serve."""
    os.umask(0o077)
    host = Host(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    host.boot()
    asyncio.run(host.serve())


if __name__ == "__main__":
    main()
