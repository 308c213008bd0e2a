"""
How large a value may be: characters of a text, elements of an array or a map, and what they hold.

A number, a day or a truth counts as a few characters. What a column of a frame holds is taken for granted
(``[estimates]`` of ``allowed.toml``); what a function makes follows from what it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from rules_engine.spark.gate.plan_tree import Node
from rules_engine.spark.gate.reliance import short
from rules_engine.spark.gate.texts import OF_NO_TEXT, is_text, of_literal
from rules_engine.sql.allow_list import allowed

NUMBER, LONGEST_NUMBER, MOST = 8.0, 40.0, 1e30
"""Characters of what is no text, of such a value as text, and what larger ones count as."""


@dataclass(frozen=True, slots=True)
class Size:
    """
    Of one value: its own characters, or so many elements of a size; ``parts`` are those of a struct.

    A map is ``keyed``: its elements are structs of a key and a value.
    """

    own: float = NUMBER
    count: float = 0
    element: Size | None = None
    parts: tuple[Size, ...] = ()
    keyed: bool = False

    @property
    def whole(self) -> float:
        """The characters of all that it holds."""
        if self.element is not None:
            return min(MOST, self.count * self.element.whole)
        return min(MOST, sum(part.whole for part in self.parts)) if self.parts else self.own


def text(length: float) -> Size:
    return Size(min(MOST, length))


def several(count: float, element: Size, *, keyed: bool = False) -> Size:
    """An array, or a map, of so many."""
    return Size(0, min(MOST, count), element, keyed=keyed)


def fields(parts: Iterable[Size]) -> Size:
    """A struct."""
    return Size(0, parts=tuple(parts))


def largest(sizes: Iterable[Size]) -> Size:
    """A value that is one of several."""
    found = list(sizes)
    if len(found) < 2:
        return found[0] if found else Size()
    elements = [size.element for size in found if size.element is not None]
    parts = [[one for one in level if one] for level in zip_longest(*(size.parts for size in found))]
    return Size(
        max(size.own for size in found),
        max(size.count for size in found),
        largest(elements) if elements else None,
        tuple(map(largest, parts)),
        any(size.keyed for size in found),
    )


def of_type(printed: Any, *, inside: bool = False) -> Size:
    """Of a column of a frame, by its type as Spark prints it in JSON."""
    given = allowed().estimates
    if isinstance(printed, dict):
        match printed.get("type"):
            case "array":
                return several(given.elements, of_type(printed["elementType"], inside=True))
            case "map":
                held = (of_type(printed[name], inside=True) for name in ("keyType", "valueType"))
                return several(given.elements, fields(held), keyed=True)
            case "struct":
                return fields(of_type(part["type"], inside=True) for part in printed["fields"])
    if not (is_text(printed) or printed == "binary"):
        return Size()
    length = str(printed).partition("(")[2].rstrip(")")
    usual = given.part if inside else given.text
    return text(min(usual, int(length)) if length.isdigit() else usual)


def whole_number(node: Node) -> int | None:
    """The value of a whole number that is written out, cast or not."""
    name, sign = short(node), 1
    while name in {"Cast", "UnaryMinus"} and node.children:
        sign = -sign if name == "UnaryMinus" else sign
        node = node.children[0]
        name = short(node)
    value = str(node.fields.get("value"))
    return sign * int(value) if name == "Literal" and value.lstrip("-").isdigit() else None


def of_call(node: Node, arguments: Sequence[Node], given: Sequence[Size]) -> Size:
    """Of what a function or an operator makes, given its arguments and their sizes."""
    name = short(node)
    if name in OF_NO_TEXT:
        return Size()
    if (made := _MADE.get(name)) is not None:
        return made(arguments, given)
    if name == "Cast":
        return _cast(node.fields.get("dataType"), given[0])
    if name == "GetStructField":
        parts, at = given[0].parts, int(node.fields["ordinal"])
        return parts[at] if at < len(parts) else given[0]
    if name == "GetArrayStructFields":
        element, at = given[0].element or Size(), int(node.fields["ordinal"])
        return several(given[0].count, element.parts[at] if at < len(element.parts) else element)
    return largest(given)


def _cast(target: Any, given: Size) -> Size:
    if not is_text(target):
        return given if isinstance(target, dict) or target == "binary" else Size()
    return text(given.whole if given.own != NUMBER or given.element else LONGEST_NUMBER)


Arguments = Sequence[Node]
Sizes = Sequence[Size]
Making = Callable[[Arguments, Sizes], Size]


def _concat(_: Arguments, given: Sizes) -> Size:
    if not any(size.element for size in given):
        return text(sum(size.whole for size in given))
    return several(sum(size.count for size in given), largest(size.element for size in given if size.element))


def _concat_ws(_: Arguments, given: Sizes) -> Size:
    between, *values = given or [Size()]
    return text(sum(value.whole + between.own * max(1, value.count) for value in values))


def _array_join(_: Arguments, given: Sizes) -> Size:
    array, between, *instead = given
    return text(array.whole + array.count * (between.own + sum(size.own for size in instead)))


def _replace(arguments: Arguments, given: Sizes) -> Size:
    """Written texts that are replaced one after the other meet each character once, unless one makes another's."""
    old, new = (of_literal(part) if short(part) == "Literal" else None for part in arguments[1:])
    if old is None or new is None:
        return text(given[0].own * max(1, given[2].own / max(1, len(old or ""))))
    pairs, source = [(old, new)], arguments[0]
    while short(source) == "StringReplace" and len(source.children) == 3:
        one, other = map(of_literal, source.children[1:])
        if one is None or other is None:
            break
        pairs, source = [(one, other), *pairs], source.children[0]
    times = [max(1, len(new) / max(1, len(old))) for old, new in pairs]
    made = set("".join(new for old, new in pairs[:-1] if len(new) > len(old)))
    if not made & set(old):
        before = max([1.0, *times[:-1]])
        return text(given[0].own * max(1, times[-1] / before) if times[-1] > before else given[0].own)
    return text(given[0].own * times[-1])


def _padded(arguments: Arguments, given: Sizes) -> Size:
    length = whole_number(arguments[1])
    return text(given[0].own if length is None else length)


def _cut(at: int) -> Making:
    """At most as long as a written argument says."""

    def cut(arguments: Arguments, given: Sizes) -> Size:
        length = whole_number(arguments[at]) if len(arguments) > at else None
        whole = given[0]
        if length is None or length < 0:
            return whole
        if whole.element is not None:
            return several(min(whole.count, length), whole.element, keyed=whole.keyed)
        return text(min(whole.own, length))

    return cut


def _branches(_: Arguments, given: Sizes) -> Size:
    return largest([*given[1::2], *(given[-1:] if len(given) % 2 else ())])


def _element(_: Arguments, given: Sizes) -> Size:
    """Of an array; of a map its value."""
    element = given[0].element or given[0]
    return element.parts[1] if given[0].keyed and len(element.parts) == 2 else element


def _structs(at: int) -> Making:
    """The keys or the values of a map."""

    def side(_: Arguments, given: Sizes) -> Size:
        element = given[0].element or Size()
        return several(given[0].count, element.parts[at] if at < len(element.parts) else element)

    return side


def _flattened(_: Arguments, given: Sizes) -> Size:
    inner = given[0].element or Size()
    return several(given[0].count * max(1, inner.count), inner.element or inner)


def _transformed(_: Arguments, given: Sizes) -> Size:
    return several(max(size.count for size in given[:-1]), given[-1])


def _united(_: Arguments, given: Sizes) -> Size:
    return several(sum(size.count for size in given), largest(size.element for size in given if size.element))


def _appended(_: Arguments, given: Sizes) -> Size:
    return several(given[0].count + 1, largest([given[0].element or Size(), given[1]]))


def _map(_: Arguments, given: Sizes) -> Size:
    return several(len(given) / 2, fields((largest(given[::2]), largest(given[1::2]))), keyed=True)


def _percentiles(_: Arguments, given: Sizes) -> Size:
    return several(given[1].count, Size()) if len(given) > 1 and given[1].element else Size()


def _fixed(length: float) -> Making:
    return lambda _, __: text(length)


def _each(names: str, made: Making) -> dict[str, Making]:
    return dict.fromkeys(names.split(), made)


SAME = """
AggregateExpression Alias ArrayCompact ArrayDistinct ArrayExcept ArrayFilter ArrayIntersect ArrayRemove ArraySort
CommonExpressionDef Extract First InitCap Lag Last Lead Lower MapFilter Mask Max MaxBy Min MinBy NthValue
OuterReference Reverse SortArray SortOrder SplitPart StringTranslate StringTrim StringTrimBoth StringTrimLeft
StringTrimRight SubstringIndex Upper WindowExpression With
"""
"""As large as their first argument."""

ONE_OF = "Coalesce Greatest Least EqualNull NullIf Nvl Nvl2 Between Decode Median"
"""As large as the largest of their arguments; Spark prints some as what they stand for."""

_MADE: Mapping[str, Making] = {
    **_each(SAME, lambda _, given: given[0]),
    **_each(ONE_OF, lambda _, given: largest(given)),
    **_each("If Elt", lambda _, given: largest(given[1:])),
    **_each("Left Right", _cut(1)),
    **_each("Substring Slice", _cut(2)),
    **_each("StringLPad StringRPad", _padded),
    **_each("ElementAt TryElementAt Get GetArrayItem ArrayMax ArrayMin", _element),
    **_each("ArrayTransform ZipWith", _transformed),
    **_each("Percentile PercentileCont PercentileDisc", _percentiles),
    **_each("Chr SoundEx", _fixed(NUMBER)),
    **_each("Md5 Sha1 Sha2", _fixed(128)),
    **_each("FormatNumber", _fixed(400)),
    **_each("DateFormatClass FromUnixTime ToCharacter", _fixed(128)),
    "ArrayAppend": _appended,
    "ArrayJoin": _array_join,
    "ArrayUnion": _united,
    "CaseWhen": _branches,
    "Concat": _concat,
    "ConcatWs": _concat_ws,
    "CreateArray": lambda _, given: several(len(given), largest(given)),
    "CreateMap": _map,
    "CreateNamedStruct": lambda _, given: fields(given[1::2]),
    "Flatten": _flattened,
    "MapEntries": lambda _, given: several(given[0].count, given[0].element or Size()),
    "MapKeys": _structs(0),
    "MapValues": _structs(1),
    "Overlay": lambda _, given: text(given[0].own + given[1].own),
    "StringReplace": _replace,
    "StringSpace": lambda arguments, _: text(whole_number(arguments[0]) or 0),
}

KNOWN = frozenset(_MADE) | OF_NO_TEXT | {"Cast", "GetStructField", "GetArrayStructFields"}
"""Classes of which this is known."""
