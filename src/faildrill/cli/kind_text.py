"""How a kind is explained on a terminal."""

import textwrap

import click

from faildrill.errors import WrongUsage
from faildrill.explaining.kind_description import SHAPES, Description, describe
from faildrill.kinds import Shape, UnknownKind, did_you_mean, names


def print_all() -> None:
    """Print the name and the first sentence of every kind, by shape."""
    for shape, meaning in SHAPES.items():
        click.secho(f"{shape}: {meaning}", bold=True)
        known = names(shape)
        width = max(map(len, known), default=0)
        for name in known:
            click.echo(f"  {name:<{width}}  {_summary(name, shape)}")
        click.echo()
    click.echo("`faildrill explain KIND` tells its parameters.")


def _summary(name: str, shape: Shape) -> str:
    try:
        return describe(name, shape).summary
    except UnknownKind as error:
        return f"can't be used here: {error}"


def print_one(name: str) -> None:
    """Print everything about a kind, in each shape that has one of that name; WrongUsage where none has."""
    shapes: list[Shape] = [shape for shape in SHAPES if name in names(shape)]
    if not shapes:
        known = sorted({known_name for shape in SHAPES for known_name in names(shape)})
        raise WrongUsage(f"no kind is called {name!r}{did_you_mean(name, known)}")
    for number, shape in enumerate(shapes):
        if number:
            click.echo()
        _print(describe(name, shape))


def _print(kind: Description) -> None:
    click.secho(f"{kind.name}: {kind.shape}", bold=True, nl=False)
    click.echo(f" ({SHAPES[kind.shape]})\n")
    click.echo(textwrap.indent(kind.text, "  "))
    click.secho("\nexample", bold=True)
    click.echo(textwrap.indent(kind.example, "  "))
    if not kind.parameters:
        return
    click.secho("\nparameters", bold=True)
    for parameter in kind.parameters:
        default = f", default {parameter.default.strip('`')}" if parameter.default else ", required"
        click.echo(f"  {click.style(parameter.name, bold=True)}: {parameter.takes.replace('`', '')}{default}")
        if parameter.about:
            click.echo(textwrap.fill(parameter.about, 100, initial_indent="    ", subsequent_indent="    "))
