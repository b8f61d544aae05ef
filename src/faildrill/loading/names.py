"""What a name may be: a word that is never a path, so that nothing named can lead outside a folder."""

import re
from typing import Final

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MEMBER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_REQUIREMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")
REQUIREMENT_RULE: Final = (
    "the label of a requirement has 1 to 64 of letters, 0-9, '.', '_', ':', '/' and '-', e.g. DORA-24 or SOC2-A1.3"
)
NAME_RULE: Final = "a name has 1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or a digit"
ID_RULE: Final = "an id has 1 to 64 of a-z, 0-9, '_' and '-', the first a letter or a digit"
MEMBER_RULE: Final = "a member's name has 1 to 128 of letters, 0-9, '.', '_' and '-', the first a letter or a digit"


def is_requirement(text: str) -> bool:
    """Tell whether the text may label a requirement that a drill is evidence for."""
    return bool(_REQUIREMENT.fullmatch(text))


def is_name(text: str) -> bool:
    """Tell whether the text may name a drill, an environment, a target or a probe."""
    return bool(_NAME.fullmatch(text))


def is_id(text: str) -> bool:
    """Tell whether the text may be the id of a step."""
    return bool(_ID.fullmatch(text))


def is_member(text: str) -> bool:
    """Tell whether the text may name a node, a server or a backend."""
    return bool(_MEMBER.fullmatch(text))


def slug(text: str) -> str:
    """Make an id of a sentence: `kill the primary` becomes `kill-the-primary`; empty when nothing is left of it."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:64].rstrip("-")
