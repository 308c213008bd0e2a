"""Keys of subjects that no history could store, or that would be two records of one subject (R-RUN-7)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rules_engine.errors import Fault
from rules_engine.lake.codes import SUBJECT_KEY
from rules_engine.model.frames import Lake
from rules_engine.model.history import LONGEST_KEY

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

_KEY = "subject"
_CHECKS = {
    "empty": f"{_KEY} = ''",
    "long": f"octet_length({_KEY}) > {LONGEST_KEY}",
    "zero": f"position(char(0) IN {_KEY}) > 0",
    "foreign": f"octet_length({_KEY}) <> length({_KEY})",
}


WHOLE = {"tinyint", "smallint", "int", "bigint"}


def joinable(left: str, right: str) -> bool:
    """Whether keys of these Spark types name the same subjects: the same type, or whole numbers of any width."""
    return left == right or {left, right} <= WHOLE


def key_faults(lake: Lake, subjects: DataFrame, frame: str = "", column: str = "") -> Iterator[Fault]:
    """
    Every kind of key among the subjects that cannot be one, with how many there are; keys are not shown.

    They are of the subject frame's key, or of the column of a frame that are named.
    Keys that are whole numbers have no such kinds. Keys with other letters than ASCII's are looked at one by one:
    whether they are UTF-8, and whether two of them are one text in Unicode's normal form C.
    """
    if dict(subjects.dtypes)[_KEY] != "string":
        return
    found = subjects.selectExpr(*(f"count_if({check}) AS {name}" for name, check in _CHECKS.items())).first()
    if found is None:
        return
    which, key = f"Frame '{frame or lake.subject_frame.name}'", f"'{column or lake.subject_key}'"
    if found["empty"]:
        yield Fault(
            which,
            f"{found['empty']} values of {key} are an empty text, which names nobody.",
            "Mend the source.",
            SUBJECT_KEY,
        )
    if found["long"]:
        what = (
            f"{found['long']} values of {key} are longer than {LONGEST_KEY:,} bytes, which no history takes as a key."
        )
        yield Fault(which, what, "Name subjects by a shorter key.", SUBJECT_KEY)
    if found["zero"]:
        yield Fault(which, f"{found['zero']} values of {key} hold a zero byte.", "Mend the source.", SUBJECT_KEY)
    if found["foreign"]:
        yield from _foreign_faults(which, key, subjects)


def _foreign_faults(which: str, key: str, subjects: DataFrame) -> Iterator[Fault]:
    foreign = subjects.where(_CHECKS["foreign"]).selectExpr(f"CAST({_KEY} AS BINARY) AS {_KEY}")
    normal = foreign.mapInArrow(_normalised, f"{_KEY} string, changed boolean, broken boolean")
    broken, changed = normal.selectExpr("count_if(broken)", "count_if(changed)").first() or (0, 0)
    if broken:
        yield Fault(
            which,
            f"{broken} values of {key} are no UTF-8: their bytes mean no letters.",
            "Mend the source.",
            SUBJECT_KEY,
        )
    if changed:
        other = normal.where("changed").select(_KEY)
        shared = other.unionAll(subjects.join(other.distinct(), _KEY, "left_semi")).groupBy(_KEY).count()
        if twice := shared.where("count > 1").count():
            what = f"{twice} values of {key} are written in two ways that mean the same letters (Unicode form C)."
            remedy = "Write each subject's key in one way at the source: they would be two subjects."
            yield Fault(which, what, remedy, SUBJECT_KEY)


def _normalised(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Each key in normal form C, whether that is another spelling, and whether it is no UTF-8 at all."""
    import pyarrow as pa  # where a command asks no lake it would take longer to load than to answer

    for batch in batches:
        texts, changed, broken = list[str](), list[bool](), list[bool]()
        for raw in batch.column(0).to_pylist():
            text = raw.decode("utf-8", "replace")
            texts.append(unicodedata.normalize("NFC", text))
            broken.append(text.encode() != raw)
            changed.append(texts[-1] != text and not broken[-1])
        columns = [pa.array(texts, pa.string()), pa.array(changed, pa.bool_()), pa.array(broken, pa.bool_())]
        yield pa.RecordBatch.from_arrays(columns, [_KEY, "changed", "broken"])
