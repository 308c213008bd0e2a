"""The words of `rules emr`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs.nodes import Architecture

RunId = Annotated[
    str | None, typer.Option("--run-id", help="Id of the run; without it, it follows from the day and these words.")
]
AsOf = Annotated[str | None, typer.Option("--as-of", help="The day that is decided; needed to freeze its rule set.")]
CreatedAt = Annotated[str | None, typer.Option("--created-at", help="Logical time of the run; now without it.")]
Artefacts = Annotated[str, typer.Option("--artefacts", help="URI of the folder that `rules emr upload` filled.")]
RuleSet = Annotated[
    str, typer.Option("--rule-set", help="URI of the frozen rule set, or of a folder of them with '/' at its end.")
]
Secret = Annotated[
    str | None, typer.Option("--database-secret", help="Secret of the rules database: the run begins by freezing.")
]
Lake = Annotated[str, typer.Option("--lake", help="URI of the lake's declaration.")]
Runs = Annotated[str, typer.Option("--runs", help="URI under which runs are staged.")]
ClusterId = Annotated[
    str | None, typer.Option("--cluster", help="Id of a running cluster; a transient one without it.")
]
Application = Annotated[
    str | None, typer.Option("--serverless", help="Id of an application of EMR Serverless, in place of a cluster.")
]
Logs = Annotated[str | None, typer.Option("--logs", help="URI for the logs of a transient cluster or Serverless.")]
Subnet = Annotated[str | None, typer.Option("--subnet", help="Subnet of a transient cluster.")]
ServiceRole = Annotated[str | None, typer.Option("--service-role", help="Service role of a transient cluster.")]
Profile = Annotated[str | None, typer.Option("--instance-profile", help="Instance profile of a transient cluster.")]
InstanceType = Annotated[
    str,
    typer.Option("--instance-type", help="What the nodes are: their processor, and how much Spark is given."),
]
CoreNodes = Annotated[int, typer.Option("--core-nodes", min=1, help="How many nodes work, beside the primary one.")]
SpotNodes = Annotated[int, typer.Option("--spot-nodes", min=0, help="How many Spot nodes may come to help.")]
Python = Annotated[str, typer.Option("--python", help="Version of Python on the nodes.")]
Folder = Annotated[Path, typer.Argument(help="Folder to fill; an earlier package in it is replaced.")]
Architectures = Annotated[
    list[Architecture] | None, typer.Option("--architecture", help="Processor of the nodes; may be given twice.")
]
Wheels = Annotated[Path | None, typer.Option("--wheels", help="Folder of wheels, in place of the package index.")]
Security = Annotated[
    str | None,
    typer.Option("--security-configuration", help="What allows roles for steps, of a transient cluster."),
]
LoaderRole = Annotated[
    str | None, typer.Option("--loader-role", help="ARN of the freezing step's role; the nodes' without it.")
]
EvaluatorRole = Annotated[
    str | None, typer.Option("--evaluator-role", help="ARN of the evaluating step's role; the nodes' without it.")
]
GuardRole = Annotated[
    str | None, typer.Option("--guard-role", help="ARN of the judging step's role; the nodes' without it.")
]
PublisherRole = Annotated[
    str | None, typer.Option("--publisher-role", help="ARN of the publishing step's role; the nodes' without it.")
]
Variables = Annotated[
    str | None,
    typer.Option("--variables", help="JSON file of the workflow's Variables, or airflow/variables: what is not said."),
]
Publish = Annotated[bool, typer.Option("--publish/--evaluate-only", help="Publish to the history as well.")]
Correction = Annotated[bool, typer.Option("--correction", help="Correct an earlier day than the newest published.")]
Hours = Annotated[int, typer.Option("--hours", min=1, help="How long a step may take before it ends itself.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the run is done, and say how far it is.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the requests to AWS, and make none.")]
Extracts = Annotated[
    str | None,
    typer.Option("--extracts", help="Where sources leave extracts: s3://…/{frame}/{day}; the run lands them."),
]
Landed = Annotated[
    str | None, typer.Option("--landed", help="URI of the declaration of what lands: the run curates the lake.")
]
Tokens = Annotated[str | None, typer.Option("--tokens", help="Folder of the reverse table of tokens.")]
TokenSecret = Annotated[
    str | None, typer.Option("--token-secret", help="Name in Secrets Manager of the secret of tokens.")
]
Master = Annotated[
    str | None, typer.Option("--master", help="URI of the settings of master customers: the run builds the day's.")
]
CheckRegister = Annotated[
    bool, typer.Option("--check-register/--no-check-register", help="Look at its end whether the register caught up.")
]
LanderRole = Annotated[str | None, typer.Option("--lander-role", help="ARN of the landing step's role.")]
LinkerRole = Annotated[
    str | None, typer.Option("--linker-role", help="ARN of the role of the step that builds masters.")
]
CuratorRole = Annotated[str | None, typer.Option("--curator-role", help="ARN of the curating step's role.")]
CheckerRole = Annotated[
    str | None, typer.Option("--checker-role", help="ARN of the role of the step that looks at the register.")
]
Rows = Annotated[int | None, typer.Option("--rows", min=1, help="Rows of the subject frame: how many parts they make.")]
LineageTo = Annotated[
    str | None, typer.Option("--lineage", help="Server that is told in OpenLineage what each step reads and writes.")
]
Rules = Annotated[int | None, typer.Option("--rules", min=1, help="Rule versions: how much the driver is given.")]
