"""
The requests of a run as Airflow fills them in: what :mod:`jobs.emr` makes, with templates for what a night settles.

`rules emr requests` writes them beside the DAG, which imports nothing of ours. They are made with words that stand for
Airflow's Variables, so that every check and policy is that of a submitted run, and then filled with templates.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jobs.emr import Job, Request, Roles, request_of, steps_of
from jobs.emr_cluster import Cluster, job_flow
from jobs.emr_serverless import job_run
from jobs.nodes import Nodes, Sizes, architecture_of, python_faults, sizes_on
from jobs.sequence import HOURS, Before
from rules_engine.errors import Fault, RunRefused, collected, raise_all

MOMENT = "(dag_run.logical_date or dag_run.run_after)"
"""When the night was to be; a run started by hand may have no logical date."""

RUN = f"{MOMENT}.strftime('%Y-%m-%dT%H%M%SZ')"
PLACE = "(params.environment or var.value.rules_environment) ~ '_' ~ var.value.rules_tenant"
MARK = "word-"
"""What stands in front of a word that is to be filled, and of nothing else in a request."""

WORDS: Mapping[str, str] = {
    "run-id": RUN,
    "created-at": f"{MOMENT}.isoformat()",
    "as-of": f"params.as_of or {MOMENT}.strftime('%Y-%m-%d')",
    "environment": "params.environment or var.value.rules_environment",
    "tenant": "var.value.rules_tenant",
    "secret": "var.value.rules_database_secret",
    "setup-secret": "var.value.rules_setup_secret",
    "write-policy": "var.value.get('rules_write_policy', 'results')",
    "correction": "'yes' if params.correction else 'no'",
    "dry-run": "'yes' if params.dry_run else 'no'",
    "subnet": "var.value.rules_subnet_id",
    "service-role": "var.value.rules_service_role",
    "profile": "var.value.rules_instance_profile",
    "application": "var.value.rules_serverless_application",
    "lineage": "var.value.get('rules_lineage_url', '')",
    "token-secret": "var.value.get('rules_token_secret', '')",
    **{name: f"var.value.get('rules_{name}_uri', '')" for name in ("extracts", "landed", "tokens", "master")},
}
NEEDS: Mapping[str, str] = {
    "ingest": "rules_extracts_uri",
    "master": "rules_master_uri",
    "curate": "rules_landed_uri",
    "register": "rules_register",
}
"""The Variable without which a night leaves a step out."""

ROLES: Mapping[str, str] = {each: f"var.value.get('rules_{each}_role', '')" for each in Roles.__slots__}
URIS = ("artefacts", "rule_sets", "lake", "runs", "logs")


BESIDE_THE_DAG = Path("airflow/dags/rules_requests.json")


def requests(
    instance_type: str,
    core_nodes: int,
    spot_nodes: int,
    python: str,
    rows: int | None = None,
    rules: int | None = None,
) -> Request:
    """
    The requests of a night on a cluster of its own, its steps, and its jobs on EMR Serverless.

    Raises:
        RunRefused: If nodes of that type or Python cannot run them.
    """
    faults = [*python_faults(python)]
    sizes = collected(lambda: sizes_on(instance_type, core_nodes, rows, rules), faults) or Sizes()
    raise_all(RunRefused, faults)
    job = Job(
        run_id=_word("run-id"),
        created_at=_word("created-at"),
        artefacts=_uri("artefacts"),
        rule_set=f"{_uri('rule_sets')}/{_word('run-id')}.json",
        lake=f"{_uri('lake')}/frames.toml",
        runs=_uri("runs"),
        environment=_word("environment"),
        tenant=_word("tenant"),
        nodes=Nodes(architecture_of(instance_type), python),
        sizes=sizes,
        write_policy=_word("write-policy"),
        as_of=_word("as-of"),
        secret=_word("secret"),
        roles=Roles(**{each: _role(each) for each in ROLES}),
        correction=_word("correction"),
        dry_run=_word("dry-run"),
        lineage=_word("lineage"),
        before=Before(_word("extracts"), _word("landed"), _word("tokens"), _word("token-secret"), _word("master")),
    )
    logs = f"{_uri('logs')}/"
    on = (logs, _word("subnet"), _word("service-role"), _word("profile"), instance_type, core_nodes)
    steps = steps_of(job, publish=True)
    jobs = {step.what: _token(job_run(job, step, _word("application"), logs), step.what) for step in steps}
    made = {
        "cluster": job_flow(job, Cluster(*on, spot_nodes=spot_nodes)),
        "steps": {step.what: step.request for step in steps},
        "roles": {step.what: step.role for step in steps},
        "serverless": jobs,
        "needs": {step: _given(variable) for step, variable in NEEDS.items()},
        "hours": dict(HOURS),
        "setup": request_of(replace(job, secret=_word("setup-secret")), "setup"),
        "setup_role": "{{ var.value.get('rules_setup_role', '') }}",
    }
    filled: Request = json.loads(_filled(json.dumps(made)))
    return filled


def write(file: Path, made: Request) -> None:
    """
    Write the requests as the file that lies beside the DAG.

    Raises:
        RunRefused: If it cannot be written.
    """
    try:
        file.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    except OSError as problem:
        what = f"it cannot be written: {problem.strerror}."
        raise RunRefused(Fault(f"File {file}", what, "Name one in the folder of the DAGs.")) from problem


def _given(variable: str) -> str:
    """What a night's step needs, as far as it is given; whoever asks for no register says no."""
    said = f"var.value.get('{variable}', '{'yes' if variable == 'rules_register' else ''}')"
    return f"{{{{ '' if {said} == 'no' else {said} }}}}"


def _token(request: Request, step: str) -> dict[str, Any]:
    """A try by hand is another job; Airflow itself tries none again."""
    return request | {"clientToken": f"{{{{ ({PLACE})[:30] ~ '-{step}-' ~ {RUN} ~ '-' ~ ti.try_number }}}}"}


def _word(name: str) -> str:
    return f"{MARK}{name}."


def _role(name: str) -> str:
    return f"arn:aws:iam::000000000000:role/{MARK}{name}."


def _uri(name: str) -> str:
    return f"s3://{MARK}{name}-bucket./{MARK}{name}-folder."


def _filled(text: str) -> str:
    """
    The text with every word as its template.

    Airflow takes a text that ends in .json for a file to load, so the frozen rule set's ends in braces.
    """
    frozen = f"var.value.rules_rule_sets_uri ~ '/' ~ {RUN} ~ '.json'"
    fill = {f'"{_uri("rule_sets")}/{_word("run-id")}.json"': f'"{{{{ {frozen} }}}}"'}
    fill |= {f"{_uri('lake')}/frames.toml": "{{ var.value.rules_lake_uri }}"}
    fill |= {f"{_uri('logs')}/": "{{ var.value.rules_logs_uri }}"}
    fill |= {_uri(name): f"{{{{ var.value.rules_{name}_uri }}}}" for name in URIS}
    for name in URIS:
        place = f"var.value.rules_{name}_uri[5:]"
        fill[_uri(name).removeprefix("s3://")] = f"{{{{ {_folder(name, place)} }}}}"
        fill[f"{MARK}{name}-bucket."] = f"{{{{ {place}.partition('/')[0] }}}}"
    fill |= {_role(name): f"{{{{ {expression} }}}}" for name, expression in ROLES.items()}
    fill |= {_word(name): f"{{{{ {expression} }}}}" for name, expression in WORDS.items()}
    for word, template in fill.items():
        text = text.replace(word, template)
    return text


def _folder(name: str, place: str) -> str:
    """A Variable that names a file, or ends in '/', names its folder all the same; that may be the whole bucket."""
    return {"lake": f"{place}.rpartition('/')[0]", "logs": f"{place}.rstrip('/')"}.get(name, place)
