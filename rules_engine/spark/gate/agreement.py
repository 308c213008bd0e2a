"""Whether two readers of a rule saw the same: sqlglot, whose tree was checked, and Spark, whose plan will run."""

from __future__ import annotations

from collections.abc import Iterator

from rules_engine.errors import Fault
from rules_engine.model.rules import Form, RuleVersion
from rules_engine.spark.gate.parsed_plan import Parsed
from rules_engine.sql.allow_list import refuse
from rules_engine.sql.gate.gate import Reading
from rules_engine.sql.spark_allow_list import Catalyst


def differences(reading: Reading, found: Parsed, version: RuleVersion, lists: Catalyst) -> Iterator[Fault]:
    """Frames, functions, clauses and names that one of them saw and the other did not."""
    frames = {name.lower() for name in reading.frames}
    spark_frames = found.relations | ({version.frame.lower()} if version.form is Form.PREDICATE else set())
    if frames != spark_frames:
        yield refuse("SQL-351", name=", ".join(sorted(frames ^ spark_frames)))
    only_spark = found.functions - reading.functions - lists.operators
    only_text = {name for name in reading.functions - found.functions if not _explained(name, found, lists)}
    if different := only_spark | only_text:
        yield refuse("SQL-352", name=", ".join(sorted(different)))
    more = {*(found.clauses - reading.clauses)}
    if "between" not in lists.operators:  # Spark 3.5 makes two comparisons of BETWEEN, with what is compared in both
        more -= reading.clauses.keys()
    unlike = {*(reading.clauses - found.clauses), *more}
    if unlike and frames == spark_frames:
        yield refuse("SQL-355", name=" and ".join(sorted(unlike)))


def _explained(name: str, found: Parsed, lists: Catalyst) -> bool:
    """Whether what Spark makes of a name instead of a call is there."""
    return bool(lists.read_as.get(name, frozenset()) & found.classes)
