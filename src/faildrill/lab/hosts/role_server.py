"""Tells a load balancer which database host is the primary: `/primary` is 200 there, 503 everywhere else.

`python -m faildrill.lab.hosts.role_server FILE`, a service of each database host, beside PostgreSQL.
"""

import json
import sys
from pathlib import Path
from typing import Any

import asyncpg
from aiohttp import web

_WITHIN = 0.8
_FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Roles:
    """Asks the PostgreSQL of this host, over one connection that is opened anew when it is lost."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._password = Path(settings["password_file"]).read_text(encoding="ascii").strip()
        self._connection: asyncpg.Connection | None = None

    async def primary(self, _: web.Request) -> web.Response:
        """Answer 200 where PostgreSQL takes writes."""
        try:
            leads = not await self._in_recovery()
        except _FAILURES as error:
            await self._hang_up()
            return web.Response(status=503, text=f"{type(error).__name__}\n")
        return web.Response(status=200 if leads else 503, text="primary\n" if leads else "standby\n")

    async def _in_recovery(self) -> bool:
        if self._connection is None:
            self._connection = await asyncpg.connect(
                **self._settings["database"],
                password=self._password,
                ssl=False,
                timeout=_WITHIN,
                command_timeout=_WITHIN,
            )
        answer: bool = await self._connection.fetchval("SELECT pg_is_in_recovery()")
        return answer

    async def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None


def main() -> None:
    """Serve until told to end."""
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    application = web.Application()
    application.router.add_route("*", "/primary", Roles(settings).primary)
    web.run_app(application, host="127.0.0.1", port=settings["port"], print=None, access_log=None, shutdown_timeout=0.5)


if __name__ == "__main__":
    main()
