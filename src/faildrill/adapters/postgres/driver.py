"""What asyncpg hands over, which says no types of itself."""

from typing import Any, TypeAlias

Connection: TypeAlias = Any
"""A connection of asyncpg."""
Answer: TypeAlias = Any
"""What a statement brings back: a row, a value, a list of rows, or the word that says what was done."""
