"""How the folders of a frame say on which day they landed: placeholders within its path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

WRITTEN = {
    "day": r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})",
    "yyyy": r"(?P<yyyy>[0-9]{4})",
    "mm": r"(?P<mm>[0-9]{1,2})",
    "dd": r"(?P<dd>[0-9]{1,2})",
}
"""Each placeholder, and what is read as it: a day as 2026-06-05 or 20260605, a month as 06 or 6."""

MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?"
    r"|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![^\W\d_])"
)
"""A month in words, whole."""

ALIKE = (
    r"(?:\d{4}[\W_]+\d{1,2}[\W_]+\d{1,2}|\d{1,2}[\W_]+\d{1,2}[\W_]+\d{4}|(?:19|20)\d{6}|[0-3]\d[01]\d(?:19|20)\d\d"
    rf"|\d{{4}}[\W_]*{MONTH}[\W_]*\d{{1,2}}|(?:\d{{1,2}}[\W_]*{MONTH}|{MONTH}[\W_]*\d{{1,2}}[\W_])[\W_]*\d{{4}})"
)
"""What looks like a day, in whatever order and with whatever between its parts."""

PART = rf"(?:\d+|{MONTH}\d*)"
"""What looks like a year, a month or a day of one, or like several of them."""

ASIDE = r"(?:old|bak|backup|orig|archived?|deleted|te?mp|partial|filepart|inprogress|crdownload|copying)"
"""What a name says that was put aside, or is not whole yet: it is not meant to be read."""

FURTHER = rf"(?!.*[\W_]{ASIDE}(?![^\W\d_]))(?:\d{{4,6}}|(?!\d).*)"
"""What follows a day that says more than a day: a time, a second delivery, a blank that nobody sees, or nothing."""

AGAIN = r"(?:[\W_]*v?\d+)?\W*(?:\.\w+)*\s*"
"""What follows the rest of a name: which delivery it is, and how a file ends."""

COLUMN = r"\s*(?:\w+\s*=(?:%[0-9a-f]{2}|\W)*)?"
"""A column, as Hive names partitions, or none."""

ENDING = re.compile(r"(?:\.\w+)?(?:\.(?:gz|bz2|zst))?$")
"""How a file ends, packed or not."""

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
        there = cache(names)
        odd: list[str] = []
        found: list[tuple[str, dict[str, str]]] = [("/".join(above), {})]
        for part in below:
            if PLACEHOLDER.search(part):
                odd += [f"{folder}/{name}" for folder, _ in found for name in _alike(part, [*there(folder or "/")])]
            found = _within(found, part, there)
        odd += [folder for folder, said in found if self.dated and not _day(said)]
        return sorted(folder.removeprefix(f"{'/'.join(above)}/") for folder in odd)

    def _found(self, names: Names) -> list[tuple[str, dict[str, str]]]:
        """The folders that are named as the path says, and what each placeholder is there."""
        above, below = self._parts()
        found: list[tuple[str, dict[str, str]]] = [("/".join(above), {})]
        for part in below:
            found = _within(found, part, names)
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


def _within(found: list[tuple[str, dict[str, str]]], part: str, names: Names) -> list[tuple[str, dict[str, str]]]:
    """What of folders is named as a part of a path says."""
    if not PLACEHOLDER.search(part):
        return [(f"{folder}/{part}", said) for folder, said in found]
    named = _pattern(part)
    return [
        (f"{folder}/{name}", said | match.groupdict())
        for folder, said in found
        for name in names(folder or "/")
        if (match := named.fullmatch(name))
    ]


def _alike(part: str, names: Sequence[str]) -> Iterator[str]:
    """Those of the names in a folder that a part of a path does not read, and that look as if it did."""
    before, *_, after = PLACEHOLDER.sub("\0", part).split("\0")
    ending = ENDING.search(after)[0]  # type: ignore[index]
    column = COLUMN if re.fullmatch(r"(\w+=)?", before) else _loosely(before)
    core = ALIKE if "{day}" in part else PART
    rest = _loosely(after.removesuffix(ending))
    alike = re.compile(f"{column}{core}{FURTHER}{rest}{AGAIN}", re.IGNORECASE | re.DOTALL)
    read, ended = _pattern(part), re.compile(rf"{_pattern(part.removesuffix(ending)).pattern}(?:\.\w+)*")
    known = [match.groupdict() for name in names if (match := read.fullmatch(name))]
    for name in names:
        beside = ended.fullmatch(name)  # such as a checksum of a file that is read
        if alike.fullmatch(name) and not (beside and beside.groupdict() in known):
            yield name


def _loosely(text: str) -> str:
    """A pattern of a text with whatever between its words."""
    return r"[\W_]*".join(map(re.escape, re.split(r"[\W_]+", text)))


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
