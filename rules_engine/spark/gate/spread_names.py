"""What each of Spark's functions leaves of the values of its arguments: the words of :mod:`spread`."""

from __future__ import annotations

EXPRESSIONS = "expressions."


def _names(words: str) -> frozenset[str]:
    return frozenset(f"{EXPRESSIONS}{word}" for word in words.split())


SAME = _names(
    "Alias Lower Upper InitCap Reverse Md5 Sha1 Sha2 UnaryMinus UnaryPositive ParseToDate ParseToTimestamp Abs "
    "OuterReference KnownNotNull"
)
"""Of as many values as their first argument."""
TRIMMED = _names("StringTrim StringTrimLeft StringTrimRight StringTrimBoth")
"""Likewise, where blanks are cut off; a few where it is said what, for that may be all."""
ROUNDED = _names("Floor Ceil")
"""Likewise, but for a number that was scaled, or is a double."""
REPLACED = _names("Coalesce Nvl")
"""Likewise, where the first is NULL no more often than a column; else all may be what stands in its place."""
SHIFTED = _names(
    "Add Subtract TryAdd TrySubtract DateAdd DateSub AddMonths TimestampAdd DateAddInterval DateAddYMInterval TimeAdd "
    "TimestampAddInterval TimestampAddYMInterval DatetimeSub NullIf"
)
"""Likewise, where every other argument is written out and not so large that the first vanishes beside it."""
SCALED = _names("Multiply Divide TryMultiply TryDivide")
"""Likewise, where the other argument is a number that leaves digits to tell values apart by."""
JOINED = _names("Concat ConcatWs CreateNamedStruct CreateArray")
"""As many as the argument of most; of an array as its fewest, for it may be taken apart."""
NULL_AS_ONE = JOINED - _names("Concat")
"""Those of them that come to one value where what differs is NULL: texts leave it out, arrays and structs hold it."""
SHORTENED = _names(
    "Year Quarter Month WeekOfYear DayOfYear DayOfMonth DayOfWeek WeekDay Hour YearOfWeek LastDay NextDay TruncDate "
    "TruncTimestamp DateFormatClass Length Round BRound ElementAt GetArrayItem SoundEx Ascii Extract Remainder Pmod "
    "SplitPart SubstringIndex StringTranslate StringReplace IntegralDivide"
)
"""A few, if their first argument has many, and the others are written out."""
CUT = _names("Left Right Substring StringLPad StringRPad")
"""Likewise, where a length is written out that is not 0."""
CHOSEN = _names("If CaseWhen")
"""As few as their branches have."""
COMBINED = _names("And Or Not")
COMPARED = _names(
    "EqualTo EqualNullSafe LessThan LessThanOrEqual GreaterThan GreaterThanOrEqual In InSet Like StartsWith"
)
"""Tests of a value against what is written out."""
PICKED = frozenset(
    f"{EXPRESSIONS}{word}"
    for word in "aggregate.Max aggregate.Min aggregate.MaxBy aggregate.MinBy aggregate.Sum aggregate.Average "
    "aggregate.First aggregate.Last Lag Lead NthValue".split()
)
ONE_OF_PART = {"Max", "Min", "MaxBy", "MinBy", "First", "NthValue"}
"""Of a part's rows in their order they may pick the same from first to last."""
OF_ANOTHER_ROW = _names("Lag Lead")
"""Of each row they pick another, whatever ties; where there is none, their third argument."""
COUNTED = _names("RowNumber Rank DenseRank NTile aggregate.Count aggregate.CountIf CumeDist PercentRank")
KEEPING = SAME | TRIMMED | SHIFTED | _names("Cast")
"""What may be read as keeping values apart, where a few more of one value are no harm."""
FILLED_UP = {"LeftOuter": (1,), "RightOuter": (0,), "FullOuter": (0, 1)}
"""The sides whose columns an outer join fills up with NULL."""
