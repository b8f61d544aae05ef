"""Measure, print, and bring docs/benchmarks.md up to date: `python -m benchmarks [--quick] [--write] [SECTION…]`."""

import importlib
import re
import sys
from typing import Final

import click

from benchmarks.measuring import ROOT, Section, machine

SECTIONS: Final = ("startup", "lateness", "outages", "sql", "ledger", "samples", "live")
PAGE: Final = ROOT / "docs" / "benchmarks.md"


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(SECTIONS), metavar="[SECTION]…")
@click.option("--quick", is_flag=True, help="A few runs of each: to see that it works, not to be believed.")
@click.option("--write", is_flag=True, help="Put the tables into docs/benchmarks.md.")
def main(names: tuple[str, ...], *, quick: bool, write: bool) -> None:
    """Measure faildrill beside others; bounded, on this machine only, and nothing is left running."""
    for name in names or SECTIONS:
        where = machine()
        section: Section = importlib.import_module(f"benchmarks.{name}").section(quick=quick)
        text = f"## {section.title}\n\nMeasured {where}\n\n{section.text}"
        click.echo(text)
        if write:
            _put(name, text)


def _put(name: str, text: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    marked = f"<!-- {name} -->\n{text.rstrip()}\n<!-- end of {name} -->"
    there = re.compile(f"<!-- {name} -->.*<!-- end of {name} -->", re.DOTALL)
    if not there.search(page):
        page = f"{page.rstrip()}\n\n{marked}\n"
    page = there.sub(lambda _: marked, page)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
