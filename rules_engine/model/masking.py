"""Examples of values for people to find them by, and not to read them."""

from __future__ import annotations

MOST_STARS = 8


def masked(value: object, *, sensitive: bool = False) -> str:
    """
    A value with all but its first character as stars; of a short or sensitive one nothing.

    >>> masked("Toulouse"), masked("FR"), masked(1072096), masked("Toulouse", sensitive=True), masked("")
    ("'T*******'", "'**'", "'1******'", "'********'", 'an empty text')
    """
    text = str(value)
    if not text:
        return "an empty text"
    shown = 0 if sensitive or len(text) < 3 else 1
    return f"'{text[:shown]}{'*' * min(len(text) - shown, MOST_STARS)}'"
