"""Who holds what with whom (R-LAKE-4): the ready frame, case by case. The rows are the manual."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from rules_engine.errors import RunRefused
from rules_engine.lake import declaration
from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.spark.evaluator import SparkEvaluator
from tests.small_lake import AS_OF, put, rule, rule_set
from tests.spec.table import Row, rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CASES = """
    contract | source says                        | holder | role      | is_joint | holder_count | because
    ---------+------------------------------------+--------+-----------+----------+--------------+--------------------------------------------------
    C1       | 1 OWNER                            | 1      | PRIMARY   | no       | 1            | sole: the only one is primary
    C2       | 2 OWNER, 3 DISPONENT               | 2      | PRIMARY   | yes      | 2            | joint primary
    C2       | 2 OWNER, 3 DISPONENT               | 3      | SECONDARY | yes      | 2            | joint secondary
    C3       | 3 OWNER, 2 DISPONENT               | 3      | PRIMARY   | yes      | 2            | primary on one and secondary on another
    C4       | 4 OWNER, 5 OWNER                   | 4      | PRIMARY   | yes      | 2            | two co-primaries: the first is primary
    C4       | 4 OWNER, 5 OWNER                   | 5      | PRIMARY   | yes      | 2            | two co-primaries: the second is primary, too
    C5       | 5 DISPONENT                        | 5      | SECONDARY | no       | 1            | secondary on what is not joint: told as it is
    C6       | 6 HEIR                             | 6      |           | no       | 1            | role unknown: it is unknown, and a holder is one
    C7       | 6 -, 7 OWNER                       | 6      |           | yes      | 2            | no role: unknown, and the contract is joint
    C7       | 6 -, 7 OWNER                       | 7      | PRIMARY   | yes      | 2            | beside somebody whose role is unknown
    C8       | 8 OWNER, 8 OWNER                   | 8      | PRIMARY   | no       | 1            | one person twice on one product is one holder
    C9       | 8 DISPONENT, 8 OWNER, 8 HEIR       | 8      | PRIMARY   | no       | 1            | one person in several roles: the most counts
    C10      | 9 OWNER, - DISPONENT               | 9      | PRIMARY   | no       | 1            | a row that names nobody is no holder
    C11      | 10 OWNER, 11 DISPONENT, 12 PAYER   | 12     | SECONDARY | yes      | 3            | two words for one role, three holders
    -        | 13 OWNER, 14 OWNER                 | 13     | PRIMARY   |          |              | no contract: who shares it is not known
"""

DECLARED = """
subject = "customers"
[frames.customers]
path = "customers"
key = ["customer_id"]
subject_key = "customer_id"
[frames.customers.columns]
customer_id = "bigint"
[frames.disp]
path = "disp"
subject_key = "client"
[frames.disp.columns]
contract = "string"
client = "bigint"
says = "string"
product_code = "string"
[frames.products]
path = "products"
key = ["product_code"]
[frames.products.columns]
product_code = "string"
kind = "string"
[holdings]
frame = "disp"
product = "contract"
product_type = "products.kind"
role = "says"
primary = ["OWNER"]
secondary = ["DISPONENT", "PAYER"]
"""


def cell(text: str) -> str | None:
    return None if text == "-" else text


def written(folder: Path) -> Path:
    """The source's rows of every case, each contract once."""
    said = {row["contract"]: row["source says"] for row in rows(CASES)}
    parts = [(contract, *each.split()) for contract, holders in said.items() for each in holders.split(", ")]
    put(
        folder / "disp",
        {
            "contract": [cell(contract) for contract, _, _ in parts],
            "client": pa.array([int(who) if who != "-" else None for _, who, _ in parts], pa.int64()),
            "says": [cell(role) for _, _, role in parts],
            "product_code": ["A" if contract == "C1" else "Z" for contract, _, _ in parts],
        },
    )
    put(folder / "customers", {"customer_id": pa.array(range(1, 16), pa.int64())})
    put(folder / "products", {"product_code": ["A", "B"], "kind": ["SAVINGS", "LOAN"]})
    return folder


@pytest.fixture(scope="module")
def evaluator(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SparkEvaluator:
    """One lake of all cases."""
    return SparkEvaluator(spark, declaration.parse(DECLARED, str(written(tmp_path_factory.mktemp("lake")))))


@pytest.fixture(scope="module")
def held(evaluator: SparkEvaluator) -> dict[tuple[str | None, int], Row]:
    """The ready frame by contract and holder, as a table's cells."""
    evaluator.snapshots(AS_OF)
    found = evaluator.spark.table("customer_holdings").collect()
    assert len({(row["product"], row["customer_id"]) for row in found}) == len(found)
    said = {None: "", True: "yes", False: "no"}
    return {
        (row["product"], row["customer_id"]): {
            "role": row["role"] or "",
            "is_joint": said[row["is_joint"]],
            "holder_count": str(row["holder_count"] or ""),
            "product_type": row["product_type"] or "",
        }
        for row in found
    }


@pytest.mark.parametrize("row", [pytest.param(row, id=row["because"]) for row in rows(CASES)])
def test_who_holds_it_in_which_role_and_with_how_many(held: dict[tuple[str | None, int], Row], row: Row) -> None:
    """One row a holder and contract."""
    found = held[cell(row["contract"]), int(row["holder"])]
    assert {name: found[name] for name in ("role", "is_joint", "holder_count")} == {
        name: row[name] for name in ("role", "is_joint", "holder_count")
    }


def test_the_type_of_a_product_is_looked_up(held: dict[tuple[str | None, int], Row]) -> None:
    """By the one key column of the frame that lists products; there is none where it is not listed."""
    assert (held["C1", 1]["product_type"], held["C2", 2]["product_type"]) == ("SAVINGS", "")


def test_rules_name_it_like_any_frame(evaluator: SparkEvaluator, tmp_path: Path) -> None:
    """In a condition over its rows, and in a statement beside others."""
    joined = "SELECT h.customer_id FROM customer_holdings h JOIN customers c ON c.customer_id = h.customer_id"
    rules = rule_set(
        rule("JOINT", "is_joint AND role = 'PRIMARY'", frame="customer_holdings"),
        rule("LONE", f"{joined} WHERE h.role = 'SECONDARY' AND NOT h.is_joint", membership_type="LONE"),
    )
    evaluator.check(rules)
    found = evaluator.evaluate(rules, HitMatrix.of(rules), str(tmp_path), None)
    assert found.hits_per_rule == {"JOINT/1": 6, "LONE/1": 1}  # 2, 3, 4, 5, 7, 10; and 5
    assert {*evaluator.snapshots(AS_OF)} == {"customers", "disp", "products"}


def test_a_role_that_is_a_truth(spark: SparkSession, tmp_path: Path) -> None:
    """The source says who is the owner by true and false."""
    put(
        written(tmp_path) / "disp",
        {
            "contract": ["C1", "C1"],
            "client": pa.array([1, 2], pa.int64()),
            "says": pa.array([True, False]),
            "product_code": ["A", "A"],
        },
    )
    said = DECLARED.replace('says = "string"', 'says = "boolean"').replace('["OWNER"]', "[true]")
    said = said.replace('["DISPONENT", "PAYER"]', "[false]")
    evaluator = SparkEvaluator(spark, declaration.parse(said, str(tmp_path)))
    evaluator.snapshots(AS_OF)
    found = {row["customer_id"]: row["role"] for row in evaluator.spark.table("customer_holdings").collect()}
    assert found == {1: "PRIMARY", 2: "SECONDARY"}


def test_a_look_up_by_keys_of_two_types(spark: SparkSession, tmp_path: Path) -> None:
    """Refused as keys of subjects are, with both types."""
    put(written(tmp_path) / "products", {"product_code": pa.array([1, 2], pa.int32()), "kind": ["SAVINGS", "LOAN"]})
    said = DECLARED.replace('product_code = "string"\nkind', 'product_code = "int"\nkind')
    with pytest.raises(RunRefused, match=r"'disp': its 'product_code' is string, that of 'products', .* is int\."):
        SparkEvaluator(spark, declaration.parse(said, str(tmp_path))).snapshots(AS_OF)


WRONG = """
    instead of             | says                      | told                                                      | because
    -----------------------+---------------------------+-----------------------------------------------------------+-----------------------------------
    frame = "disp"         | frame = "dips"            | there is no frame 'dips'. Did you mean 'disp'?            | a frame that is not declared
    product = "contract"   | product = "contracts"     | the frame 'disp' has no column 'contracts'. Did you mean  | a column that is not declared
    product = "contract"   |                           | it does not say its product.                              | what is held is not said
    primary = ["OWNER"]    | primary = []              | it does not say which roles are primary.                  | nobody would be primary
    primary = ["OWNER"]    | primary = [["OWNER"]]     | it does not say which roles are primary.                  | a list within a list
    primary = ["OWNER"]    | primary = ["PAYER"]       | it says PAYER is primary and secondary.                   | a role that is both
    role = "says"          | roll = "says"             | it says 'roll', which means nothing. Did you mean 'role'? | a slip of the finger
    role = "says"          | role = "says"; name = "disp" | its name 'disp' is a frame's, or none.                 | a name that is taken
    "products.kind"        | "disp.kind"               | the frame 'disp' has not one key column to look up by.    | a look-up without a key
"""


@pytest.mark.parametrize("row", [pytest.param(row, id=row["because"]) for row in rows(WRONG)])
def test_a_declaration_of_holdings_that_is_wrong(row: Row) -> None:
    """Refused with what to write, before any file is looked at."""
    text = DECLARED.replace(row["instead of"], row["says"].replace("; ", "\n"))
    with pytest.raises(RunRefused) as refused:
        declaration.parse(text, "/lake")
    assert f"Lake declaration [holdings]: {row['told']}" in str(refused.value)
