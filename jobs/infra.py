"""The stacks of CloudFormation of one environment and tenant: what they are told, and what is otherwise on AWS."""

from __future__ import annotations

import difflib
import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from jobs.aws import told
from rules_engine.errors import Fault, RunRefused, did_you_mean, raise_all

FOLDER = Path(__file__).resolve().parents[1] / "infra"
Parameter = Mapping[str, Any]


class _Plain(yaml.SafeLoader):
    """Reads CloudFormation's functions as nothing, but what names are made of as it stands."""


_Plain.add_multi_constructor("!", lambda *_: None)
_Plain.add_constructor("!Sub", lambda _, node: node.value if isinstance(node.value, str) else None)


@dataclass(frozen=True, slots=True)
class Stack:
    """
    One stack: its template, what it is told, and of which outputs of earlier ones it is told the rest.

    ``outputs`` is from parameter to "stack.Output".
    """

    word: str
    name: str
    template: Path
    values: Mapping[str, str]
    outputs: Mapping[str, str]


def stacks(settings: Path, folder: Path = FOLDER) -> tuple[Stack, ...]:
    """
    The stacks, in order, told by a file of settings.

    Raises:
        RunRefused: With every fault of it: unreadable, unknown names, missing or unfitting values.
    """
    said = _settings(settings)
    order: Mapping[str, Mapping[str, str]] = tomllib.loads(_text(folder / "stacks.toml"))
    templates = {word: _template(folder / f"{word}.yaml") for word in order}
    asked = {word: template["Parameters"] for word, template in templates.items()}
    faults = [*_faults(said, asked, order)]
    named = faults or [fault for each in templates.values() for fault in _name_faults(said, each["Resources"])]
    raise_all(RunRefused, named)
    name = f"rules-{said['Environment']}-{said['Tenant']}"
    return tuple(
        Stack(
            word,
            f"{name}-{word}",
            folder / f"{word}.yaml",
            {each: _one(said[each]) for each in asked[word] if each in said},
            {each: output for each, output in outputs.items() if each not in said},
        )
        for word, outputs in order.items()
    )


def command_of(stack: Stack, name: str) -> str:
    """What makes a stack, or changes it to what it is told; ``name`` is how stacks begin."""
    values = [f"{key}={shlex.quote(value)}" for key, value in stack.values.items()]
    values += [f'{key}="$({_asked(name, output)})"' for key, output in stack.outputs.items()]
    told_of = " \\\n  ".join(["--parameter-overrides", *values])
    return (
        f"aws cloudformation deploy --stack-name {stack.name} --template-file {stack.template.name} \\\n"
        f"  --capabilities CAPABILITY_IAM {told_of}"
    )


def _asked(name: str, output: str) -> str:
    word, _, key = output.partition(".")
    query = f"Stacks[0].Outputs[?OutputKey=='{key}'].OutputValue"
    return f'aws cloudformation describe-stacks --stack-name {name}-{word} --query "{query}" --output text'


def differences(client: Any, wanted: Sequence[Stack]) -> dict[str, list[str]]:
    """
    By stack, what of it is otherwise on AWS than here: lines of a difference, none where nothing is.

    Raises:
        RunRefused: If AWS refuses.
    """
    there: dict[str, dict[str, Any]] = {}
    for stack in wanted:
        with told(f"Stack {stack.name}"):
            there[stack.word] = _deployed(client, stack.name)
    outputs = {f"{word}.{key}": value for word, stack in there.items() for key, value in stack["outputs"].items()}
    return {stack.name: [*_differences(stack, there[stack.word], outputs)] for stack in wanted}


def _differences(stack: Stack, there: Mapping[str, Any], outputs: Mapping[str, str]) -> Iterator[str]:
    if there["template"] is None:
        yield "+ the whole stack: it is not there"
        return
    here = stack.template.read_text(encoding="utf-8").splitlines()
    names = f"{stack.name} on AWS", stack.template.name
    yield from difflib.unified_diff(there["template"].splitlines(), here, *names, lineterm="")
    wanted = {**stack.values, **{key: outputs.get(output, "?") for key, output in stack.outputs.items()}}
    for key, value in wanted.items():
        if there["parameters"].get(key) != value:
            yield from (f"-{key} = {there['parameters'].get(key)}", f"+{key} = {value}")


def _deployed(client: Any, name: str) -> dict[str, Any]:
    from botocore.exceptions import ClientError

    try:
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
        template = client.get_template(StackName=name)["TemplateBody"]
    except ClientError as problem:
        if "does not exist" in problem.response["Error"]["Message"]:
            return {"template": None, "parameters": {}, "outputs": {}}
        raise
    return {
        "template": template if isinstance(template, str) else json.dumps(template, indent=2),
        "parameters": {each["ParameterKey"]: each.get("ParameterValue") for each in stack.get("Parameters", [])},
        "outputs": {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])},
    }


VARIABLES = {
    "rules_artefacts_uri": "s3://{storage.Bucket}/{artefacts}",
    "rules_rule_sets_uri": "s3://{storage.Bucket}/rule-sets",
    "rules_lake_uri": "s3://{storage.Bucket}/lake/frames.toml",
    "rules_runs_uri": "s3://{storage.Bucket}/runs",
    "rules_logs_uri": "s3://{storage.LogBucket}/logs/",
    "rules_environment": "{Environment}",
    "rules_tenant": "{Tenant}",
    "rules_database_secret": "{database.SecretName}",
    "rules_topic_arn": "{watching.NewsTopicArn}",
    "rules_subnet_id": "{subnet}",
    "rules_service_role": "{emr.ServiceRole}",
    "rules_instance_profile": "{emr.InstanceProfile}",
    "rules_security_configuration": "{emr.SecurityConfiguration}",
    "rules_serverless_application": "{emr.ServerlessApplication}",
    "rules_loader_role": "{roles.LoaderRoleArn}",
    "rules_evaluator_role": "{roles.EvaluatorRoleArn}",
    "rules_guard_role": "{roles.GuardRoleArn}",
    "rules_publisher_role": "{roles.PublisherRoleArn}",
    "rules_lander_role": "{roles.LanderRoleArn}",
    "rules_linker_role": "{roles.LinkerRoleArn}",
    "rules_curator_role": "{roles.CuratorRoleArn}",
    "rules_checker_role": "{roles.CheckerRoleArn}",
}
"""Variables of the workflow, from what the stacks put out and are told."""


def variables(client: Any, wanted: Sequence[Stack]) -> dict[str, str]:
    """
    The Variables of the nightly workflow.

    Raises:
        RunRefused: Naming every stack that has not put out what they need, or if AWS refuses.
    """
    known = {name: value for stack in wanted for name, value in stack.values.items()}
    known["subnet"] = known.get("PrivateSubnets", "").partition(",")[0]
    known["artefacts"] = known.get("CodeKey", "artefacts/rules.zip").rpartition("/")[0]
    for stack in wanted:
        with told(f"Stack {stack.name}"):
            outputs = _deployed(client, stack.name)["outputs"]
        known |= {f"{stack.word}.{key}": value for key, value in outputs.items()}
    needs = {each for form in VARIABLES.values() for each in re.findall(r"\{(.+?)\}", form)}
    lacking = {each.partition(".")[0] for each in needs - known.keys() if "." in each}
    remedy = "Make it first, as `rules infra render` prints."
    raise_all(RunRefused, [Fault(f"Stack {word}", "it is not there.", remedy) for word in sorted(lacking)])
    return {name: re.sub(r"\{(.+?)\}", lambda each: known[each[1]], form) for name, form in VARIABLES.items()}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        why = "it is no UTF-8" if isinstance(problem, ValueError) else problem.strerror
        what, remedy = f"it cannot be read: {why}.", "Begin with a copy of infra/example.toml."
        raise RunRefused(Fault(f"File {path}", what, remedy)) from problem


def _settings(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as problem:
        remedy = 'Write NAME = "value", a line each.'
        raise RunRefused(Fault(f"File {path}", f"it is no TOML: {problem}.", remedy)) from problem


def _template(file: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.load(_text(file), _Plain)  # noqa: S506  a safe loader
    return found


def _one(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


LONGEST = {
    "AWS::S3::Bucket": ("BucketName", 63),
    "AWS::Lambda::Function": ("FunctionName", 64),
    "AWS::EMRServerless::Application": ("Name", 64),
}
"""Types of resources whose names may not be long: where it stands, and how many characters it has at most."""


def _name_faults(said: Mapping[str, Any], resources: Mapping[str, Any]) -> Iterator[Fault]:
    """Which names of resources would be too long, as the settings fill them in."""
    for resource in resources.values():
        element, most = LONGEST.get(resource["Type"], ("", 0))
        form = resource.get("Properties", {}).get(element) or ""
        name = re.sub(r"\$\{(\w+)\}", lambda each: _one(said.get(each[1], "")), form)
        if len(name) > most:
            which = " and ".join(re.findall(r"\$\{(\w+)\}", form))
            what = f"'{name}' has {len(name)} characters, and {resource['Type']} takes {most}."
            yield Fault(f"Settings {which}", what, "Shorten one of them.")


def _faults(
    said: Mapping[str, Any], asked: Mapping[str, Mapping[str, Parameter]], order: Mapping[str, Mapping[str, str]]
) -> Iterator[Fault]:
    known = {name: about for parameters in asked.values() for name, about in parameters.items()}
    for name in said:
        if name not in known:
            remedy = did_you_mean(name, known) or "Remove it."
            yield Fault(f"Setting {name}", "no template has such a parameter.", remedy)
    for name, about in known.items():
        stacks_of = [word for word, parameters in asked.items() if name in parameters and name not in order[word]]
        if name in said:
            abouts = (parameters[name] for parameters in asked.values() if name in parameters)
            yield from [fault for each in abouts for fault in _value_faults(name, said[name], each)][:1]
        elif stacks_of and "Default" not in about:
            remedy = f'Set it: {name} = "…". {about.get("Description", "")}'.strip()
            yield Fault(f"Setting {name}", f"it is missing, and {', '.join(stacks_of)} needs it.", remedy)


def _value_faults(name: str, value: Any, about: Parameter) -> Iterator[Fault]:
    text, what = _one(value), ""
    form = ID_FORMS.get(about["Type"].removeprefix("List<").removesuffix(">"))
    if isinstance(value, dict):
        what = "it is a table, not a value."
    elif (pattern := about.get("AllowedPattern")) and not re.fullmatch(pattern, text):
        what = f"'{text}' has not the form {pattern}."
    elif (allowed := about.get("AllowedValues")) and text not in map(str, allowed):
        what = f"'{text}' is none of {', '.join(map(str, allowed))}."
    elif about["Type"] == "Number" and not re.fullmatch(r"-?\d+(\.\d+)?", text):
        what = f"'{text}' is no number."
    elif about["Type"] == "Number" and float(text) < (least := about.get("MinValue", 0)):
        what = f"'{text}' is less than {least}."
    elif form and not all(re.fullmatch(form, each) for each in text.split(",")):
        what = f"'{text}' is no id of the kind."
    if what:
        yield Fault(f"Setting {name}", what, str(about.get("Description", "")))


ID_FORMS = {
    "AWS::EC2::VPC::Id": r"vpc-[0-9a-f]{8,17}",
    "AWS::EC2::Subnet::Id": r"subnet-[0-9a-f]{8,17}",
    "AWS::EC2::SecurityGroup::Id": r"sg-[0-9a-f]{8,17}",
}
