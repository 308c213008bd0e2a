"""The Variables of the workflow, looked at before anything is asked of AWS: each that is wrong, all at once (R-OPS-6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jobs.environment_checks import variable_faults, variables
from rules_engine.errors import RunRefused
from tests.functional.rules_command import RulesCommand
from tests.spec.table import Row, cases

RIGHT = {
    "rules_artefacts_uri": "s3://data/artefacts/0.1.0",
    "rules_rule_sets_uri": "s3://data/rule-sets",
    "rules_lake_uri": "s3://data/lake/frames.toml",
    "rules_runs_uri": "s3://data/runs",
    "rules_logs_uri": "s3://logs/emr/",
    "rules_database_secret": "rules/database",
    "rules_environment": "prod",
    "rules_tenant": "acme",
    "rules_topic_arn": "arn:aws:sns:eu-west-1:123456789012:rules",
    "rules_subnet_id": "subnet-0a1b2c3d",
    "rules_service_role": "rules-emr-service",
    "rules_instance_profile": "rules-emr-nodes",
    "rules_extracts_uri": "s3://data/extracts/{frame}/{day}",
}
WRONG = """
    name                         | value                          | says                                   | because
    -----------------------------+--------------------------------+----------------------------------------+--------------------------------------
    rules_tenant                 |                                | it is missing                          | nobody said whose
    rules_tenannt                | acme                           | Did you mean 'rules_tenant'?           | a slip of the finger
    rules_colour                 | blue                           | Take it away.                          | a name near nothing
    rules_tenant                 | Acme_EU                        | small letters, digits and '-'          | no part of a table's name
    rules_environment            | 1st                            | small letters, digits and '-'          | likewise
    rules_lake_uri               | /lake/frames.toml              | Write s3://bucket/folder               | a cluster reads no folder of a laptop
    rules_artefacts_uri          | s3://data/artefacts/           | without '/' at its end                 | no file is at artefacts//rules.zip
    rules_topic_arn              | rules                          | Write arn:aws:sns:REGION               | a name is no ARN
    rules_evaluator_role         | rules-evaluator                | Write arn:aws:iam::ACCOUNT:role        | nor of a role
    rules_subnet_id              | vpc-0a1b2c3d                   | Write subnet-                          | a network is no subnet
    rules_cluster_id             | mycluster                      | Write j-                               | a name is no id
    rules_serverless_application | My-App                         | Write 00f1                             | nor here
    rules_write_policy           | all                            | Write results or changes               | no third policy
    rules_register               | No                             | Write yes or no                        | it would be looked at all the same
    rules_lineage_url            | lineage.example                | Write https://host                     | a host is no URL
"""


@pytest.mark.parametrize("row", cases(WRONG))
def test_a_variable_that_cannot_be_is_named(row: Row) -> None:
    """What is wrong with it and what would be right; beside it nothing is wrong."""
    faults = [str(each) for each in variable_faults(RIGHT | {row["name"]: row["value"]})]
    named = [each for each in faults if each.startswith(f"Variable {row['name']}: ")]
    assert len(named) == 1
    assert row["says"] in named[0]
    assert len(faults) == (5 if row["name"] == "rules_serverless_application" else 1)  # whose jobs need four roles


def test_all_that_is_wrong_is_told_at_once() -> None:
    """And of what others keep beside them nothing."""
    assert [*variable_faults(RIGHT | {"other_uri": "ftp://x", "other_tenant": "X"})] == []
    wrong = {"rules_tenant": "", "rules_lake_uri": "lake", "rules_regsiter": "no", "rules_topic_arn": "t"}
    told = {fault.which for fault in variable_faults(RIGHT | wrong)}
    assert told == {f"Variable {name}" for name in wrong}


def of_file(folder: Path, text: bytes) -> Mapping[str, Any]:
    file = folder / "told.json"
    file.write_bytes(text)
    return variables(str(file), lambda _: None)


def test_a_variable_of_the_file_is_a_text(tmp_path: Path) -> None:
    """Written as Python's words, nothing would be a tenant called None; all that are none are told, with what else is."""
    wrong = {"rules_tenant": None, "rules_register": False, "rules_lake_uri": ["s3://a/b"], "rules_runs_uri": "runs"}
    told = of_file(tmp_path, json.dumps(RIGHT | wrong | {"other_limit": 3}).encode())
    assert [f"{each.which} {each.what}" for each in variable_faults(told)] == [
        'Variable rules_lake_uri ["s3://a/b"] is no text.',
        "Variable rules_tenant null is no text.",
        "Variable rules_register false is no text.",
        "Variable rules_runs_uri 'runs' has not the form that it needs.",
    ]


def test_a_variable_with_a_description_is_what_it_says(tmp_path: Path) -> None:
    """As `airflow variables export` writes it."""
    described = {"rules_tenant": {"value": "acme", "description": "whose rules these are"}}
    assert of_file(tmp_path, json.dumps(RIGHT | described).encode()) == RIGHT


FILES = """
    text                   | says                                             | because
    -----------------------+--------------------------------------------------+-----------------------------
    ["rules_tenant"]       | it holds a list, not names with their values     | names without values
    "acme"                 | it holds a text, not names with their values     | a value without its name
    3                      | it holds a number, not names with their values   | a value alone
    true                   | it holds yes or no, not names with their values  | a switch
    null                   | it holds nothing, not names with their values    | nobody filled it
    -                      | line 1, column 1 is no JSON                      | an export that failed
    {"rules_tenant": acme} | line 1, column 18 is no JSON                     | a text without quotes
    {"rules_tenant": "é"}  | byte 19 is no UTF-8                              | saved by an older editor
"""


@pytest.mark.parametrize("row", cases(FILES))
def test_a_file_that_holds_no_variables_is_refused_in_words(tmp_path: Path, row: Row) -> None:
    """What it holds instead, or where it breaks off; none of Python's words."""
    text = "" if row["text"] == "-" else row["text"]
    with pytest.raises(RunRefused) as refused:
        of_file(tmp_path, text.encode("latin-1"))
    (fault,) = refused.value.faults
    assert (fault.which, fault.what) == (f"File {tmp_path / 'told.json'}", f"{row['says']}.")


def test_a_submission_takes_no_variable_that_is_misspelt(tmp_path: Path) -> None:
    """The step would have the nodes' role in place of its own; it is told beside what is wrong with the words."""
    misspelt = {"rules_evaluator_rolle": "arn:aws:iam::123456789012:role/x", "rules_extracts_uri": ""}
    (tmp_path / "told.json").write_text(json.dumps(RIGHT | misspelt))
    told = ("--as-of", "yesterday", "--variables", tmp_path / "told.json", "--dry-run")
    code, faults = RulesCommand(tmp_path).refused("emr", "submit", *told)
    assert (code, [each["which"] for each in faults]) == (5, ["Variable rules_evaluator_rolle", "--as-of"])
    assert faults[0]["remedy"] == "Did you mean 'rules_evaluator_role'?"
