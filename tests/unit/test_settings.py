"""Settings are read once from a mapping; whatever is wrong with them is said in one go (R-OPS-6)."""

from __future__ import annotations

import pytest

from rules_engine.errors import RunRefused
from rules_engine.settings import KNOWN, HistoryKind, Settings
from tests.spec.table import Row, cases

HOME = {"HOME": "/home/ada"}

ACCEPTED = """
    said                                        | field            | value                                                    | because
    --------------------------------------------+------------------+----------------------------------------------------------+--------------------------------------------------
                                                | home             | /home/ada/.local/share/agile-rules-engine                | without a word, data is under the user's data
    XDG_DATA_HOME=/data                         | home             | /data/agile-rules-engine                                 | the user's data folder can be moved
    RULES_HOME=/srv/rules/                      | home             | /srv/rules                                               | a slash at the end means nothing
    RULES_HOME=/srv/rules XDG_DATA_HOME=/data   | home             | /srv/rules                                               | our own name goes before the system's
    RULES_HOME=/srv/rules                       | lake             | /srv/rules/demo/lake/frames.toml                         | the lake is under the tenant
    RULES_HOME=/r RULES_TENANT=acme             | lake             | /r/acme/lake/frames.toml                                 | another tenant has another lake
    RULES_LAKE=frames.toml                      | lake             | frames.toml                                              | a declaration may be named from where one stands
    RULES_HOME=/r RULES_TENANT=acme             | runs             | /r/acme/runs                                             | another tenant has runs of its own
    RULES_RUNS=s3a://bucket/runs                | runs             | s3a://bucket/runs                                        | runs can be staged on S3
                                                | database_url     | None                                                     | without a URL the server is embedded
    RULES_DATABASE_URL=postgresql://a:b@h/d     | database_url     | postgresql://a:b@h/d                                     | any PostgreSQL will do
                                                | history          | postgres                                                 | the history is beside the rules
    RULES_HISTORY=dynamodb-local                | history          | dynamodb-local                                           | DynamoDB Local is one word away
    RULES_HISTORY=                              | history          | postgres                                                 | an empty value is no value
    RULES_HISTORY=dynamodb AWS_REGION=eu-west-1 | region           | eu-west-1                                                | the region is AWS's own setting
    AWS_DEFAULT_REGION=eu-west-3                | region           | eu-west-3                                                | the region's older name is heard
    AWS_REGION=a AWS_DEFAULT_REGION=b           | region           | a                                                        | the newer name goes first
    RULES_WRITE_POLICY=changes                  | write_policy     | changes                                                  | records of what changes alone
                                                | write_policy     | results                                                  | without a word, every decision is a record
    RULES_HISTORY_ENDPOINT=http://localhost:80  | history_endpoint | http://localhost:80                                      | DynamoDB can be anywhere
    RULES_ENV=prod-eu                           | environment      | prod-eu                                                  | a dash is fine in a name
    RULES_SPARK_MASTER=local[2]                 | spark_master     | local[2]                                                 | cores can be counted
    RULES_SPARK_MASTER=spark://host:7077        | spark_master     | spark://host:7077                                        | a cluster can be named
    RULES_SPARK_MEMORY=512m                     | spark_memory     | 512m                                                     | memory can be small
    RULES_ON_FAILURE=hold                       | on_failure       | hold                                                     | a failing rule can hold its type
                                                | on_failure       | abort                                                    | without a word, a failing rule stops the run
    RULES_RULE_SECONDS=0                        | limits           | Limits(planning_seconds=60, rule_seconds=0.0)            | a limit can be lifted
    OTHER=thing                                 | tenant           | demo                                                     | names of others are none of our business
"""


def said(text: str) -> dict[str, str]:
    return HOME | dict(word.split("=", 1) for word in text.split())


@pytest.mark.parametrize("case", cases(ACCEPTED))
def test_a_setting_is_taken_as_it_is_said(case: Row) -> None:
    """Defaults suit a newcomer's machine, and each name changes its own field."""
    assert str(getattr(Settings.read(said(case["said"])), case["field"])) == case["value"]


REFUSED = """
    said                                   | which                  | says                            | because
    ---------------------------------------+------------------------+---------------------------------+------------------------------------------------
    RULES_HISTROY=postgres                 | RULES_HISTROY          | Did you mean 'RULES_HISTORY'?   | a slip of the finger must not be a default
    RULES_COLOUR=blue                      | RULES_COLOUR           | There are: RULES_HOME           | a name near nothing lists all
    RULES_HISTORY=postgre                  | RULES_HISTORY          | Did you mean 'postgres'?        | a value can be misspelt too
    RULES_HISTORY=oracle                   | RULES_HISTORY          | postgres, dynamodb              | a value near nothing lists all
    RULES_HISTORY=dynamodb                 | RULES_HISTORY          | Set AWS_REGION                  | DynamoDB is somewhere
    RULES_DATABASE_URL=mysql://u:geheim@h  | RULES_DATABASE_URL     | its scheme is 'mysql'           | rules live in PostgreSQL
    RULES_DATABASE_URL=postgres://u@h/d    | RULES_DATABASE_URL     | its scheme is 'postgres'        | the short scheme is not what drivers take
    RULES_DATABASE_URL=localhost:5432      | RULES_DATABASE_URL     | it is no URL                    | a host alone is no URL
    RULES_HOME=rules                       | RULES_HOME             | whole path                      | where data is must not depend on where one stands
    RULES_HOME=s3://bucket/home            | RULES_HOME             | whole path on this machine      | servers keep their data on this machine
    RULES_RUNS=runs                        | RULES_RUNS             | depends on the folder           | runs must be found again from anywhere
    RULES_WRITE_POLICY=all                 | RULES_WRITE_POLICY     | There are: results, changes     | no third policy
    RULES_HISTORY_ENDPOINT=localhost:8000  | RULES_HISTORY_ENDPOINT | is no http(s) URL               | an endpoint has a scheme
    RULES_TENANT=Acme_EU                   | RULES_TENANT           | cannot be part of a table's     | an underscore separates the parts of a table's name
    RULES_ENV=1st                          | RULES_ENV              | a letter first                  | a name starts with a letter
    RULES_SPARK_MASTER=local[0]            | RULES_SPARK_MASTER     | is no Spark master              | no cores do no work
    RULES_SPARK_MASTER=mesos               | RULES_SPARK_MASTER     | is no Spark master              | Spark gave Mesos up
    RULES_SPARK_MEMORY=4                   | RULES_SPARK_MEMORY     | 512m, 4g                        | four of what
"""


@pytest.mark.parametrize("case", cases(REFUSED))
def test_a_setting_that_cannot_be_is_refused(case: Row) -> None:
    """The fault names the setting, says what is wrong and what would be right."""
    with pytest.raises(RunRefused) as refused:
        Settings.read(said(case["said"]))
    (fault,) = refused.value.faults
    assert fault.which == case["which"]
    assert case["says"] in str(fault)


def test_all_faults_are_said_at_once() -> None:
    """Mending settings takes one try, not one per fault."""
    with pytest.raises(RunRefused) as refused:
        Settings.read(said("RULES_HISTROY=x RULES_ENV=9 RULES_SPARK_MEMORY=lots RULES_DATABASE_URL=oracle://h"))
    names = [fault.which for fault in refused.value.faults]
    assert names == ["RULES_HISTROY", "RULES_DATABASE_URL", "RULES_ENV", "RULES_SPARK_MEMORY"]


def test_a_machine_without_a_home_is_told_to_name_one() -> None:
    """A service account may have no HOME; data must not land in the working folder then."""
    with pytest.raises(RunRefused, match="RULES_HOME: neither it nor HOME is set"):
        Settings.read({})


@pytest.mark.parametrize("url", ["mysql://ada:geheim@host/rules", "ada:geheim@host/rules"])
def test_a_password_is_never_repeated(url: str) -> None:
    """Neither the complaint about a URL nor the settings' own representation shows its password."""
    with pytest.raises(RunRefused) as refused:
        Settings.read(HOME | {"RULES_DATABASE_URL": url})
    kept = Settings.read(HOME | {"RULES_DATABASE_URL": "postgresql://ada:geheim@host/rules"})
    assert "geheim" not in f"{refused.value} {kept!r}"


def test_the_file_of_masters_may_stand_in_the_place() -> None:
    """`rules master` reads it, and so does whatever tells of a subject: no command refuses it."""
    assert Settings.read(HOME | {"RULES_MASTER": "/srv/master.toml"})


def test_the_list_of_settings_names_every_history() -> None:
    """What the overview of settings says about the history is all there is."""
    assert KNOWN["RULES_HISTORY"].split(" | ") == [kind.value for kind in HistoryKind]
