"""What `rules emr submit` refuses before anything is started, all of it at once, against a stand-in of AWS (R-OPS-6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from jobs import cluster_checks
from tests.functional import test_emr
from tests.functional.emr_account import FROZEN, OWN, PLACES, SECRET, account, make_role, words
from tests.functional.rules_command import RulesCommand
from tests.functional.test_emr import REGION
from tests.spec.table import Row, cases


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RulesCommand]:
    with account(tmp_path, monkeypatch) as command:
        yield command


NOT_READY = """
    words                      | taken away       | says                                          | because
    ---------------------------+------------------+-----------------------------------------------+------------------------------
    -                          | art/1/SHA256SUMS | it is not there, or not whole                 | an upload was interrupted
    -                          | art/1/guard-x86_64.zip | it lacks guard-x86_64.zip               | packaged by an earlier version
    --instance-type=m7g.xlarge | -                | --architecture arm64 --python 3.11            | other nodes, other libraries
    --python=3.12              | -                | it is for Python 3.11, and the nodes are to   | packaged for another Python
    --artefacts=s3://art/2     | -                | it is not there, or not whole                 | a version nobody uploaded
    --lake=s3://lake/g.toml    | -                | Lake declaration s3://lake/g.toml: there is   | the address is wrong
    --database-secret=         | -                | Frozen rule set s3://rules-runs/rule-sets/    | nobody froze it
    --logs=s3://rules-lost/emr/ | -               | Bucket rules-lost: there is none of that name | nobody would read why it failed
    --runs=s3://rules-far/runs | -                | it is in us-west-2, which nodes in eu-west-1 do not reach. Name one of eu-west-1 | a bucket of another region
"""


@pytest.mark.parametrize("row", cases(NOT_READY))
def test_what_would_not_start_is_not_started(rules: RulesCommand, row: Row) -> None:
    """A missing artefact, the wrong Python or processor, a role that is none: before any cluster is."""
    if row["taken away"] != "-":
        bucket, _, key = row["taken away"].partition("/")
        boto3.client("s3", region_name=REGION).delete_object(Bucket=bucket, Key=key)
    wrong = {} if row["words"] == "-" else dict(word.split("=", 1) for word in row["words"].split())
    said = {key: value for key, value in (PLACES | OWN | SECRET | wrong).items() if value}
    code, faults = rules.refused("emr", "submit", *words(said))
    told = [f"{fault['which']}: {fault['what']} {fault['remedy']}" for fault in faults]
    assert (code, len(told)) == (5, 1)
    assert row["says"] in told[0]
    assert boto3.client("emr", region_name=REGION).list_clusters()["Clusters"] == []


UNASKED = """
    settings                                  | code | says                              | because
    ------------------------------------------+------+-----------------------------------+--------------------------------
    AWS_SECRET_ACCESS_KEY=                    | 5    | Sign in, or set AWS_PROFILE       | a key without its secret
    AWS_PROFILE=nobody                        | 5    | profile (nobody) could not be     | a profile that nobody configured
    AWS_REGION=eu_west_1                      | 5    | set AWS_PROFILE and AWS_REGION    | a region that can be none
    HTTPS_PROXY=http://ann:geheim@127.0.0.1:9 | 6    | Look at HTTPS_PROXY and NO_PROXY  | a proxy that refuses
"""


@pytest.mark.parametrize("row", cases(UNASKED))
def test_who_cannot_ask_aws_is_told_so_once(tmp_path: Path, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """One fault, not one for each thing that would have been looked at; no password is repeated. There is no stand-in."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it may have read another test's credentials
    told = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_MAX_ATTEMPTS": "1"}
    told |= {"AWS_EC2_METADATA_DISABLED": "true"} | dict([row["settings"].split("=", 1)])
    for name in (name for name, value in told.items() if not value):
        monkeypatch.delenv(name, raising=False)
    rules = RulesCommand(tmp_path, {name: value for name, value in told.items() if value})
    done = rules("emr", "submit", *words(PLACES, OWN, SECRET), "--json")
    (fault,) = json.loads(done.stdout)["faults"]
    assert (done.exit_code, row["says"] in f"{fault['what']} {fault['remedy']}") == (int(row["code"]), True)
    assert "geheim" not in done.stdout + done.stderr


def test_what_nobody_may_look_at_is_said_and_stops_nothing(
    rules: RulesCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a bucket of logs that denies whoever submits, it is said that it was not looked at."""
    denied = ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket")
    look = cluster_checks.bucket_faults

    def deny(s3: Any, bucket: str) -> Any:
        if bucket == "rules-logs":
            raise denied
        return look(s3, bucket)

    monkeypatch.setattr("jobs.submission_checks.bucket_faults", deny)
    done = rules("emr", "submit", *words(PLACES, OWN, SECRET))
    assert (done.exit_code, "Bucket rules-logs: not looked at: 403." in done.stderr) == (0, True)


def test_a_full_queue_says_to_wait(rules: RulesCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster takes 256 steps that are yet to do; the stand-in takes any number."""
    full = {"Code": "ValidationException", "Message": "Maximum number of active steps for cluster exceeded."}

    def refuse(*_: object, **__: object) -> None:
        raise ClientError({"Error": full}, "AddJobFlowSteps")

    monkeypatch.setattr("moto.emr.responses.ElasticMapReduceResponse.add_job_flow_steps", refuse)
    request = test_emr.golden("emr_job_flow.json") | {"Name": "shared"}
    shared = boto3.client("emr", region_name=REGION).run_job_flow(**request)["JobFlowId"]
    code, (fault,) = rules.refused("emr", "submit", *words(PLACES, FROZEN, {"--cluster": shared}))
    assert (code, "Wait until others are done" in fault["remedy"]) == (5, True)


ASKED = """
    words                                        | says                                                                   | because
    ---------------------------------------------+------------------------------------------------------------------------+------------------------------
    --loader-role=arn:aws:iam::123456789012:role/none | there is no such role                                             | nobody made it
    --loader-role=arn:aws:iam::123456789012:role/emr | it does not let itself be taken by arn:aws:iam::123456789012:role/nodes. | it trusts EMR itself
    --instance-profile=none                      | Instance profile none: there is none of that name                      | misspelt
    --instance-profile=empty                     | Instance profile empty: there is none of that name, or it holds no role | made by hand
    --service-role=nodes                         | it does not let itself be taken by elasticmapreduce.amazonaws.com.     | the nodes' own
    --security-configuration=none                | Security configuration none: there is none of that name                | of another region
    --security-configuration=plain               | it lets no step have a role of its own                                 | made for something else
    --cluster=j-NONE                             | Cluster j-NONE: there is none of that id. Name one that runs:          | it was never there
"""


@pytest.mark.parametrize("row", cases(ASKED))
def test_what_emr_would_refuse_is_said_before_it_is_asked(rules: RulesCommand, row: Row) -> None:
    """Roles, profile, security configuration and cluster, each by itself, before any cluster is."""
    boto3.client("iam", region_name=REGION).create_instance_profile(InstanceProfileName="empty")
    boto3.client("emr", region_name=REGION).create_security_configuration(Name="plain", SecurityConfiguration="{}")
    wrong = dict([row["words"].split("=", 1)])
    said = PLACES | SECRET | ({} if "--cluster" in wrong else OWN | {"--security-configuration": "roles"}) | wrong
    code, (fault,) = rules.refused("emr", "submit", *words(said))
    assert code == 5
    assert row["says"] in f"{fault['which']}: {fault['what']} {fault['remedy']}"
    assert boto3.client("emr", region_name=REGION).list_clusters()["Clusters"] == []


def test_all_that_emr_would_refuse_is_said_at_once(rules: RulesCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role that several steps share is told of once."""
    monkeypatch.setattr("jobs.submission_checks.RELEASE", "emr-spark-99.0.0")
    monkeypatch.setattr("jobs.cluster_checks.RELEASE", "emr-spark-99.0.0")
    shared = dict.fromkeys(("--evaluator-role", "--guard-role"), "arn:aws:iam::123456789012:role/emr")
    wrong = shared | {"--service-role": "none", "--security-configuration": "none", "--artefacts": "s3://art/2"}
    code, faults = rules.refused("emr", "submit", *words(PLACES | OWN | SECRET | wrong))
    told = [fault["which"].split()[0] for fault in faults]
    assert (code, told) == (5, ["Package", "Release", "Role", "Security", "Role"])
    assert "the region eu-west-1 does not have it" in faults[1]["what"]


def test_a_running_cluster_hands_out_the_roles_of_steps(rules: RulesCommand) -> None:
    """By the role of its own nodes: whoever submits names no instance profile."""
    make_role("loader", {"AWS": "arn:aws:iam::123456789012:role/nodes"})
    shared = {"InstanceCount": 1, "KeepJobFlowAliveWhenNoSteps": True}
    client = boto3.client("emr", region_name=REGION)
    on = {"--cluster": client.run_job_flow(Name="shared", Instances=shared, JobFlowRole="nodes")["JobFlowId"]}
    role = {"--loader-role": "arn:aws:iam::123456789012:role/loader"}
    assert rules.json("emr", "submit", *words(PLACES, SECRET, role, on))["cluster"] == on["--cluster"]
    code, (fault,) = rules.refused(
        "emr", "submit", *words(PLACES, SECRET, on, {"--loader-role": role["--loader-role"][:-6] + "emr"})
    )
    assert (code, "role/nodes." in fault["what"]) == (5, True)


def test_requests_of_the_workflow_are_for_nodes_that_run_them(tmp_path: Path) -> None:
    """Both at once; nothing is written."""
    wrong = ("--python", "2.7", "--instance-type", "t3.micro")
    code, faults = RulesCommand(tmp_path).refused("emr", "requests", tmp_path / "requests.json", *wrong)
    assert (code, [fault["which"].split()[0] for fault in faults]) == (5, ["Python", "Instance"])
    assert not (tmp_path / "requests.json").exists()


WRONG = """
    words                                      | which                                       | because
    -------------------------------------------+---------------------------------------------+-------------------------------------------
    --logs=                                    | --logs                                      | a cluster of its own keeps logs
    --subnet= --service-role=                  | --subnet --service-role                     | both are said at once
    --loader-role=arn:aws:iam::1:role/x        | --security-configuration --loader-role      | not an account, and what allows roles
    --loader-role=arn:aws:iam::123456789012:user/x | --security-configuration --loader-role  | a user is no role
    --as-of=2024-06-31                         | --as-of                                     | no such day
    --as-of=                                   | --run-id                                    | nothing names the run
    --as-of= --run-id=r --database-secret=s    | --as-of                                     | a rule set is frozen of a day
    --run-id=../x                              | --run-id                                    | it would be another folder
    --run-id=*                                 | --run-id                                    | a policy would reach every run
    --lake=/lake/f.toml                        | --lake                                      | a cluster reads no folder of this machine
    --lake=s3://b --runs=s3:/x/y --artefacts=x | --artefacts --lake --runs                   | each that is no place on S3
    --rule-set=s3://rules-runs/rule-sets       | --rule-set                                  | a file or a folder
    --python=3.10                              | Python                                      | older than any release has
    --python=3.11.9                            | Python                                      | a patch version is in no path
    --instance-type=t3.micro                   | Instance                                    | no executor fits
    --instance-type=m7i.bigger                 | Instance                                    | no such size
    --cluster=mycluster                        | --cluster                                   | a name is no id
    --serverless=00F1-X                        | --serverless                                | nor here
    --serverless=00f1 --cluster=j-1            | --serverless                                | one place, not two
"""


@pytest.mark.parametrize("row", cases(WRONG))
def test_what_is_wrong_is_refused_all_at_once(tmp_path: Path, row: Row) -> None:
    """Each missing or wrong word of a submission, before anything is asked of AWS: here there is none (R-OPS-6)."""
    rules = RulesCommand(tmp_path)
    wrong = dict(word.split("=", 1) for word in row["words"].split())
    said = {key: value for key, value in (PLACES | OWN | wrong).items() if value}
    code, faults = rules.refused("emr", "submit", *words(said))
    assert (code, {fault["which"].split()[0] for fault in faults}) == (5, set(row["which"].split()))
    assert all(fault["what"] and fault["remedy"] for fault in faults)
