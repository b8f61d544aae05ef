"""Times as the API writes them."""

from datetime import UTC, datetime


def now() -> str:
    """Return the time of now, in whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def precisely_now() -> str:
    """Return the time of now, in microseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
