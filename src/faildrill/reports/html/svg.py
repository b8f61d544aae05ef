"""Elements of SVG, every text and attribute escaped: what comes from a run can't become markup."""

from typing import Final

from markupsafe import Markup, escape

from faildrill.reports.wording import plain

Number = float
CHARACTER: Final = 6.3
"""How wide one character of a label is drawn, about, at 11 pixels."""


def element(tag: str, *children: Markup | str, **attributes: str | Number | None) -> Markup:
    """Draw one element; an attribute of None is left out, `_` in a name stands for `-`, a trailing one for nothing.

    Texts are made printable here; a text in an attribute has to be so already, as coordinates must not be cut.
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(value if isinstance(value, str) else number(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inside = "".join(child if isinstance(child, Markup) else escape(plain(child)) for child in children)
    return Markup(f"<{tag}{written}>{inside}</{tag}>" if children else f"<{tag}{written}/>")  # noqa: S704 - escaped above


def number(value: Number) -> str:
    """Write a coordinate to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def title(text: str) -> Markup:
    """Draw what a pointer shows over the element that this is put into."""
    return element("title", text)


def group(*children: Markup, **attributes: str | Number | None) -> Markup:
    """Draw elements that belong together."""
    return element("g", Markup("").join(children), **attributes)


def label(text: str, x: Number, y: Number, class_: str = "label", anchor: str | None = None) -> Markup:
    """Draw a text; `anchor` is start, middle or end."""
    return element("text", text, x=x, y=y, class_=class_, text_anchor=anchor)


def box(left: Number, top: Number, right: Number, bottom: Number, class_: str, **more: str | Number | None) -> Markup:
    """Draw a rectangle given by its sides; half a pixel wide at the least, so that it can be seen."""
    return element(
        "rect", _tip(more), x=left, y=top, width=max(right - left, 0.5), height=bottom - top, class_=class_, **more
    )


def _tip(more: dict[str, str | Number | None]) -> Markup:
    tip = more.pop("tip", None)
    return title(tip) if isinstance(tip, str) else Markup("")


def across(x: Number, top: Number, bottom: Number, class_: str) -> Markup:
    """Draw an upright line."""
    return element("line", x1=x, y1=top, x2=x, y2=bottom, class_=class_)


def along(y: Number, left: Number, right: Number, class_: str) -> Markup:
    """Draw a level line."""
    return element("line", x1=left, y1=y, x2=right, y2=y, class_=class_)


def width_of(text: str) -> float:
    """Tell about how wide a label will be."""
    return CHARACTER * len(text)


def picture(size: tuple[Number, Number], name: str, about: str, *content: Markup) -> Markup:
    """Draw a whole picture, with its name and description for those who can't see it."""
    width, height = size
    name = plain(name)
    return element(
        "svg",
        title(name),
        element("desc", about),
        *content,
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        aria_label=name,
        xmlns="http://www.w3.org/2000/svg",
    )
