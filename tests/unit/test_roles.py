"""The roles of infra/roles.yaml: who may do what, asked of the template itself (R-HIST-3)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.sequence import WHOSE
from jobs.session_policy import session_policy
from rules_engine.errors import RunRefused
from tests.spec.table import Row, cases

TEMPLATE = Path(__file__).parents[2] / "infra" / "roles.yaml"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/k"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rules-x1"
TOKENS = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:tokens-y2"
SETUP = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:setup-z3"
LOGIN = "arn:aws:rds-db:eu-west-1:123456789012:dbuser:cluster-x/rules_loader"
TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/prod_mutual_memberships_history"
GIVEN = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "123456789012",
    "AWS::NoValue": None,
    "InstanceProfileRoleArn": "arn:aws:iam::123456789012:role/nodes",
    "Bucket": "lake-bucket",
    "LogBucket": "lake-bucket",
    "DatabaseSecretArn": SECRET,
    "DatabaseLoginArn": LOGIN,
    "HistoryTable": "prod_mutual_memberships_history",
    "LoaderRole": "LoaderRole",
    "EvaluatorRole": "EvaluatorRole",
    "GuardRole": "GuardRole",
    "PublisherRole": "PublisherRole",
    "LanderRole": "LanderRole",
    "CuratorRole": "CuratorRole",
    "LinkerRole": "LinkerRole",
    "CheckerRole": "CheckerRole",
    "Environment": "prod",
    "Tenant": "mutual",
    "TokenSecretArn": TOKENS,
    "SetupSecretArn": SETUP,
    "SetupRole": "SetupRole",
}

WHO_MAY_WHAT = """
    role      | action                        | on                          | may | because
    ----------+-------------------------------+-----------------------------+-----+--------------------------------------------
    setup     | secretsmanager:GetSecretValue | setup secret                | yes | it changes the schema
    setup     | secretsmanager:GetSecretValue | secret                      | no  | and is nobody else
    setup     | dynamodb:DescribeTable        | history                     | yes | it looks whether the tables are there
    setup     | dynamodb:PartiQLInsert        | history                     | no  | it writes no decision
    setup     | s3:GetObject                  | lake/customers/p.parquet    | no  | it sees no data
    loader    | secretsmanager:GetSecretValue | setup secret                | no  | a loader changes no schema
    loader    | secretsmanager:GetSecretValue | secret                      | yes | it alone reads the rules database
    loader    | secretsmanager:GetSecretValue | other secret                | no  | one secret, not all of them
    loader    | rds-db:connect                | login                       | yes | by a token, with no password anywhere
    loader    | s3:PutObject                  | rule-sets/1.json            | yes | it freezes rule sets
    loader    | s3:DeleteObject               | rule-sets/1.json            | no  | a frozen rule set stays
    loader    | s3:GetObject                  | artefacts/rules.zip         | yes | a loader is a program of the artefact
    loader    | s3:PutObject                  | artefacts/rules.zip         | no  | a loader does not change the program
    loader    | s3:GetObject                  | lake/customers/p.parquet    | no  | the loader sees no data
    loader    | s3:PutObject                  | runs/r1/decisions/p.parquet | no  | the loader stages nothing
    loader    | dynamodb:PartiQLInsert        | history                     | no  | the loader writes no decision
    loader    | dynamodb:GetItem              | history                     | no  | the loader reads no decision
    evaluator | s3:GetObject                  | lake/customers/p.parquet    | yes | rules are evaluated over the lake
    evaluator | s3:ListBucket                 | lake/customers/             | yes | a frame is a folder of files
    evaluator | s3:ListBucket                 | other/                      | no  | an evaluator looks into no other folder
    evaluator | s3:GetObject                  | other/people.csv            | no  | an evaluator reads no other folder
    evaluator | s3:PutObject                  | lake/customers/p.parquet    | no  | landed data is immutable
    evaluator | s3:DeleteObject               | lake/customers/p.parquet    | no  | landed data stays
    evaluator | s3:GetObject                  | rule-sets/1.json            | yes | it evaluates what was frozen
    evaluator | s3:PutObject                  | rule-sets/1.json            | no  | what runs is what was approved
    evaluator | s3:PutObject                  | artefacts/rules.zip         | no  | an evaluator does not change the program
    evaluator | s3:PutObject                  | runs/r1/decisions/p.parquet | yes | it stages decisions
    evaluator | s3:DeleteObject               | runs/r1/decisions/p.parquet | yes | a second try replaces the first
    evaluator | s3:PutObject                  | runs/r1/published.json      | no  | only the publisher says what is published
    evaluator | s3:PutObject                  | runs/acme/chain.json        | no  | nor copies the chain
    evaluator | s3:PutObject                  | runs/chain.json             | no  | where the prefix is one tenant's, too
    evaluator | s3:PutObject                  | logs/applications/a/x.gz    | yes | a serverless job writes its own logs
    evaluator | s3:GetObject                  | logs/applications/a/x.gz    | no  | and reads none
    evaluator | s3:PutBucketPolicy            | bucket                      | no  | it cannot open the bucket
    evaluator | secretsmanager:GetSecretValue | secret                      | no  | rule SQL runs without the database
    evaluator | rds-db:connect                | login                       | no  | rule SQL runs without a way to log in
    evaluator | ssm:GetParameter              | parameter                   | no  | nor is there a secret in another place
    evaluator | dynamodb:GetItem              | history                     | no  | rule SQL reads no decision
    evaluator | dynamodb:PartiQLInsert        | history                     | no  | rule SQL writes no decision
    evaluator | dynamodb:PutItem              | history                     | no  | nor by another call
    evaluator | sts:AssumeRole                | publisher                   | no  | it cannot become the publisher
    evaluator | lambda:InvokeFunction         | function                    | no  | no other service at all
    evaluator | kms:Decrypt                   | key                         | yes | the lake may be encrypted
    evaluator | s3:PutObject                  | runs/acme/r1/judged.json    | no  | who decides does not say that it may pass
    guard     | s3:GetObject                  | runs/acme/r1/manifest.json  | yes | it judges what a run counted
    guard     | s3:GetObject                  | runs/acme/r1/decisions/p    | no  | and sees nobody's decision
    guard     | s3:GetObject                  | rule-sets/1.limits.json     | yes | limits and releases
    guard     | s3:GetObject                  | rule-sets/1.json            | no  | it needs no rule
    guard     | s3:GetObject                  | lake/customers/p.parquet    | no  | the guard sees no data
    guard     | s3:PutObject                  | runs/acme/r1/judged.json    | yes | it says what may be published
    guard     | s3:PutObject                  | runs/acme/r1/held.json      | yes | and why something may not
    guard     | s3:PutObject                  | runs/acme/r1/manifest.json  | no  | it changes no count
    guard     | s3:PutObject                  | runs/acme/r1/published.json | no  | it publishes nothing
    guard     | s3:DeleteObject               | runs/acme/r1/held.json      | no  | and deletes nothing
    guard     | secretsmanager:GetSecretValue | secret                      | no  | it reaches no database
    guard     | dynamodb:PartiQLInsert        | history                     | no  | nor the history
    publisher | s3:PutObject                  | runs/acme/r1/judged.json    | no  | who publishes does not let it pass
    evaluator | s3:GetObject                  | landed/customers/p.parquet  | no  | rules see curated data alone
    evaluator | s3:GetObject                  | tokens/a/p.parquet          | no  | nor what tokens stand for
    evaluator | secretsmanager:GetSecretValue | tokens                      | no  | nor what they are made with
    lander    | s3:GetObject                  | extracts/c/p.parquet        | yes | it takes what sources leave
    lander    | s3:PutObject                  | landed/customers/d/p.pq     | yes | and lands it
    lander    | s3:DeleteObject               | landed/customers/d/p.pq     | no  | what landed stays
    lander    | s3:DeleteObject               | landed/c/.landing-1/p.pq    | yes | but what it wrote aside to move
    lander    | s3:PutObject                  | extracts/c/p.parquet        | no  | a source's extract is the source's
    lander    | s3:GetObject                  | lake/customers/p.parquet    | no  | the lander sees nothing curated
    lander    | s3:PutObject                  | lake/customers/p.parquet    | no  | and curates nothing
    lander    | secretsmanager:GetSecretValue | tokens                      | no  | it makes no token
    lander    | dynamodb:PartiQLInsert        | history                     | no  | and no decision
    linker    | s3:GetObject                  | landed/customers/p.parquet  | yes | it links records as they landed
    linker    | s3:PutObject                  | master/2024-06-01/ids/p     | yes | and writes who is one person
    linker    | s3:PutObject                  | landed/customers/p.parquet  | no  | linking changes no record
    linker    | s3:DeleteObject               | master/2024-06-01/ids/p     | no  | an id is for good
    linker    | s3:GetObject                  | lake/customers/p.parquet    | no  | nothing curated is its business
    linker    | secretsmanager:GetSecretValue | tokens                      | no  | linking needs no token
    linker    | dynamodb:PartiQLInsert        | history                     | no  | who links decides nothing
    checker   | dynamodb:Query                | history/index/by_run        | yes | what a run published
    checker   | dynamodb:Query                | register                    | yes | against the rows of the register
    checker   | dynamodb:BatchGetItem         | numbers                     | yes | which are found by their numbers
    checker   | dynamodb:Query                | other table                 | no  | of this tenant alone
    checker   | dynamodb:PutItem              | register                    | no  | it feeds nothing
    checker   | dynamodb:Scan                 | history                     | no  | and reads no whole history
    checker   | s3:GetObject                  | runs/r1/decisions/p.parquet | no  | nor what was staged
    curator   | s3:GetObject                  | landed/customers/p.parquet  | yes | it reads what landed
    curator   | s3:PutObject                  | landed/customers/p.parquet  | no  | and changes nothing of it
    curator   | s3:PutObject                  | lake/customers/p.parquet    | yes | it makes what rules see
    curator   | s3:PutObject                  | tokens/a/p.parquet          | yes | and keeps what tokens stand for
    curator   | s3:DeleteObject               | tokens/a/p.parquet          | no  | erasing is somebody's, and not a job's
    curator   | secretsmanager:GetSecretValue | tokens                      | yes | it alone makes tokens
    curator   | secretsmanager:GetSecretValue | secret                      | no  | the rules come frozen
    curator   | s3:GetObject                  | rule-sets/1.json            | yes | whose columns go on
    curator   | s3:GetObject                  | runs/r1/decisions/p.parquet | no  | it sees no decision
    curator   | dynamodb:GetItem              | history                     | no  | nor what was published
    publisher | s3:GetObject                  | runs/r1/decisions/p.parquet | yes | it inserts what was staged
    publisher | s3:ListBucket                 | runs/r1/decisions/          | yes | staged decisions are a folder of files
    publisher | s3:PutObject                  | runs/r1/decisions/p.parquet | no  | what is inserted is what was staged
    publisher | s3:PutObject                  | runs/r1/manifest.json       | no  | a publisher does not balance the books
    publisher | s3:PutObject                  | runs/r1/published.json      | yes | it says that a run is published
    publisher | s3:PutObject                  | runs/chain.json             | yes | and keeps the copy of the chain
    publisher | s3:GetObject                  | lake/customers/p.parquet    | no  | the publisher sees no data
    publisher | s3:GetObject                  | rule-sets/1.json            | no  | it needs no rule but the run's own
    publisher | secretsmanager:GetSecretValue | secret                      | no  | publishing needs no rules database
    publisher | dynamodb:DescribeTable        | history                     | yes | keys are checked before the first write
    publisher | dynamodb:PartiQLInsert        | history                     | yes | the only write there is
    publisher | dynamodb:PartiQLInsert        | other table                 | no  | one table, not all of them
    publisher | dynamodb:PartiQLSelect        | history                     | yes | a duplicate is compared by its key
    publisher | dynamodb:PartiQLSelect        | history, scanned            | no  | nobody reads the whole history this way
    publisher | dynamodb:Query                | history/index/by_run        | yes | a run is counted by its index
    publisher | dynamodb:Scan                 | history                     | no  | publishing reads no history
    publisher | dynamodb:PutItem              | history                     | no  | PutItem overwrites
    publisher | dynamodb:BatchWriteItem       | history                     | no  | BatchWriteItem overwrites and deletes
    publisher | dynamodb:UpdateItem           | history                     | no  | history is never changed
    publisher | dynamodb:PartiQLUpdate        | history                     | no  | nor by a statement
    publisher | dynamodb:DeleteItem           | history                     | no  | history is never deleted
    publisher | dynamodb:PartiQLDelete        | history                     | no  | nor deleted by a statement
    publisher | dynamodb:UpdateTimeToLive     | history                     | no  | nor left to expire
    publisher | dynamodb:DeleteTable          | history                     | no  | nor dropped
"""

NEVER = """
    role      | action                        | because
    ----------+-------------------------------+---------------------------------------------------
    loader    | dynamodb:PutItem              | the loader keeps away from the history
    evaluator | dynamodb:PutItem              | the evaluator keeps away from the history
    evaluator | secretsmanager:GetSecretValue | the evaluator keeps away from secrets
    evaluator | lambda:InvokeFunction         | the evaluator keeps away from everything else
    lander    | dynamodb:PutItem              | the lander keeps away from the history
    lander    | secretsmanager:GetSecretValue | the lander keeps away from secrets
    linker    | dynamodb:PutItem              | the linker keeps away from the history
    linker    | secretsmanager:GetSecretValue | the linker keeps away from secrets
    checker   | dynamodb:PutItem              | the checker changes nothing
    checker   | secretsmanager:GetSecretValue | the checker keeps away from secrets
    curator   | dynamodb:PutItem              | the curator keeps away from the history
    guard     | dynamodb:PutItem              | the guard keeps away from the history
    guard     | secretsmanager:GetSecretValue | the guard keeps away from secrets
    publisher | dynamodb:PutItem              | the publisher cannot overwrite
    publisher | dynamodb:UpdateItem           | the publisher cannot change
    publisher | dynamodb:DeleteItem           | the publisher cannot delete
    publisher | dynamodb:BatchWriteItem       | the publisher cannot write in another way
"""


class Tags(yaml.SafeLoader):
    """YAML with CloudFormation's short tags, each as its long form."""


def _tagged(loader: Tags, suffix: str, node: yaml.Node) -> dict[str, Any]:
    match node:
        case yaml.ScalarNode():
            return {suffix: node.value}
        case yaml.SequenceNode():
            return {suffix: loader.construct_sequence(node, deep=True)}
    raise ValueError(f"!{suffix} of a mapping")


Tags.add_multi_constructor("!", _tagged)


def resolved(body: Any, given: Mapping[str, Any]) -> Any:
    """The template's values with every !Ref, !Sub and !If in place, all conditions true."""
    match body:
        case {"Ref": name}:
            return given[name]
        case {"Sub": text}:
            return re.sub(r"\$\{(.+?)\}", lambda name: str(given[name[1]]), text)
        case {"If": [_, then, _]}:
            return resolved(then, given)
        case dict():
            return {key: resolved(value, given) for key, value in body.items() if key != "GetAtt"}
        case list():
            return [resolved(value, given) for value in body]
    return body


def statements(role: str) -> Iterator[dict[str, Any]]:
    """What the role's own policies and the ones attached to it say."""
    template = yaml.load(TEMPLATE.read_text("utf-8"), Tags)
    resources = resolved(template["Resources"], _given(template))
    for policy in resources[f"{role.capitalize()}Role"]["Properties"]["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]
    for resource in resources.values():
        if f"{role.capitalize()}Role" in resource["Properties"].get("Roles", ()):
            yield from resource["Properties"]["PolicyDocument"]["Statement"]


def allowed(said: list[dict[str, Any]], action: str, resource: str, context: Mapping[str, str]) -> bool:
    """IAM's rule: allowed by one statement and denied by none."""
    meant = [s["Effect"] for s in said if _applies(s, action, resource, context)]
    return "Allow" in meant and "Deny" not in meant


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    return (
        _named(statement, "Action", action)
        and _named(statement, "Resource", resource)
        and all(
            any(fnmatchcase(context.get(key, ""), pattern) for pattern in _list(patterns))
            for wanted in statement.get("Condition", {}).values()
            for key, patterns in wanted.items()
        )
    )


def _named(statement: Mapping[str, Any], element: str, name: str) -> bool:
    if element in statement:
        return any(fnmatchcase(name, pattern) for pattern in _list(statement[element]))
    return not any(fnmatchcase(name, pattern) for pattern in _list(statement[f"Not{element}"]))


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def request(action: str, on: str) -> tuple[str, dict[str, str]]:
    """The resource and context of a row: a bare word of the table, or a path in the bucket."""
    known = {
        "secret": SECRET,
        "tokens": TOKENS,
        "other secret": SECRET.replace("rules", "payroll"),
        "login": LOGIN,
        "setup secret": SETUP,
        "history": TABLE,
        "history, scanned": TABLE,
        "history/index/by_run": f"{TABLE}/index/by_run",
        "register": TABLE.replace("history", "register"),
        "numbers": TABLE.replace("history", "numbers"),
        "other table": TABLE.replace("prod", "test"),
        "key": KEY,
        "bucket": "arn:aws:s3:::lake-bucket",
        "publisher": "arn:aws:iam::123456789012:role/publisher",
    }
    if action == "s3:ListBucket":
        return known["bucket"], {"s3:prefix": on}
    context = {"dynamodb:FullTableScan": "true"} if on.endswith("scanned") else {}
    return known.get(on, f"arn:aws:s3:::lake-bucket/{on}"), context


@pytest.mark.parametrize("row", cases(WHO_MAY_WHAT))
def test_a_role_may_do_its_own_work_and_no_other(row: Row) -> None:
    """Each role's statements, matched as IAM matches them."""
    resource, context = request(row["action"], row["on"])
    assert allowed(list(statements(row["role"])), row["action"], resource, context) == (row["may"] == "yes")


IN_ITS_SESSION = """
    action             | on                                             | may | because
    -------------------+------------------------------------------------+-----+--------------------------------------------------
    s3:PutObject       | runs/prod_mutual_dynamodb/r2/decisions/p       | yes | it stages its own run
    s3:DeleteObject    | runs/prod_mutual_dynamodb/r2/decisions/p       | yes | a second try replaces the first
    s3:PutObject       | runs/prod_mutual_dynamodb/r1/decisions/p       | no  | another run is not its own
    s3:DeleteObject    | runs/prod_mutual_dynamodb/r1/manifest.json     | no  | nor what says what that was
    s3:PutObject       | runs/prod_mutual_dynamodb/r22/manifest.json    | no  | a name that begins alike is another run
    s3:PutObject       | runs/prod_mutual_dynamodb/r2/published.json    | no  | what the role denies stays denied
    s3:GetObject       | runs/prod_mutual_dynamodb/r1/decisions/p       | yes | it is decided against the run before
    s3:GetObject       | runs/prod_mutual_dynamodb/chain.json           | yes | and is told which that is
    s3:GetObject       | runs/prod_other_dynamodb/r1/decisions/p        | no  | another tenant's runs are nothing to it
    s3:GetObject       | lake/customers/p.parquet                       | yes | rules are evaluated over the lake
    s3:GetObject       | rule-sets/r2.json                              | yes | it evaluates what was frozen
    s3:GetObject       | rule-sets/r1.json                              | no  | and nothing else that was
    s3:ListBucket      | lake/customers/                                | yes | a frame is a folder of files
    s3:PutObject       | logs/applications/00f1/jobs/1/x.gz             | yes | its logs
    s3:PutObject       | logs/applications/other/jobs/1/x.gz            | no  | not those of another application
    kms:Decrypt        | key                                            | yes | the lake may be encrypted
"""


@pytest.mark.parametrize("row", cases(IN_ITS_SESSION))
def test_an_evaluator_on_serverless_reaches_the_run_it_stages_and_no_other(row: Row) -> None:
    """What role and session policy both allow, as IAM intersects them."""
    resource, context = request(row["action"], row["on"])
    session = json.loads(policy_of("r2"))["Statement"]
    may = all(allowed(said, row["action"], resource, context) for said in (list(statements("evaluator")), session))
    assert may == (row["may"] == "yes")


def policy_of(run_id: str, **other: str) -> str:
    """The session policy of a run of the tenant mutual."""
    told = {"artefacts": "artefacts", "rule_set": f"rule-sets/{run_id}.json", "lake": "lake/frames.toml"}
    places = {"runs": "runs", "logs": "logs/applications/00f1"}
    at = {name: f"s3://lake-bucket/{path}" for name, path in (told | places).items()}
    return session_policy(**({"run_id": run_id, "environment": "prod", "tenant": "mutual"} | at | other))


WILD_NAMES = """
    which    | text                | because
    ---------+---------------------+---------------------------------
    run_id   | *                   | every run
    run_id   | 2024-06-0?          | nine runs
    run_id   | ${aws:username}     | a variable of IAM
    runs     | s3://lake-bucket/*  | every folder
    lake     | /lake/frames.toml   | not on S3: a policy has no word for it
    lake     | s3://b/LONG/f.toml  | longer than EMR Serverless takes
"""


@pytest.mark.parametrize("row", cases(WILD_NAMES))
def test_no_policy_is_written_that_reaches_more(row: Row) -> None:
    """Refused in words, before anything is submitted."""
    with pytest.raises(RunRefused):
        policy_of(**({"run_id": "r2"} | {row["which"]: row["text"].replace("LONG", "long/" * 400)}))


@pytest.mark.parametrize("row", cases(NEVER))
def test_what_a_role_must_never_do_stays_denied(row: Row) -> None:
    """Whatever is attached to the role later: here a policy that allows everything."""
    anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    assert allowed([anything], row["action"], TABLE, {})
    assert not allowed([*statements(row["role"]), anything], row["action"], TABLE, {})


def test_each_role_is_taken_by_steps_alone() -> None:
    """No person and no account is trusted: the nodes' role, and EMR Serverless."""
    template = yaml.load(TEMPLATE.read_text("utf-8"), Tags)
    resources = resolved(template["Resources"], _given(template))
    trusted = {
        name: [s["Principal"] for s in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]]
        for name, role in resources.items()
        if role["Type"] == "AWS::IAM::Role"
    }
    nodes = {"AWS": GIVEN["InstanceProfileRoleArn"]}
    by = [nodes, {"Service": "emr-serverless.amazonaws.com"}]
    assert trusted == dict.fromkeys((f"{name.capitalize()}Role" for name in (*WHOSE.values(), "setup")), by)


def _given(template: Mapping[str, Any]) -> dict[str, Any]:
    return {name: about.get("Default") for name, about in template["Parameters"].items()} | GIVEN | {"KeyArn": KEY}
