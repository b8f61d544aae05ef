"""The init of one node: parent of everything that runs on it, as the first process of a host is.

It is a subreaper, so what a node's programs leave behind (PostgreSQL's postmaster leaves Patroni's tree) stays
below it, and a signal reaches the whole node at once. It never starts anything again by itself. When the
supervisor is gone (its end of the channel is closed), it ends the node and itself.

It speaks lines of JSON over file descriptor 0. First it is told what to run:
`{"argv", "env", "cwd", "log", "user"}`; then `{"signal": "STOP"}` and the like. It says `{"started": pid}`,
`{"done": signal}`, `{"failed": why}`, `{"exited": status}` (the main program's) and, last, `{"gone": true}`.

Standard library only, and few of its modules: a node starts in some 20 ms more because of it.
"""

import json
import os
import select
import signal
import sys
from typing import Any, NoReturn

from faildrill.lab.core import process_tree
from faildrill.system import kernel
from faildrill.system.processes import Process, descendants

CHANNEL = 0


def become(user: dict[str, Any]) -> None:
    """Take the user that the node runs as: `as` is `self`, `namespace` or `other`, with uid and gid."""
    if user["as"] == "namespace":
        kernel.enter_user_namespace(user["uid"], user["gid"])
    elif user["as"] == "other":  # the user last: without root's rights the groups can't be changed any more
        os.setgroups([])
        os.setgid(user["gid"])
        os.setuid(user["uid"])


def run(spec: dict[str, Any]) -> NoReturn:
    """Turn this (forked) process into the node's main program; its output goes to the node's log."""
    try:
        log = os.open(spec["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.setsid()
        os.chdir(spec["cwd"])
        # What is ignored stays so in the next program (execve(2)), and the init ignores these.
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        become(spec["user"])
        # After that: who changes his user loses the signal that he gets when his parent dies (PR_SET_PDEATHSIG).
        kernel.die_with_parent(signal.SIGKILL)
        os.execve(  # noqa: S606 - it is what an init does
            spec["argv"][0], spec["argv"], spec["env"]
        )
    except OSError as error:
        os.write(2, f"cannot start {spec['argv'][0]}: {error}\n".encode())
    os._exit(127)


class Node:
    """What runs below this process."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.main = os.fork()
        if not self.main:
            run(spec)
        say({"started": self.main})

    def tree(self) -> list[Process]:
        """Every process of the node."""
        return descendants(os.getpid())

    def obey(self, name: str) -> None:
        """Send a signal to the node: KILL, STOP and CONT to all of it, others to its main program."""
        if name == "KILL":
            process_tree.end(self.tree, process_tree.TIME_TO_END)
        elif name == "STOP":
            process_tree.hold(self.tree, 5.0)
        elif name == "CONT":
            process_tree.send([process.pid for process in self.tree()], signal.SIGCONT)
        else:
            pids = [process.pid for process in self.tree()]
            process_tree.send([self.main] if self.main in pids else pids, getattr(signal, f"SIG{name}"))

    def collect(self) -> bool:
        """Reap what has ended; false when nothing is left of the node."""
        some_left = bool(self.tree())  # looked for first: what ends after this look wakes us again
        status = process_tree.reap().get(self.main)
        if status is not None:
            say({"exited": os.waitstatus_to_exitcode(status)})
        return some_left


def say(message: dict[str, Any]) -> None:
    """Tell the supervisor, if it is still there."""
    try:
        os.write(CHANNEL, json.dumps(message).encode() + b"\n")
    except (BrokenPipeError, ConnectionResetError):
        return


def listen() -> list[dict[str, Any]] | None:
    """Return what the supervisor says, whole lines; None when it is gone."""
    try:
        text = os.read(CHANNEL, 65536)
    except ConnectionResetError:
        return None
    while text and not text.endswith(b"\n"):
        text += os.read(CHANNEL, 65536)
    return [json.loads(line) for line in text.splitlines()] if text else None


def answer(node: Node, request: dict[str, Any]) -> None:
    """Do what is asked and say how it went."""
    try:
        node.obey(request["signal"])
    except (OSError, TimeoutError) as error:
        say({"failed": str(error)})
    else:
        say({"done": request["signal"]})


def wake_on_signals() -> int:
    """Make signals readable: a file descriptor that has a byte for each."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    os.set_blocking(reading, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    return reading


def main() -> None:
    """Run one node until nothing is left of it, or until the supervisor is gone."""
    os.umask(0o077)
    kernel.become_subreaper()
    kernel.die_with_parent(signal.SIGTERM)
    woken = wake_on_signals()
    first = listen()
    if not first:
        sys.exit(0)
    os.chdir(first[0]["cwd"])
    node = Node(first[0])
    requests: list[dict[str, Any]] | None = first[1:]
    while True:
        for request in requests or []:
            answer(node, request)
        if not node.collect():
            break
        ready = select.select([CHANNEL, woken], [], [])[0]
        requests = listen() if CHANNEL in ready else []
        asked_to_end = woken in ready and bytes([signal.SIGTERM]) in os.read(woken, 4096)
        if requests is None or asked_to_end:
            process_tree.end(node.tree, process_tree.TIME_TO_END)
    say({"gone": True})
