"""`make figures` prints what can be counted of the package; with a word, the places behind the figures it occurs in."""

import sys

from support.house.figures import figures
from support.house.source import read


def main(words: list[str]) -> None:
    """Print the figures, a line each; with a word, what was counted for those whose name has it."""
    for figure in figures(read()):
        print(figure)  # noqa: T201 - what it is for
        for place in figure.where if words and any(word in figure.name for word in words) else ():
            print(f"    {place}")  # noqa: T201 - the same


if __name__ == "__main__":
    main(sys.argv[1:])
