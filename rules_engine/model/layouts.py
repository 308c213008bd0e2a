"""How the folders of a frame say on which day they landed: placeholders within its path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

WRITTEN = {
    "day": r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})",
    "yyyy": r"(?P<yyyy>[0-9]{4})",
    "mm": r"(?P<mm>[0-9]{1,2})",
    "dd": r"(?P<dd>[0-9]{1,2})",
}
"""Each placeholder, and what is read as it: a day as 2026-06-05 or 20260605, a month as 06 or 6."""

ALIKE = r"([0-9]{4}([-_. ])[0-9]{1,2}\2[0-9]{1,2}|(19|20)[0-9]{6}|[0-9]{1,2}([-_.])[0-9]{1,2}\4[0-9]{4})"
"""What looks like a day, in whatever order and with whatever between its parts."""

FURTHER = r"(?:[0-9]{4,6}|(?![0-9])(?:[T _-]?v?[0-9].*|[Zz%\s].*))?"
"""What follows a day that says more than a day: a time, a second delivery, a blank that nobody sees."""

TOGETHER = ({"day"}, {"yyyy", "mm", "dd"})

Names = Callable[[str], Iterable[str]]
"""The names of what lies in a folder; none where there is no folder."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A frame's path, dated if it has placeholders: ``{day}``, or ``{yyyy}``, ``{mm}`` and ``{dd}``, each once."""

    path: str

    @property
    def dated(self) -> bool:
        return bool(PLACEHOLDER.search(self.path))

    def unknown(self) -> str:
        """The placeholders in words, where they do not name a day; empty where they do, or where there are none."""
        found = PLACEHOLDER.findall(self.path)
        if not found or (len(found) == len({*found}) and {*found} in TOGETHER):
            return ""
        return " ".join(f"{{{name}}}" for name in found)

    @property
    def root(self) -> str:
        """The folder below which days are looked for."""
        return "/".join(self._parts()[0]) or "/"

    def landed(self, names: Names) -> dict[date, list[str]]:
        """Each day that folders name, oldest first, and where it lies; two places where two spellings name one day."""
        days: dict[date, list[str]] = {}
        for folder, said in self._found(names):
            if day := _day(said):
                days.setdefault(day, []).append(folder)
        return dict(sorted(days.items()))

    def misspelt(self, names: Names) -> list[str]:
        """Names that look like the days that they stand beside, and are written otherwise or are no day."""
        above, below = self._parts()
        before, said, after = below[0].partition("{day}") if below else ("", "", "")
        if not self.dated:
            return []
        if not said or PLACEHOLDER.search(before + after):
            known = {folder: _day(said) for folder, said in self._found(names)}
            return sorted(folder.removeprefix(f"{self.root}/") for folder, day in known.items() if day is None)
        column = r"(?:\w+=)?" if re.fullmatch(r"(\w+=)?", before) else re.escape(before)
        alike = re.compile(f"{column}{ALIKE}{FURTHER}{re.escape(after)}")
        found = sorted(name for name in names("/".join(above) or "/") if alike.fullmatch(name))
        read = _pattern(below[0])
        return [name for name in found if not ((match := read.fullmatch(name)) and _day(match.groupdict()))]

    def _found(self, names: Names) -> list[tuple[str, dict[str, str]]]:
        """The folders that are named as the path says, and what each placeholder is there."""
        above, below = self._parts()
        found: list[tuple[str, dict[str, str]]] = [("/".join(above), {})]
        for part in below:
            if PLACEHOLDER.search(part):
                named = _pattern(part)
                found = [
                    (f"{folder}/{name}", said | match.groupdict())
                    for folder, said in found
                    for name in names(folder or "/")
                    if (match := named.fullmatch(name))
                ]
            else:
                found = [(f"{folder}/{part}", said) for folder, said in found]
        return found

    def understood(self, day: date) -> str:
        """The folders that would be found for a day, in words."""
        said = {"day": day.isoformat(), "yyyy": f"{day:%Y}", "mm": f"{day:%m}", "dd": f"{day:%d}"}
        below = "/".join(self._parts()[1])
        first = PLACEHOLDER.sub(lambda match: said[match[1]], below)
        if "{day}" not in below:
            return first
        return f"{first} or {below.replace('{day}', f'{day:%Y%m%d}')}"

    def _parts(self) -> tuple[list[str], list[str]]:
        parts = self.path.split("/")
        first = next((at for at, part in enumerate(parts) if PLACEHOLDER.search(part)), len(parts))
        return parts[:first], parts[first:]


def _pattern(part: str) -> re.Pattern[str]:
    return re.compile("".join(_pieces(part)))


def _pieces(part: str) -> Iterator[str]:
    at = 0
    for match in PLACEHOLDER.finditer(part):
        yield re.escape(part[at : match.start()])
        yield WRITTEN[match[1]]
        at = match.end()
    yield re.escape(part[at:])


def _day(said: dict[str, str]) -> date | None:
    try:
        if "day" in said:
            return date.fromisoformat(said["day"])
        return date(int(said["yyyy"]), int(said["mm"]), int(said["dd"]))
    except ValueError:
        return None
