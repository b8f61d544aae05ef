"""Run playbooks through ansible-runner: `python -m faildrill.adapters.ansible.play_process`, a process of its own.

It reads one JSON object from its standard input and writes what happens to its standard output, a JSON object a line.
Everything it starts finds the environment that it was itself started with, which is an allow-listed one.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

_TASKS: Final = {
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "runner_on_skipped": "skipped",
}
"""By ansible-runner's name of an event, what became of a task on a host."""
_MOST: Final = 1 << 16
"""Characters of what a task returned that are passed on; more is left out."""


class LostEvent(Exception):
    """Something that Ansible told did not come through."""


def news(event: dict[str, Any]) -> dict[str, Any] | None:
    """Return what matters of an event of ansible-runner, None for what doesn't.

    LostEvent where the file in which Ansible tells it is gone: then nobody knows what was done, and where.
    """
    if "event" not in event:  # ansible-runner goes on without the file, and hands over the little that it knows itself
        raise LostEvent("what Ansible wrote down of an event is gone, so what was done is unknown")
    data = event.get("event_data") or {}
    kind = event["event"]
    if kind == "playbook_on_stats":
        names = ("ok", "changed", "failures", "dark", "skipped", "rescued", "ignored")
        stats = {name: data.get(name) or {} for name in names}
        return {"is": "stats", "stats": stats, "given": data.get("artifact_data") or {}}
    if kind not in _TASKS:
        return None
    result = data.get("res") or {}
    return {
        "is": "task",
        "how": _TASKS[kind],
        "host": data.get("host", ""),
        "task": data.get("task", ""),
        "path": data.get("task_path", ""),
        "start": data.get("start"),
        "end": data.get("end"),
        "ignored": bool(data.get("ignore_errors")),
        "changed": bool(result.get("changed")),
        "result": result if len(json.dumps(result, default=str)) <= _MOST else {"msg": str(result.get("msg", ""))},
    }


def main() -> None:
    """Play what the standard input says; exits 0 when Ansible ran, whatever came of it."""
    from ansible_runner.interface import init_runner  # noqa: PLC0415 - 0.2 s, which whoever only wants `news` need not wait for

    spec = json.load(sys.stdin)
    printed: list[str] = []

    def tell(what: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(what, default=str) + "\n")
        sys.stdout.flush()

    def heard(event: dict[str, Any]) -> bool:
        note = news(event)
        if note is not None:
            tell(note)
        elif event["event"] in ("verbose", "error", "warning") and event.get("stdout"):
            printed.append(str(event["stdout"]))
        return False  # nothing of it goes into a file

    play = init_runner(
        private_data_dir=spec["folder"],
        project_dir=spec["project"],
        playbook=spec["playbook"],
        inventory=spec["inventory"],
        extravars=spec["vars"],
        limit=spec["limit"],
        tags=spec["tags"],
        skip_tags=spec["skip_tags"],
        ident="play",
        event_handler=heard,
        quiet=True,
        suppress_env_files=True,
    )
    play.config.command[-1:-1] = spec["before"]  # the playbooks that come first: ansible-runner knows of one only
    play.run()
    output = Path(spec["folder"], "artifacts", "play", "stdout")
    text = "\n".join(printed) or (output.read_text(encoding="utf-8", errors="replace") if output.exists() else "")
    tell({"is": "ended", "code": play.rc, "status": play.status, "said": text[-4000:]})


if __name__ == "__main__":
    main()
