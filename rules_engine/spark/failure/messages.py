"""Why a rule failed while it ran, in words that hold no value of any row: a value can be personal data."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rules_engine.errors import Fault
from rules_engine.spark.timeouts import TookTooLong

_CONDITION = re.compile(r"\[([A-Z][A-Z0-9_]+)(?:\.[A-Z0-9_]+)*\]")


@dataclass(frozen=True, slots=True)
class Reason:
    """What went wrong, what to do about it, and under which code the manual has it."""

    what: str
    remedy: str
    code: str


FAILED, LATE, FATAL, UNTRIED = "RUN-101", "RUN-102", "RUN-103", "RUN-104"
"""A row on which it fails; a limit it exceeds; Spark did not survive it; another that was not stopped."""

_CAST = "Use try_cast, and say what a row without a value means."

_WORDS = {
    "DIVIDE_BY_ZERO": ("it divides by zero.", "Divide by nullif(…, 0), or guard with CASE WHEN."),
    "REMAINDER_BY_ZERO": ("it takes the remainder of a division by zero.", "Divide by nullif(…, 0)."),
    "CAST_INVALID_INPUT": ("a text cannot be read as the type it is cast to or compared with.", _CAST),
    "CAST_OVERFLOW": ("a number is too large for the type it is cast to.", "Cast to a wider type, or use try_cast."),
    "ARITHMETIC_OVERFLOW": ("a number grows too large for its type.", "Cast to a wider type first, or use try_add."),
    "BINARY_ARITHMETIC_OVERFLOW": ("a number grows too large for its type.", "Cast to a wider type first."),
    "NUMERIC_VALUE_OUT_OF_RANGE": ("a decimal does not fit its precision.", "Cast to a wider decimal."),
    "INVALID_ARRAY_INDEX": ("an array has no element of that number.", "Use try_element_at."),
    "INVALID_ARRAY_INDEX_IN_ELEMENT_AT": ("an array has no element of that number.", "Use try_element_at."),
    "INVALID_INDEX_OF_ZERO": ("it asks for element 0; the first is 1.", "Count from 1."),
    "MAP_KEY_DOES_NOT_EXIST": ("a map has no such key.", "Use try_element_at."),
    "SCALAR_SUBQUERY_TOO_MANY_ROWS": ("a sub-query that stands for a value has more than one row.", "Use max or min."),
    "CANNOT_PARSE_TIMESTAMP": ("a text is no day in the given format.", "Use try_to_timestamp."),
    "INVALID_FORMAT": ("a text does not fit the given format of numbers.", "Use TRY_CAST(x AS DECIMAL(12, 2))."),
    "NULL_MAP_KEY": ("a map is made with a key that is NULL.", "Give the key a value by coalesce."),
    "DUPLICATED_MAP_KEY": ("a map is made with one key twice.", "Make the keys differ."),
    "DATETIME_OVERFLOW": ("a day or moment is beyond those there are.", "Bound what is added to it."),
    "DATETIME_FIELD_OUT_OF_BOUNDS": ("a day is built of a month or day that does not exist.", "Check the parts first."),
    "INVALID_FRACTION_OF_SECOND": ("a moment is built of seconds that do not exist.", "Check the parts first."),
    "COLLECTION_SIZE_LIMIT_EXCEEDED": ("a list grows too long for memory.", "Ask for less."),
    "FAILED_READ_FILE": ("a file cannot be read.", "Land the data again."),
    "CANNOT_READ_FILE_FOOTER": ("a file is no whole Parquet file.", "Land the data again."),
}

ASK_LESS = "Ask for less: fewer rows in a group, a window or a list."
_TELLING = {"OutOfMemoryError": ("memory ran out.", ASK_LESS)}

UNSURVIVED = Reason(
    "Spark did not survive it, or a rule that was run with it, so that what comes after was not tried.",
    "Run again without it, or give Spark more memory.",
    FATAL,
)

GONE = Fault(
    "The run",
    "Spark did not survive it, so that no rule could be run apart to find the one that ended it.",
    "Nothing was published. Give Spark more memory (RULES_SPARK_MEMORY), or run again without the rules changed last.",
    FATAL,
)

UNREAD = Reason(
    "Spark did not survive reading it to its end, without any rule.",
    "Nothing was published. Give Spark more memory (RULES_SPARK_MEMORY).",
    FATAL,
)


def too_long(late: TookTooLong, *, stuck: bool = False) -> Reason:
    """A limit that was exceeded, and the setting that says so; ``stuck`` where cancelled work does not end."""
    name = "RULES_PLANNING_SECONDS" if late.planning else "RULES_RULE_SECONDS"
    doing = "planned" if late.planning else "run"
    beyond = stuck or late.left_behind
    still = " It could not be stopped, so that what comes after it was not tried." if beyond else ""
    rules = len(late.rules)
    each = f", for each of {rules} rules" if rules > 1 else ""
    what = f"it takes longer to be {doing} than the {late.seconds / max(rules, 1):g} seconds of {name}{each}.{still}"
    return Reason(what, "Write it cheaper, or raise the limit.", LATE)


def reason_of(problem: Exception) -> Reason:
    """What Spark's exception comes to: the first condition in it that has words here."""
    said = text_of(problem)
    named = _CONDITION.findall(said)
    for known, (what, remedy) in _TELLING.items():
        if known in said:
            return Reason(what, remedy, FAILED)
    for condition in named:
        if condition in _WORDS:
            what, remedy = _WORDS[condition]
            return Reason(f"{what} Spark says {condition}.", remedy, FAILED)
    what = f"Spark says {named[0]}." if named else f"Spark raised {_innermost(said) or type(problem).__name__}."
    return Reason(what, "Run the rule by itself to see where.", FAILED)


def text_of(problem: Exception) -> str:
    """What Spark's exception says; its class alone where Spark, which has to be asked for it, is gone meanwhile."""
    from py4j.protocol import Py4JError

    try:
        return str(problem)
    except (Py4JError, ConnectionError):
        return type(problem).__name__


def _innermost(said: str) -> str:
    """The class of the last exception that a stack names as a cause."""
    causes: list[str] = re.findall(r"(?:Caused by: |: )(?:[a-z_]\w*\.)+(\w+(?:Exception|Error))", said)
    return causes[-1] if causes else ""
