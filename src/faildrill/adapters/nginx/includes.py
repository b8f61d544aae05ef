"""The configuration of an NGINX: its main file and all that it includes, each read within bounds, and parsed."""

import contextlib
import glob
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

import crossplane
import crossplane.errors

from faildrill.adapters.nginx.passes import Block
from faildrill.errors import reason
from faildrill.standards import Unread
from faildrill.system import bounded_read

LARGEST: Final = 8 << 20
"""Bytes of one file."""
_MOST_FILES: Final = 2_000
"""Files that a configuration may have."""
_DEEPEST: Final = 16
"""Deeper than anybody includes."""
DEEPEST_BLOCK: Final = 64
"""Blocks inside of blocks: deeper than anybody nests them."""
_OPEN: Final = "it ends within a word: is a quotation mark left open?"
"""What the parser has no words for."""
_MARK: Final = re.compile(r"^# configuration file (.+):$", re.MULTILINE)
"""What `nginx -T` writes above each file."""

Files = dict[str, list[Block]]


def read(file: str) -> tuple[list[Block], list[Unread]]:
    """Return what a file and all that it includes hold, and which of those can't be read.

    OSError where the file itself can't be read; ValueError where one of them is wrong. The library that parses would
    open a named pipe or a device, too, and wait there for ever: so it is given copies of what was read.
    """
    # A relative `include` counts from the folder of the main file, wherever the including one lies
    # (ngx_conf_full_name).
    main = os.path.abspath(file)  # noqa: PTH100 - links are not followed: what it includes is relative to this place
    folder, files, missing = Path(main).parent, Files(), list[Unread]()
    waiting = [main]
    while waiting:
        name = waiting.pop()
        if name in files:
            continue
        if len(files) >= _MOST_FILES:
            raise ValueError(f"more than {_MOST_FILES:,} files are included")
        try:
            text = bounded_read.read(name, LARGEST).decode(errors="replace")
        except OSError as error:
            if name == main:
                raise
            missing.append(Unread("an included file", f"{name}: {reason(error)}"))
            files[name] = []
            continue
        files[name] = _parsed(name, text)
        waiting += [included for pattern in _patterns(files[name]) for included in _named(str(folder / pattern))]
    return list(_put_in(files[main], files, folder, 0)), missing


def from_dump(text: str) -> list[Block]:
    """Take a dump apart into its files, parse each, and put what is included in its place."""
    names = _MARK.findall(text)
    if not names:
        raise ValueError("not the output of `nginx -T`: no `# configuration file` in it")
    files: Files = {}
    for name, inner in zip(names, _MARK.split(text)[2::2], strict=True):
        files.setdefault(name, _parsed(name, inner))
    return list(_put_in(files[names[0]], files, Path(names[0]).parent, 0))


def _parsed(name: str, text: str) -> list[Block]:
    """Parse what one file holds; ValueError, with its name, where it is wrong."""
    with tempfile.TemporaryDirectory(prefix="faildrill-nginx-") as folder:
        copy = Path(folder, "nginx.conf")
        copy.write_text(text, encoding="utf-8")
        _bound(name, copy)
        payload = crossplane.parse(str(copy), single=True, comments=False, check_ctx=False, check_args=False)
    errors = [str(error["error"]).replace(str(copy), name) or f"{name}: {_OPEN}" for error in payload["errors"]]
    if errors:
        raise ValueError("; ".join(errors[:3]))
    return [block for config in payload["config"] for block in config["parsed"]]


def _bound(name: str, copy: Path) -> None:
    """Refuse blocks that are nested deeper than the parser can go; what else is wrong, it says itself."""
    depth = 0
    with contextlib.suppress(crossplane.errors.NgxParserBaseException):
        for word, line, quoted in crossplane.lex(str(copy)):
            depth += 0 if quoted else (word == "{") - (word == "}")
            if depth > DEEPEST_BLOCK:
                raise ValueError(f"{name}, line {line}: blocks nested more than {DEEPEST_BLOCK} deep")


def _patterns(blocks: list[Block]) -> Iterator[str]:
    for block in blocks:
        if block["directive"] == "include":
            yield block["args"][0]
        yield from _patterns(block.get("block", []))


def _named(pattern: str) -> list[str]:
    """Return the files that an include names: those that are there, where it is a pattern."""
    return sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207 - a whole path


def _put_in(blocks: list[Block], files: Files, folder: Path, depth: int) -> Iterator[Block]:
    if depth > _DEEPEST:
        raise ValueError("files that include each other")
    for block in blocks:
        if block["directive"] == "include":
            pattern = str(folder / block["args"][0])
            for name in sorted(file for file in files if PurePosixPath(file).match(pattern)):
                yield from _put_in(files[name], files, folder, depth + 1)
        elif "block" in block:
            yield {**block, "block": list(_put_in(block["block"], files, folder, depth))}
        else:
            yield block
