"""Policy texts: words, tags, conditions and amounts, and a library one can search. Import the module you need: each costs its own start-up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matching.text.reading import Reading

__all__ = ["Reading", "read"]


def read(text: str, title: str = "", issuer: str = "", region: str = "", date: str = "") -> Reading:
    """Reads one policy text (see `matching.text.reading.read`), with the rule tags of `matching.text.tags`.

    `issuer` and `region` say what 我市 and 本区 stand for, `date` (ISO) when 自印发之日起 begins. Never raises on any text.
    """
    from matching.text.reading import read as reader

    return reader(text, title=title, issuer=issuer, region=region, date=date)


def __getattr__(name: str) -> Any:
    # the class without paying for its module when only the search or the tags are wanted
    if name == "Reading":
        from matching.text.reading import Reading

        return Reading
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
