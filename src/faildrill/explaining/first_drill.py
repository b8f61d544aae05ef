"""A first drill for somebody who has none, and the schema that an editor checks it with."""

import json
from pathlib import Path
from typing import Final

from faildrill.errors import WrongUsage
from faildrill.explaining.json_schema import drill_schema
from faildrill.loading.names import NAME_RULE, is_name
from faildrill.loading.yaml.scalars import resolve

SCHEMA: Final = "drill.schema.json"
_SKETCH: Final = """\
# yaml-language-server: $schema={schema}
#
# In this environment, watch these probes, take these steps, put everything back, and expect this.
# Every time has a unit. `faildrill explain` lists what can be probed, done and expected.
drill: {name}
about: One of three payment servers dies; users notice nothing for long.
environment: lab            # the embedded staging: `faildrill lab up`, or --env for another place
owner: ""                   # who answers for this drill

probes:                     # looked at again and again, from before the first step until all is steady again
  pay:
    http.request: {{url: "${{services.payments}}/payments", method: POST, json: {{amount: 100}}}}
    every: 50ms             # limits finer than this can't be decided
    timeout: 1s

steps:                      # done in this order; each is put back at the end, in reverse, whatever happens
  - name: kill a payment server
    member.kill: {{group: payment-servers, member: pay1}}
    within: 10s             # its effect must be seen by then
    # undo: none            # would leave it dead
  - name: payments are good again
    wait: {{until: pay is ok, for: 3s, within: 30s}}

expect:                     # what must be true of the whole run
  - outage: {{of: pay, at_most: 5s}}
  - steady_again: {{within: 60s}}

abort_when:                 # ends the run at once, with everything put back
  - outage: {{of: pay, longer_than: 30s}}
"""


def sketch(name: str, schema: str = SCHEMA) -> str:
    """Return a commented drill of that name which refers to its schema."""
    return _SKETCH.format(name=_quoted(name), schema=schema)


def write(path: Path) -> list[Path]:
    """Write a first drill and its schema beside it; WrongUsage where there is a file already, or no such name."""
    if path.suffix not in (".yaml", ".yml") or not is_name(path.stem):
        raise WrongUsage(f"{path}: a drill is a file NAME.yaml, and {NAME_RULE}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(sketch(path.stem))
    except FileExistsError:
        raise WrongUsage(f"{path} is there already; nothing was written") from None
    schema = path.parent / SCHEMA
    schema.write_text(json.dumps(drill_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return [path, schema]


def _quoted(name: str) -> str:
    """Return a name as a file holds it: `12e4` and `true` are names, and text only in quotes."""
    try:
        return name if resolve(name) == name else f'"{name}"'
    except ValueError:
        return f'"{name}"'
