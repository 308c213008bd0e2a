"""What to do where a text is no value of its type as it is written: what reads it once that is done, or to mend it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from rules_engine.lake import cells, moment_forms
from rules_engine.model.frames import Format, Frame

Options = Mapping[str, str]

MEND = "Mend the source, or declare the column as string."
MEND_NUMBER = "Mend the source, or declare a type that holds it, such as {}."
NO_NUMBER = "Mend the source: no type of numbers holds it."
NO_DAY = "Mend the source: there is no such day or time."
HOURS = "Declare it as timestamp: hours would be lost."
FOUR_DIGITS = "Land it with years of four digits, or declare it as string: 49 may be 1949 or 2049."
COUNTED = "Declare it as the number that it is, such as bigint, or land it as a day is written: no form reads it."
BLANKS = "Say options = { ignoreLeadingWhiteSpace = true, ignoreTrailingWhiteSpace = true }."
OTHER_BLANKS = "Mend the source: a space stands beside it that no option leaves out."
NO_VALUES = ("null", "na", "n/a", "#n/a", "nil", "none", "\\n", "-")
"""Words that people write where there is no value."""
FORMS = (
    "dd.MM.yyyy", "d.M.yyyy", "dd/MM/yyyy", "MM/dd/yyyy", "dd-MM-yyyy", "yyyy/MM/dd", "yyyyMMdd", "yyyyMMddHHmmss",
)  # fmt: skip
"""Forms in which days are often written, the likelier ones first."""


def remedy(type_: str, text: str, frame: Frame) -> str:
    """What to do about a text of a column of a type."""
    family = cells.family(type_)
    if frame.format is Format.CSV and text.lower() in NO_VALUES:
        return f"Where it stands for no value, say options = {{ nullValue = '{text}' }}."
    if family in cells.NUMBERS:
        in_texts = frame.format is Format.CSV or "numbers" in frame.options
        return _of_number(type_, text, frame) if in_texts else _of_json_number(text)
    if family in ("date", "timestamp", "timestamp_ntz"):
        return _of_moment(family, text, frame.options)
    if family == "boolean":
        return "Written are true and false; declare the column as string for others."
    return MEND


def _reads(type_: str, text: str, options: Options) -> bool:
    read = cells.reader(type_, options)
    return read is not None and _passes(read, text)


def _passes(read: cells.Read, text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _of_json_number(text: str) -> str:
    fraction = re.match(r"[^.]*\.?([0-9]*)", text)
    types = (f"decimal(38,{min(max(len(fraction[1]) if fraction else 0, 2), 37)})", "double")
    return next((MEND_NUMBER.format(each) for each in types if _passes(cells.json_number(each), text)), NO_NUMBER)


def _of_number(type_: str, text: str, frame: Frame) -> str:
    if text != text.strip():
        return _of_blanks(type_, text, frame)
    options, family = frame.options, cells.family(type_)
    if family in cells.RANGES and _reads(type_, text, {**options, "leadingZeros": "true"}):
        return "Declare it as string, or say options = { leadingZeros = true } where zeros are no part of it."
    grouped, fraction = _by_thousands(type_, text, options), _by_fraction(type_, text, options)
    if grouped and fraction:
        return f"If its mark parts thousands, say options = {{ {grouped} }}. If it begins a fraction: {fraction}"
    if not grouped and family in cells.RANGES and (grouped := _by_thousands("decimal(38,18)", text, options)):
        return f"Declare it as a decimal. Say how numbers are written: options = {{ {grouped} }}."
    return f"Say how numbers are written: options = {{ {grouped} }}." if grouped else fraction or MEND


def _of_blanks(type_: str, text: str, frame: Frame) -> str:
    """Of blanks about a number; Java leaves out those of ASCII alone."""
    bare = text.strip()
    if frame.format is not Format.CSV or bare != text.strip(" \t\r\n"):
        return OTHER_BLANKS
    if _reads(type_, bare, frame.options):
        return BLANKS
    rest = _of_number(type_, bare, frame)
    return rest if rest == MEND else f"{BLANKS} {rest}"


def _marks(text: str) -> list[str]:
    """The signs between the digits of a number, each once."""
    return list(dict.fromkeys(re.findall("[^0-9A-Za-z+-]", text)))


def _by_thousands(type_: str, text: str, options: Options) -> str:
    """The options by which a number would be read whose first mark parts thousands; empty where none read it."""
    marks = _marks(text)
    if len(marks) not in (1, 2) or not re.match("[+-]?[1-9]", text):
        return ""
    decimal = marks[1] if len(marks) == 2 else options.get("decimal", "," if marks[0] == "." else ".")
    said = {"decimal": decimal, "grouping": marks[0]}
    if (
        decimal == marks[0]
        or decimal not in ".,"
        or any(options.get(name, sign) != sign for name, sign in said.items())
    ):
        return ""
    if not _reads(type_, text, {**options, **said}):
        return ""
    shown = said if len(marks) == 2 or decimal != "." else {"grouping": marks[0]}
    return ", ".join(f"{name} = {json.dumps(sign)}" for name, sign in shown.items())


def _by_fraction(type_: str, text: str, options: Options) -> str:
    """What to do about a number whose only mark begins a fraction; empty where it is none."""
    mark, *others = _marks(text) or [""]
    if others or mark not in (".", ",") or options.get("decimal", mark) != mark or options.get("grouping") == mark:
        return ""
    read, said = {**options, "decimal": mark}, options.get("decimal", ".") == mark
    option = "" if said else f'Say how numbers are written: options = {{ decimal = "{mark}" }}.'
    if _reads(type_, text, read):
        return option
    wider = f"decimal(38,{max(len(text.rpartition(mark)[2]), cells.digits_of(type_)[1])})"
    if cells.family(type_) in cells.EXACT or not _reads(wider, text, read):
        return ""
    whole = cells.family(type_) in cells.RANGES
    declare = "it as a decimal." if whole else f"as many digits as it has, such as {wider}: none is rounded."
    return f"Declare {declare} {option}".strip()


def _of_moment(family: str, text: str, options: Options) -> str:
    option = "dateFormat" if family == "date" else "timestampFormat"
    if option in options and _reads(family, text, {}):
        return f"Leave the option {option} out."
    said = [*_of_iso(family, text), *_of_forms(family, option, text), *_of_said(text, options.get(option, ""))]
    if said:
        return said[0]
    if re.fullmatch(r"[0-9]{1,2}([./-])[0-9]{1,2}\1[0-9]{2}", text.partition(" ")[0]):
        return FOUR_DIGITS
    if re.fullmatch(r"[+-]?[0-9]+([.,][0-9]+)?", text):
        return COUNTED
    return f"Say how it is written by {option}, such as dd.MM.yyyy, or mend the source."


def _of_iso(family: str, text: str) -> Iterator[str]:
    """What to do with a day that is written as days are where nothing is said."""
    found = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(.*)", text)
    if not found:
        return
    if not _reads("date", found[1], {}):
        yield NO_DAY
    if family == "date" and re.match(r"[ T][0-9]{2}:", found[2]):
        yield HOURS
    if family != "date" and not found[2]:
        yield 'Declare it as date, or say options = { timestampFormat = "yyyy-MM-dd" }.'
    if re.search(r"\.[0-9]{7,}", found[2]):
        yield "Land it with at most six digits of a second: the others would be lost."
    if family == "timestamp_ntz" and _reads("timestamp", text, {}):
        yield "Declare it as timestamp: its zone would be lost."
    if cells.MOMENT.fullmatch(text):
        yield NO_DAY


def _of_forms(family: str, option: str, text: str) -> Iterator[str]:
    """The form in which a day is written, if it is one of those that are often seen."""
    found = re.fullmatch(r"[^ T]+(?:([ T])([0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(\.[0-9]{1,6})?)?)?))?", text)
    if not found:
        return
    part, time, fraction = (each or "" for each in found.groups())
    bare = text.removesuffix(fraction)
    clock = {"": "", " ": " ", "T": "'T'"}[part] + "HH:mm:ss"[: len(time.removesuffix(fraction))]
    for form in (f"{form}{clock}" for form in FORMS):
        read = moment_forms.read_by(form)
        if read and _passes(read, bare):
            name, before = ("timestampFormat", f"{HOURS} ") if family == "date" and "HH" in form else (option, "")
            whole = form + re.sub("[0-9]", "S", fraction)
            yield f'{before}Say how it is written, such as options = {{ {name} = "{whole}" }}.'
    if any(moment_forms.is_written(f"{form}{clock}", bare) for form in FORMS if not form.isalpha()):
        yield NO_DAY


def _of_said(text: str, form: str) -> Iterator[str]:
    """That there is no such day, of what is written in the form that is said."""
    if form and moment_forms.is_written(form, text):
        yield NO_DAY
