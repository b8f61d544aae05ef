"""An audit as SARIF 2.1.0, which code hosts show beside the code: one result a remark."""

import hashlib
import json
from typing import Any, Final

from faildrill import __version__
from faildrill.auditing import RULES, Audit, Grade, Remark
from faildrill.reports.wording import plain

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {Grade.SEVERE: "error", Grade.WARNING: "warning", Grade.UNREAD: "warning", Grade.NOTE: "note"}
_IDS: Final = list(RULES)


def render(audit: Audit, file: str) -> str:
    """Write it; `file` is the environment's file, in which every result is placed, as hosts ask for a file."""
    driver = {
        "name": "faildrill",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [{"id": name, "shortDescription": {"text": claim}} for name, claim in RULES.items()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        # What stands before the last slash is a category to GitHub: an audit of another place doesn't close these.
        "automationDetails": {"id": f"faildrill-audit/{audit.environment}/"},
        "invocations": [{"executionSuccessful": True, "endTimeUtc": _utc(audit.at)}],
        "results": [_result(remark, file) for remark in audit.remarks],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _result(one: Remark, file: str) -> dict[str, Any]:
    place = ".".join((one.source, *one.path))
    text = f"{one}. {one.why}." + (f" To put it right: {one.remedy}" if one.remedy else "")
    return {
        "ruleId": one.rule,
        "ruleIndex": _IDS.index(one.rule),
        "level": _LEVELS[one.grade],
        "kind": "fail",
        "message": {"text": plain(text)},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": 1}},
                "logicalLocations": [{"fullyQualifiedName": place}],
            }
        ],
        "partialFingerprints": {"setting/v1": hashlib.sha256(f"{one.rule} {place}".encode()).hexdigest()[:32]},
    }


def _utc(at: str) -> str:
    return at.replace("+00:00", "Z")
