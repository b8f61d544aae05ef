"""`faildrill watch`: audit and probes as a long-running check that tells people."""

import asyncio
import signal
from pathlib import Path

import click

from faildrill.cli.environment_choice import environment
from faildrill.cli.options import LISTEN, NOTIFY, address
from faildrill.cli.time_options import seconds
from faildrill.errors import WrongUsage
from faildrill.model.environment import Environment
from faildrill.reports.wording import count
from faildrill.secrets import Reference
from faildrill.system import redaction, resolver
from faildrill.watching import Manner, Watch


@click.command()
@click.argument("env", metavar="ENV")
@NOTIFY
@click.option("--listen", default=LISTEN, show_default=True, help="Where Prometheus reads; `none` for nowhere.")
@click.option("--every", callback=seconds, default="30s", show_default=True, help="Between two audits.")
@click.option(
    "--after", callback=seconds, default="5s", show_default=True, help="How long something must be bad before an alert."
)
@click.option(
    "--calm", callback=seconds, default="1m", show_default=True, help="How long it must be good before a recovery."
)
@click.option("--objective", callback=seconds, metavar="TIME", help="How soon a dead server must be noticed.")
def watch(
    *,
    env: str,
    notify: tuple[Reference, ...],
    listen: str,
    every: float,
    after: float,
    calm: float,
    objective: float | None,
) -> None:
    """Watch until told to end: audit now and then, look with the `watched` probes, tell people what deviates.

    Changes nothing. An alert carries the evidence and the next step; what flaps makes one alert and one recovery. What
    can't be read is an alert of its own. SIGTERM and Ctrl-C end it with 0.
    """
    with environment(env, Path("drill.yaml"), start_lab=False) as place:
        if not place.settings and not place.watched:
            raise WrongUsage(f"{place.name} lists nothing to watch: give it `settings`, `watched`, or both")
        resolver.run(_watched(place, Manner(every, after, calm, objective), notify, listen))


async def _watched(place: Environment, manner: Manner, notify: tuple[Reference, ...], listen: str) -> None:
    from faildrill.adapters.apprise.notifier import Way
    from faildrill.adapters.prometheus.metrics import Metrics

    ways = [Way(reference) for reference in notify]
    metrics = Metrics(place.name)
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, ending.set)
    try:
        if listen != "none":
            host, port = address(listen)
            _say(f"metrics at http://{host}:{metrics.serve(host, port)}/metrics")
        _say(f"watching {place.name}: {_what(place)}, told {_where(len(ways))}")
        await Watch(place, manner, ways, metrics, _say).run(ending)
    finally:
        metrics.close()
    _say("ended as asked")


def _what(place: Environment) -> str:
    return f"{count(len(place.settings), 'source')} of settings, {count(len(place.watched), 'probe')}"


def _where(ways: int) -> str:
    return f"here and in {count(ways, 'other way')}" if ways else "here only"


def _say(text: str) -> None:
    click.echo(redaction.clean(text))
