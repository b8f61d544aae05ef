"""One proxy of HAProxy's configuration: a section, and what each of its lines says (manual, 4.2)."""

import copy
from dataclasses import dataclass, field, fields
from typing import Final

from faildrill.adapters.haproxy.server_line import CHECKS, Words, duration, number
from faildrill.adapters.haproxy.words import UNKNOWN, known

_RETRIES: Final = 3
"""HAProxy's own, where nothing is said."""
_MOST: Final = 4096
"""Servers that one template may make here."""
_SETS: Final = {"cookie": "cookie", "stick": "table", "tcp-check": "expects"}
"""Words of which it counts that they are there."""
_CONNECTS: Final = ["tcp-check", "connect"]
_OWN: Final = ("kind", "name", "disabled", "table", "servers", "assigned", "leads_to", "elsewhere")
"""Fields of a section that another one does not inherit."""


@dataclass
class Section:
    """One proxy, with what it inherited; None stands for what nobody knows."""

    kind: str
    name: str
    mode: str | None = "tcp"
    algorithm: str | None = ""
    """Empty where it says none."""
    retries: int | None = _RETRIES
    redispatch: bool | None = False
    cookie: bool | None = False
    table: bool | None = False
    disabled: bool | None = False
    check: str | None = "tcp"
    expects: bool | None = False
    """Its `tcp-check` sends or expects something."""
    path: str | None = "/"
    sent: str | None = ""
    """What `http-check send` asks for, empty where there is none."""
    timeouts: dict[str, str | None] = field(default_factory=dict)
    default_server: tuple[str, ...] = ()
    servers: dict[str, Words] | None = field(default_factory=dict)
    assigned: list[str] | None = field(default_factory=list)
    """The servers that a `use-server` may give requests to; None where that may be any."""
    leads_to: list[str] | None = field(default_factory=list)
    elsewhere: bool | None = False
    """It may lead to any backend: which one is chosen at run time, by a map or an expression."""
    default_backend: str | None = ""

    def heir(self, kind: str, name: str) -> "Section":
        """Return a section that inherits this one's words, and nothing that belongs to one proxy only."""
        kept = {
            option.name: copy.copy(getattr(self, option.name)) for option in fields(self) if option.name not in _OWN
        }
        return Section(kind, name, **kept, disabled=self.disabled)

    @classmethod
    def nobody_knows(cls) -> "Section":
        """Return a section of which nothing is known that another one inherits."""
        return cls(
            "",
            "",
            mode=None,
            algorithm=None,
            retries=None,
            redispatch=None,
            cookie=None,
            check=None,
            expects=None,
            path=None,
            sent=None,
            default_server=(UNKNOWN,),
            default_backend=None,
        )

    def doubt(self, other: "Section") -> None:
        """Forget what another one, which is perhaps the right one, has otherwise."""
        for option in fields(self):
            mine, theirs = getattr(self, option.name), getattr(other, option.name)
            if mine != theirs and option.name == "timeouts":
                every = {**theirs, **mine}
                self.timeouts = {
                    key: value if mine.get(key, "none") == theirs.get(key, "none") else None
                    for key, value in every.items()
                }
            elif mine != theirs:
                setattr(self, option.name, None if option.name != "default_server" else (*mine, UNKNOWN))


def time(section: Section, name: str, text: str) -> bool:
    """Take in a timeout; False where it is no time of HAProxy's."""
    section.timeouts[name] = duration(text)
    return section.timeouts[name] is not None or not known(text)


def add(section: Section, name: str, words: Words) -> None:
    """Add a server; where its name is not known, nobody knows which servers there are."""
    if section.servers is not None and known(name):
        section.servers[name] = words
    else:
        section.servers = None


def add_template(section: Section, words: Words, address: str) -> bool:
    """Add the servers of a `server-template PREFIX NUMBER|FIRST-LAST ADDRESS`; False where they can't be known."""
    first, dash, last = words[1].partition("-")
    numbers = ("1", first) if not dash else (first, last)
    start, end = (number(text) for text in numbers)
    if not known(words[0]) or start is None or end is None or end - start >= _MOST:
        section.servers = None
        return False
    for each in range(start, end + 1):
        add(section, f"{words[0]}{each}", (address, *section.default_server, *words[3:]))
    return True


def take(section: Section, words: Words) -> None:
    """Take in a line that is about neither a server nor a time."""
    word, *rest = words
    if word in ("option", "no"):
        _option(section, words)
    elif word == "default-server":
        section.default_server = (*section.default_server, *rest)
    elif word in ("disabled", "enabled"):
        section.disabled = word == "disabled"
    elif word in ("use_backend", "default_backend", "use-server"):
        _leading(section, word, rest[0] if rest else "")
    elif word == "http-check" and rest[:1] == ["send"]:
        _sending(section, rest)
    elif word in _SETS and [word, *rest[:1]] != _CONNECTS:
        setattr(section, _SETS[word], True)
    elif rest and word in ("mode", "balance", "retries"):
        _value(section, word, rest[0])


def _value(section: Section, word: str, value: str) -> None:
    maybe = value if known(value) else None
    if word == "mode":
        section.mode = maybe
    elif word == "balance":
        section.algorithm = maybe and maybe.partition("(")[0]
    else:
        section.retries = number(value)


def _leading(section: Section, word: str, backend: str) -> None:
    """Take in what leads to a backend, or within one to a server: its name, or what is known only of each request."""
    if word == "use-server":
        _assigning(section, backend)
    elif not known(backend) or "%[" in backend:
        section.elsewhere = True
    elif word == "default_backend":
        section.default_backend = backend
    elif section.leads_to is not None:
        section.leads_to.append(backend)


def _assigning(section: Section, server: str) -> None:
    """Take in a server that requests are assigned to; any, where it is known only of each request."""
    if not known(server) or "%[" in server:
        section.assigned = None
    elif section.assigned is not None:
        section.assigned.append(server)


def _sending(section: Section, words: Words) -> None:
    """Take in what `http-check send` asks for; two that ask for different things are not one path."""
    uri = words[words.index("uri") + 1] if "uri" in words[:-1] else ""
    asked = UNKNOWN if "uri-lf" in words else uri
    if asked and known(asked) and section.sent in ("", asked):
        section.sent = asked
    elif asked or not known(*words):
        section.sent = None


def _option(section: Section, words: Words) -> None:
    negated = words[0] == "no"
    names = words[2:] if negated else words[1:]
    if not names or (negated and words[1] != "option"):
        return
    if not known(names[0]):
        section.redispatch = section.check = section.path = None
    elif names[0] == "redispatch":
        section.redispatch = not negated
    elif names[0] in CHECKS and not negated:
        section.check = CHECKS[names[0]]
        if names[0] == "httpchk":
            section.path = _asked_for(names[1:])


def _asked_for(words: Words) -> str | None:
    """Return what `option httpchk [method] [path] [version]` asks for; `/` where it says nothing."""
    path = "/" if not words else words[0] if len(words) == 1 else words[1]
    return path if known(path) else None
