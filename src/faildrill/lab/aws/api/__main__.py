"""Serve the API of one account until ended."""

import sys
from pathlib import Path

from werkzeug.serving import make_server

from faildrill.lab.aws.api.front import Front, Handler
from faildrill.lab.aws.api.settings import Settings


def main() -> None:
    """Load Moto, make the account, and serve."""
    settings = Settings.read(Path(sys.argv[1]))
    front = Front(settings)
    handler = type("Handler", (Handler,), {"front": front})
    make_server(settings.address, settings.port, _nothing, threaded=True, request_handler=handler).serve_forever()


def _nothing(*_: object) -> list[bytes]:
    """Stand for an application: the handler has its own."""
    return []


if __name__ == "__main__":
    main()
