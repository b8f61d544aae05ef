"""Two sources of the same settings put together."""

from typing import TypeVar

from faildrill.standards.settings import Part

Sort = TypeVar("Sort", bound=Part)


def overlaid(below: Sort, above: Part) -> Sort:
    """Return what is known of either; where both know, the one above has it.

    Of what is listed by name, only what the one above lists is there, if it lists any.
    """
    fields = type(below).model_fields
    return below.model_copy(update={name: _value(getattr(below, name), getattr(above, name)) for name in fields})


def _value(below: object, above: object) -> object:
    if above is None or below is None:
        return below if above is None else above
    if isinstance(below, Part) and isinstance(above, Part):
        return overlaid(below, above)
    if isinstance(below, dict) and isinstance(above, dict):
        return {name: _value(below.get(name), one) for name, one in above.items()}
    return above
