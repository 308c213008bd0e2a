"""What the columns of a file of rules mean, and an example of one to begin with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from rules_engine.model.reference_lists import ReferenceList
from rules_engine.model.rules import EffectivePeriod, Form, Kind, MembershipType, RuleVersion, WhenUnknown
from rules_repo.exchange import RuleFile
from rules_repo.shared_values import Parameter

RULES = {
    "key": "The rule's name for good: letters, digits, '_', '-' and ':'. Lines of one key are its periods.",
    "name": "The rule in a few words.",
    "kind": "inclusion or exclusion.",
    "membership_type": "The key of the membership type it argues about.",
    "weight": "A whole number above zero, such as 20.",
    "frame": "The frame whose rows `sql` is a condition on; empty beside `select`.",
    "sql": "A condition that is true, false or unknown of a row; Spark SQL, see rule-sql.md.",
    "select": "Instead of `sql`: a whole SELECT of the keys of the subjects that it hits.",
    "parameters": "Values that the SQL names as `:name`. CSV, XLSX: a JSON object.",
    "when_unknown": "What counts where a condition is unknown: miss (so without it), hit, or hold.",
    "category": "A word to group rules by.",
    "rule_type": "Another.",
    "reason_code": "The code of the reason that decisions quote.",
    "reason_text": "The reason in words. YAML groups both: `reason: {code: …, text: …}`.",
    "owner": "Who answers for the rule.",
    "override": "true, where an inclusion is meant to outweigh every exclusion.",
    "shadow": "true, where it is run and counted and decides nothing.",
    "metadata": 'Anything else, as JSON: {"tags": ["home"]}.',
    "effective_from": "The first day on which it counts, as 2024-06-01. YAML: `effective: {from: …, to: …}`.",
    "effective_to": "The first day on which it counts no more; empty until further notice.",
}
"""By column; the rows of docs/rule-files.md."""

TYPES = {
    "key": "The membership type's name for good.",
    "name": "What people call it.",
    "strategy": "weight_sum (so without it), any_exclusion_blocks, or max_weight: how the sides are weighed.",
    "margin": "By how much inclusions must be ahead; 1 without it.",
    "tie": "deny (so without it), grant or keep: the answer where both sides weigh the same.",
    "veto_weight": "An exclusion of this weight or more denies, whatever is for it; empty for none.",
    "effective_from": "The first day on which this policy counts, until that of its next line; empty in the first.",
}

PARAMETERS = {
    "name": "The name by which the SQL of any rule says it: `:high_balance`. A rule's own parameter goes before it.",
    "value": "5, 2.50, true, 2024-06-01, or a text; with its type where that could be read otherwise: "
    '{"string": "007"}.',
    "description": "What it is for.",
}

LISTS = {
    "name": "The name by which the SQL of any rule asks it as a frame: `SELECT code FROM high_risk`.",
    "columns": 'Its columns with their types, as JSON: {"code": "string"}. There are boolean, bigint, date, string and '
    "decimal(12,2).",
    "description": "What it is for.",
    "row": 'One row, as JSON: {"code": "XA"}; of a list of one column its value alone. YAML has all of them in `rows`.',
}

_CONDITION = RuleVersion(
    key="GOLD-001",
    version=1,
    kind=Kind.INCLUSION,
    membership_type="GOLD",
    weight=20,
    form=Form.PREDICATE,
    frame="customers",
    sql="annual_premium >= :least AND joined_on <= add_months(:as_of, -12 * :years)"
    " AND country NOT IN (SELECT code FROM elsewhere)",
    parameters={"years": 5},
    name="A customer of some standing",
    owner="loyalty desk",
    reason_text="Has paid 500 a year for five years",
    metadata={"tags": ["home"]},
    effective=EffectivePeriod(date(2026, 1, 1)),
)
EXAMPLE = RuleFile(
    (MembershipType("GOLD", name="Gold"),),
    (
        _CONDITION,
        replace(
            _CONDITION,
            key="GOLD-002",
            kind=Kind.EXCLUSION,
            weight=30,
            form=Form.STATEMENT,
            frame="",
            sql="SELECT customer_id FROM holdings WHERE product_code = 'LOAN' GROUP BY customer_id HAVING count(*) > 2",
            parameters={},
            when_unknown=WhenUnknown.HOLD,
            name="Has more than two loans",
            reason_text="Has more than two loans",
            metadata={},
            effective=EffectivePeriod(date(2026, 1, 1), date(2027, 1, 1)),
        ),
    ),
    (Parameter("least", Decimal("500.00"), "What somebody of standing pays a year"),),
    (ReferenceList("elsewhere", {"code": "string"}, ({"code": "XA"}, {"code": "XB"}), "Where we grant nothing"),),
)
"""A condition and a SELECT; its frames are those of the demo."""


HEAD = """# Files of rules

Written by `python -m rules_repo.template`; do not edit.

`rules import FILE` reads rules from `.yaml`, `.csv` and `.xlsx`, `rules export FILE` writes them, and
`rules import FILE --template` writes an example to begin with. A YAML file has the sections `membership_types`,
`parameters`, `reference_lists` and `rules`, a workbook the sheets `rules`, `membership types`, `parameters` and
`reference lists`. A CSV file of rules has the others in files of their own: `--types`, `--parameters`, `--lists`.
A list is replaced as a whole; what a file does not name stays as it is.

What everybody sees in a file is what is read, or it is refused with its place: in a workbook formulas without a value,
numbers and days whose format shows something else, struck-through, merged and hidden cells; in CSV another encoding
than UTF-8 (commas, semicolons or tabs part columns). YAML is read by the core schema of 1.2: `NO` and `12:30` are
texts, `010` is ten, and codes that look like numbers stand in quotes: `"007"`.
"""


def documented() -> str:
    """docs/rule-files.md: what `python -m rules_repo.template` writes."""
    lines = [HEAD]
    sections = ("Rules", RULES), ("Membership types", TYPES), ("Parameters", PARAMETERS), ("Reference lists", LISTS)
    for title, columns in sections:
        lines += [f"## {title}", "", "| column | what it says |", "|---|---|"]
        lines += [f"| `{name}` | {meaning} |" for name, meaning in columns.items()] + [""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(documented(), end="")
