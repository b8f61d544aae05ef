"""Files that somebody wrote to do harm; run as a program it loads each and prints what that cost."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from faildrill.errors import InvalidFile
from faildrill.loading import load_drill

SIZE = 1 << 20


def files() -> Iterator[tuple[str, bytes]]:
    """Yield what each does, and its bytes."""
    head = b"drill: x\nprobes:\n  "
    yield "as large as a file may be", b"# " + b"x" * (SIZE - 2)
    yield "larger than a file may be", b"a" * (SIZE + 1)
    yield "lists in lists", b"[" * (SIZE // 2)
    yield "mappings in mappings", head + b"{a: " * (SIZE // 8)
    yield "indented lists in lists", b"- " * (SIZE // 4)
    yield "keys in keys", b"? " * (SIZE // 4)
    yield "deep by indentation", b"".join(b" " * n + b"a:\n" for n in range(1000))
    yield "many keys", b"".join(b"k%d: 1\n" % n for n in range(90_000))
    yield "one key again and again", b"a: 1\n" * (SIZE // 8)
    yield "many items", b"a: [" + b"x," * (SIZE // 4) + b"]"
    yield "an alias bomb", _bomb()
    yield "an alias to itself", b"a: &a [*a, *a]\nb: *a\n"
    yield "many anchors", b"a: [" + b",".join(b"&a%d x" % n for n in range(60_000)) + b"]"
    yield "a long word", b"drill: " + b"a" * (SIZE - 100)
    yield "a long key", b"a" * (SIZE - 100) + b": 1"
    yield "a long number", b"drill: " + b"9" * (SIZE - 100)
    yield "a long tag", b"drill: !" + b"a" * (SIZE - 100)
    yield "many escapes", b'drill: "' + b"\\U0001F600" * (SIZE // 16) + b'"'
    yield "folded without end", b"about: >\n" + b" x\n\n" * (SIZE // 8)
    yield "a tag that constructs", b"drill: !!python/object/apply:os.system ['false']\n"
    yield "duplicate keys deep inside", b"probes: {p: {every: 1s, every: 2s, every: 3s}}"
    yield "NUL", b"drill: \x00\n"
    yield "no UTF-8", b"drill: \xff\xfe\n"
    yield "UTF-16", "drill: x\n".encode("utf-16")
    yield (
        "many probes",
        head + b"".join(b"p%d: {http.request: {url: 'http://x'}, every: 1s}\n  " % n for n in range(450)),
    )
    yield "many references", b"drill: x\nprobes: {p: {http.request: {url: '" + b"${a.b}" * 20_000 + b"'}, every: 1s}}"
    yield "an expression that backtracks", b"drill: x\nwarm_up: '" + b"1s " * 100_000 + b"x'\n"
    yield (
        "a condition that backtracks",
        (b"drill: x\nsteps: [{wait: {until: '" + b"a " * 100_000 + b"', within: 1s}}]\n"),
    )


def _bomb() -> bytes:
    lines = [b"a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [b"a%d: &a%d [%s]" % (n, n, b",".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 30)]
    return b"\n".join(lines)


def cost(path: Path) -> tuple[float, int, list[str]]:
    """Return the least CPU seconds of three loads, the bytes that the process grew by, and what was said."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is the present size from here on
    before = _peak()
    spent, said = [], []
    for _ in range(3):
        start = time.process_time()
        try:
            load_drill(path, None)
        except InvalidFile as error:
            said = [f"{one.line}:{one.column}: {one.message}" for one in error.mistakes]
        spent.append(time.process_time() - start)
    return min(spent), _peak() - before, said


def _peak() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "warm.yaml").write_bytes(b"drill: x\nprobes: {p: {http.request: {url: 'x'}, every: 1s}}\n")
    cost(folder / "warm.yaml")
    results = {}
    for number, (what, data) in enumerate(files()):
        one = folder / f"{number}.yaml"
        one.write_bytes(data)
        results[what] = cost(one)
    sys.stdout.write(json.dumps(results))
