"""
Values as they are compared: one spelling for what people write in many.

Every function takes a cell as text and gives text or None: not known, which speaks neither for nor against a link.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from importlib.resources import files

MEMORY = 200_000
"""Cells whose reading is remembered: names, streets and towns come again and again."""

PLACEHOLDERS = frozenset(
    "-|.|?|0|na|n a|nan|nil|none|null|unknown|not known|not given|not available|unbekannt|inconnu|onbekend|test|x|xx"
    "|xxx|dummy|anonymous|tba|tbc".split("|")
)
_PLACEHOLDERS_JOINED = frozenset(each.replace(" ", "") for each in PLACEHOLDERS)
NO_BIRTH_DATES = frozenset("00000000 00010101 19000101 99991231 11111111".split())
EARLIEST, LATEST = 1850, 2150

_APOSTROPHES = re.compile(r"['’‘`´ʼʻ]")
_NOT_WORD = re.compile(r"[\W_]+")
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i"})
_VOWELS = frozenset("aeiouyhw")


@lru_cache(maxsize=1)
def words() -> Mapping[str, Mapping[str, str]]:
    """Word lists by what they are of: spelling → the one that is compared."""
    said = tomllib.loads(files("rules_lake.master").joinpath("words.toml").read_text(encoding="utf-8"))
    return {part: {spelling: one for one, all_ in lists.items() for spelling in all_} for part, lists in said.items()}


@lru_cache(maxsize=MEMORY)
def folded(text: str | None) -> str | None:
    """
    Small letters and digits, one space between words: no accents, no punctuation.

    >>> folded(" O'Neill-Müßig,  José "), folded("Улица Мира, 5"), folded("हिंदी-2")
    ('oneill mussig jose', 'улица мира 5', 'हिंदी 2')
    """
    if text is None:
        return None
    small = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", text.casefold().translate(_LETTERS)))
    plain = "".join(c for c in small if not unicodedata.combining(c))
    words_alone = _NOT_WORD.sub(" ", plain) if plain.isascii() else "".join(c if _in_word(c) else " " for c in plain)
    found = " ".join(words_alone.split()) or " ".join(plain.split())
    return None if not found or found in PLACEHOLDERS else found


def _in_word(sign: str) -> bool:
    """A letter or digit of any script, or the vowel of one that writes them as marks."""
    return sign.isalnum() or unicodedata.category(sign).startswith("M")


@lru_cache(maxsize=MEMORY)
def name(text: str | None) -> str | None:
    """
    A name without titles and suffixes.

    >>> name("Dr. Anna-Maria  PETIT jr."), name("Petit III"), name("n/a")
    ('anna maria petit', 'petit', None)
    """
    found = (folded(text) or "").split()
    of_the_name = found[:-1] if generation(text) else found
    kept = [word for word in of_the_name if word not in words()["titles"]] or found
    return " ".join(kept) or None


@lru_cache(maxsize=MEMORY)
def generation(text: str | None) -> str | None:
    """
    Which of several of one name, by the last word of it.

    >>> generation("Reed jr."), generation("Reed II"), generation("Reed Sr"), generation("Reed"), generation("Junior")
    ('junior', 'junior', 'senior', None, None)
    """
    *before, last = (folded(text) or "").split() or [""]
    return words()["generations"].get(last) if before else None


@lru_cache(maxsize=MEMORY)
def known_as(text: str | None) -> str | None:
    """
    The full form of a given name's first word: kept apart, never put in place of the name.

    >>> known_as("bill"), known_as("bill james"), known_as("william")
    ('william', 'william', 'william')
    """
    return words()["given_names"].get(first := text.split()[0], first) if text else None


@lru_cache(maxsize=MEMORY)
def street(text: str | None) -> str | None:
    """
    An address line with its kind of street in short.

    >>> street("12 Bingley Crescent"), street("St. Mary's Street")
    ('12 bingley cres', 'st marys st')
    """
    found = folded(text)
    return " ".join(words()["streets"].get(word, word) for word in found.split()) if found else None


@lru_cache(maxsize=MEMORY)
def joined(text: str | None) -> str | None:
    """
    Folded without any space, for what is often written in one word or in two.

    >>> joined("Brent Woodvlge")
    'brentwoodvlge'
    """
    found = folded(text)
    return found.replace(" ", "") if found else None


@lru_cache(maxsize=MEMORY)
def code(text: str | None) -> str | None:
    """
    An identifier, post code or the like: capitals and digits alone; one sign over and over is none.

    >>> code(" ab-12 34 "), code("000000000"), code("2000.0"), code("not known"), code("АВ 12"), code("756.12.00")
    ('AB1234', None, '2000', None, 'АВ12', '7561200')
    """
    if text is None:
        return None
    plain = unicodedata.normalize("NFKC", text).strip().upper()
    found = _NOT_WORD.sub("", re.sub(r"^(\d+)\.0+$", r"\1", plain))
    blank = not found or found.lower() in _PLACEHOLDERS_JOINED or (len(found) > 2 and len(set(found)) == 1)
    return None if blank else found


@lru_cache(maxsize=MEMORY)
def email(text: str | None) -> str | None:
    """
    An e-mail address in small letters, its mailbox without a tag; None where it is none, or nobody's.

    >>> email(" Ann@Example.ORG "), email("none@example.org"), email("no.email@example.org"), email("ann at home")
    ('ann@example.org', None, None, None)
    >>> email("ann+bank@example.org"), email("mailto:ann@example.org")
    ('ann@example.org', 'ann@example.org')
    """
    person, _, place = (text or "").strip().lower().removeprefix("mailto:").partition("@")
    person = person.partition("+")[0] or person
    found = f"{person}@{place}"
    nobody = folded(person) is None or _NOT_WORD.sub("", person) in {"noemail", "noreply", "nomail"}
    return None if nobody or "." not in place or " " in found else found


@lru_cache(maxsize=MEMORY)
def phone(text: str | None) -> str | None:
    """
    The last nine digits, which are the same with and without the country.

    >>> phone("+31 (0)20 624 11 11"), phone("0031206241111"), phone("020-6241111")
    ('206241111', '206241111', '206241111')
    """
    digits = re.sub(r"\D", "", unicodedata.normalize("NFKC", text or "").replace("(0)", ""))
    found = digits.lstrip("0")[-9:]
    return found if len(found) >= 6 and len(set(found)) > 1 else None


def birth_date(day_first: bool) -> Callable[[str | None], str | None]:
    """
    Reads a day as eight digits, year first. A day that no calendar has is kept: it is compared digit by digit.

    >>> read = birth_date(day_first=True)
    >>> read("1977-05-01"), read("1/5/1977"), read("19770501"), read("1977-13-41"), read("01.01.1900"), read("soon")
    ('19770501', '19770501', '19770501', '19771341', None, None)
    >>> read("01051977"), read("19011977"), read("20102001"), read("19771341"), read("41131977")
    ('19770501', '19770119', '20011020', '19771341', '19771341')
    """

    @lru_cache(maxsize=MEMORY)
    def read(text: str | None) -> str | None:
        found = eight_digits((text or "").strip(), day_first)
        return None if found is None or found in NO_BIRTH_DATES else found

    return read


def says_no_day(text: str, day_first: bool) -> bool:
    """
    Whether a cell is no placeholder and says no day of a calendar: a master does not have it.

    >>> [says_no_day(text, True) for text in ("5 May 1977", "1977-13-41", "1977-05-01", "n/a", "01.01.1900")]
    [True, True, False, False, False]
    """
    found = eight_digits(text.strip(), day_first)
    return folded(text) is not None and found not in NO_BIRTH_DATES and iso_day(found) is None


def eight_digits(text: str, day_first: bool) -> str | None:
    """A day as eight digits, year first, whichever part is first in the text; of two readings the one that is a day."""
    if re.fullmatch(r"\d{8}(\.0+)?", text):
        year_last = _ordered(text[4:8], text[:2], text[2:4], day_first)
        only_last = iso_day(year_last) or not _is_year(text[:4])
        return year_last if _is_year(text[4:8]) and only_last else text[:8]
    parts = re.findall(r"\d+", text.split("T", maxsplit=1)[0])[:3]
    if len(parts) != 3:
        return None
    if len(parts[0]) == 4:
        return _padded(parts[0], parts[1], parts[2])
    return _ordered(parts[2], parts[0], parts[1], day_first) if len(parts[2]) == 4 else None


def _is_year(digits: str) -> bool:
    return EARLIEST <= int(digits) <= LATEST


def _ordered(year: str, first: str, second: str, day_first: bool) -> str | None:
    return _padded(year, second, first) if day_first else _padded(year, first, second)


def _padded(year: str, month: str, day: str) -> str | None:
    found = f"{year}{month:0>2}{day:0>2}"
    return found if len(found) == 8 else None


def iso_day(digits: str | None) -> date | None:
    """
    The day of eight digits, where a calendar has it.

    >>> iso_day("19770501"), iso_day("19771341")
    (datetime.date(1977, 5, 1), None)
    """
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])) if digits else None
    except ValueError:
        return None


@lru_cache(maxsize=MEMORY)
def skeleton(text: str | None) -> str | None:
    """
    The first letter and the next consonants, doubled ones once: what a misheard or misspelt name mostly keeps.

    >>> skeleton("mikhayla"), skeleton("mikhvyla"), skeleton("philippa")
    ('mkl', 'mkvl', 'plp')
    """
    if not text:
        return None
    letters = text.replace(" ", "").replace("ph", "f") if not text.startswith("ph") else "p" + text[2:]
    kept = letters[0]
    for letter in letters[1:]:
        if letter not in _VOWELS and letter != kept[-1] and letter != " ":
            kept += letter
    return kept[:4]
