"""`faildrill kubernetes rbac`: the least rights that a drill needs in a cluster, as manifests."""

from collections.abc import Iterator
from pathlib import Path

import click
from pydantic import ValidationError

from faildrill.adapters.kubernetes import role
from faildrill.adapters.kubernetes.rights import Needed, Needs
from faildrill.cli.environment_choice import environment
from faildrill.errors import WrongUsage
from faildrill.kinds import Shape, build
from faildrill.kinds.call_context import CallContext
from faildrill.loading import load_drill
from faildrill.model.drill import Drill, actions
from faildrill.model.environment import Environment
from faildrill.ports import NO_RUN
from faildrill.ports.target import KindUse
from faildrill.system import resolver

_WITHIN = 10.0
"""Seconds that looking what keeps pods there may take."""


@click.group()
def kubernetes() -> None:
    """Say what drills need of a Kubernetes cluster."""


@kubernetes.command()
@click.argument("drill", type=click.Path(path_type=Path))
@click.option("--env", "env", metavar="NAME|FILE", help="Where it is to be run; default: what the drill names.")
@click.option("--user", metavar="NAME", help="Whom to bind the roles to, as the cluster calls him.")
@click.option("--service-account", "account", metavar="NAMESPACE/NAME", help="Or a service account instead.")
def rbac(drill: Path, env: str | None, user: str | None, account: str | None) -> None:
    """Print the least Role for a DRILL, and what is the cluster's; change nothing.

    What keeps the pods there that a step takes away is looked at with the account that the environment names; where
    that may not look yet, reading any controller is allowed. A step that needs the output of another is left out, and
    said.
    """
    subject = _subject(user, account)
    named = env or load_drill(drill, None).drill.environment
    with environment(named, drill, start_lab=False) as place:
        loaded = load_drill(drill, place).drill
        needed = resolver.run(_needed(loaded, place))
    if not needed:
        raise WrongUsage(f"{loaded.name} asks nothing of a Kubernetes cluster")
    click.echo(role.manifests(f"faildrill-{loaded.name}", needed, subject), nl=False)


def _subject(user: str | None, account: str | None) -> role.Subject | None:
    if user and account:
        raise click.UsageError("--user and --service-account are two: name one of them")
    try:
        return role.service_account(account) if account else role.user(user) if user else None
    except ValueError as error:
        raise click.UsageError(str(error)) from error


async def _needed(drill: Drill, place: Environment) -> list[Needed]:
    found: list[Needed] = []
    given = CallContext(NO_RUN, timeout=_WITHIN)
    for shape, use in _uses(drill, place):
        try:
            kind = build(use, shape)
        except ValidationError:
            click.echo(f"{use.kind}: what it needs is known only when it is due; it is left out", err=True)
            continue
        if isinstance(kind, Needs):
            found += await kind.needs(given)
    return found


def _uses(drill: Drill, place: Environment) -> Iterator[tuple[Shape, KindUse]]:
    """Yield what would ask something."""
    yield from (("guard", use) for use in (*place.identity, *place.guards))
    yield from (("probe", plan.use) for plan in (*place.probes, *drill.probes, *drill.load))
    for step in actions(drill.every_step):
        yield "action", step.use
        if step.undo.use is not None:
            yield "action", step.undo.use
