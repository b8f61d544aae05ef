"""What stands before Moto's application: it logs every call, tells it what the service knows, and lies when told to."""

import io
import json
import threading
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.test import EnvironBuilder, run_wsgi_app

from faildrill.errors import FaildrillError
from faildrill.lab.aws import records
from faildrill.lab.aws.api import operations, wire
from faildrill.lab.aws.api.account import Account
from faildrill.lab.aws.api.lies import OF_THE_EFFECT, ON_THE_WIRE, Lie, Lies
from faildrill.lab.aws.api.settings import Settings
from faildrill.lab.aws.api.wire import Answer
from faildrill.lab.aws.records import AVAILABLE, FAILING_OVER, Records
from faildrill.lab.core import control
from faildrill.lab.core.truth_log import TruthLog

LIES: Final = "/faildrill/lies"
SERVICE: Final = "/faildrill/service"
_WARM: Final = {
    "rds": ("2014-10-31", ("DescribeDBClusters", "DescribeDBInstances", "DescribeEvents")),
    "sts": ("2011-06-15", ("GetCallerIdentity",)),
}
"""The version of each service, and what it is asked before anybody else asks: the first answers load Moto's models."""
_WITHIN: Final = 10.0
_LONGEST: Final = 55.0
"""Seconds for which an answer waits for the end of a failover; boto3 as it comes waits for 60."""
_PAUSE: Final = 0.02


class Front:
    """One API."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lies = Lies()
        self._truth = TruthLog(Path(settings.truth), "api")
        self._moto = threading.Lock()
        """Held while Moto works: its state is no thread's own."""
        operations.install(Path(settings.service))
        self._application = DomainDispatcherApplication(create_backend_app)
        self._account = Account(settings)
        self._warm()

    def answer(self, environ: dict[str, Any], body: bytes) -> tuple[Answer, str]:
        """Answer a request: with what, and how it is sent."""
        if environ["PATH_INFO"] in (LIES, SERVICE):
            return self._settle(environ, body), ""
        operation = _operation(environ, body)
        lie = self._lies.take(operation) or Lie(how="stale", seconds=0.0)
        self._truth.note("called", operation=operation, lie=lie.how if lie.how != "stale" or lie.seconds else "")
        on_the_wire = lie.how in ON_THE_WIRE
        untouched, began = on_the_wire and lie.when == "before", time.time()
        answer = wire.INSTEAD["500"] if untouched else self._true(environ, body, lie)
        if lie.when == "over":
            self._wait_for_the_end(began)
        time.sleep(lie.delay)
        self._truth.note("answered", operation=operation, status=answer.status)
        return answer, lie.how if on_the_wire else ""

    def _warm(self) -> None:
        """Have Moto load what it would load at its first answers, which would take them seconds on a busy machine."""
        for service, (version, asked) in _WARM.items():
            scope = f"{self._settings.access_key_id}/20260101/{self._settings.region}/{service}/aws4_request"
            headers = [("Authorization", f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0")]
            for operation in asked:
                form = {"Action": operation, "Version": version}
                environ = EnvironBuilder(method="POST", headers=headers, data=form).get_environ()
                run_wsgi_app(self._application, environ, buffered=True)

    def _true(self, environ: dict[str, Any], body: bytes, lie: Lie) -> Answer:
        """Return what Moto answers, of what the service knows or knew."""
        environ["wsgi.input"] = io.BytesIO(body)
        course = operations.COURSE.set(lie.how if lie.how in OF_THE_EFFECT else lie.course)
        try:
            with self._moto:
                self._account.show(self._known(lie))
                parts, status, headers = run_wsgi_app(self._application, environ, buffered=True)
                text = b"".join(parts)
        except NotImplementedError as error:
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, f"{error}\n".encode(), "text/html")
        finally:
            operations.COURSE.reset(course)
        ids = [(name, value) for name, value in headers.items() if name.lower().startswith("x-amz")]
        return Answer(int(status.split()[0]), text, headers.get("Content-Type", "text/xml"), tuple(ids))

    def _wait_for_the_end(self, began: float) -> None:
        """Wait until a failover that was asked for since is over, whatever became of it."""
        until = time.monotonic() + _LONGEST
        while time.monotonic() < until:
            known = records.read(Path(self._settings.records))
            has_begun = any(one.at >= began and one.status == FAILING_OVER for one in known.versions)
            if has_begun and known.now.status == AVAILABLE:
                return
            time.sleep(_PAUSE)

    def _known(self, lie: Lie) -> Records:
        known = records.read(Path(self._settings.records))
        if lie.how == "without-events":
            return Records(known.versions)
        return known.as_of(time.time() - lie.seconds) if lie.how == "stale" else known

    def _settle(self, environ: dict[str, Any], body: bytes) -> Answer:
        """Answer a request about the lab itself: lies are read, set and taken back; so is the service's pace."""
        method, is_lies = environ["REQUEST_METHOD"], environ["PATH_INFO"] == LIES
        try:
            if method == "PUT":
                self._set(json.loads(body), is_lies=is_lies)
            elif method == "DELETE" and is_lies:
                self._lies.set([])
            elif method != "GET" or not is_lies:
                return Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"PUT; and GET, DELETE of lies\n", "text/plain")
        except (FaildrillError, ValueError) as error:
            return Answer(HTTPStatus.BAD_REQUEST, f"{error}\n".encode(), "text/plain")
        return Answer(HTTPStatus.OK, json.dumps(self._lies.told()).encode(), "application/json")

    def _set(self, wanted: object, *, is_lies: bool) -> None:
        if is_lies:
            self._lies.set(wanted)
        elif isinstance(wanted, dict):
            control.ask(Path(self._settings.service), {**wanted, "op": "settle"}, _WITHIN)
        else:
            raise FaildrillError('what is set is an object: {"delays": {"dns": 10}, "dns": "servfail"}')
        self._truth.note("set", wanted=wanted)


def _operation(environ: dict[str, Any], body: bytes) -> str:
    """Return which operation is asked for, empty where a request doesn't say."""
    target: str = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return target.rpartition(".")[2]
    return parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]


class Handler(MotoRequestHandler):
    """One connection to the API, which carries one request."""

    front: Front

    def run_wsgi(self) -> None:
        """Answer it, or what is told instead."""
        self.close_connection = True
        environ = self.make_environ()
        answer, how = self.front.answer(environ, self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0)))
        wire.send(self.connection, answer, how)

    def log(self, *_: Any, **__: Any) -> None:
        """Write nothing: the truth log has every call."""
