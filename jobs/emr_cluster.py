"""A cluster that lives for one run: what it is made of, and how it ends (R-OPS-1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.emr import Job, Request

RELEASE = "emr-spark-8.1.0"
IDLE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Cluster:
    """
    What a transient cluster is made of; ``security`` names the security configuration that allows runtime roles.

    The primary and the core nodes are on demand and hold the driver; up to ``spot_nodes`` more come and go with the
    work, and may be taken away.
    """

    logs: str
    subnet: str
    service_role: str
    instance_profile: str
    instance_type: str = "m7i.2xlarge"
    core_nodes: int = 2
    security: str | None = None
    spot_nodes: int = 2


def job_flow(job: Job, cluster: Cluster, steps: Sequence[Request] = ()) -> Request:
    """
    The request for a transient cluster, which ends itself: after its last step, on a failed one, or left idle.

    With no steps it lives as long as starting takes; add them at once.
    """
    extra = {"SecurityConfiguration": cluster.security} if cluster.security else {}
    return {
        "Name": name_of(job),
        "ReleaseLabel": RELEASE,
        "Applications": [{"Name": "Spark"}],
        "Configurations": [DRIVERS_ON_DEMAND],
        "LogUri": cluster.logs,
        "ServiceRole": cluster.service_role,
        "JobFlowRole": cluster.instance_profile,
        "VisibleToAllUsers": True,
        "StepConcurrencyLevel": 1,
        "AutoTerminationPolicy": {"IdleTimeout": IDLE_SECONDS},
        "ManagedScalingPolicy": {"ComputeLimits": _limits(cluster)},
        "Instances": {
            "Ec2SubnetId": cluster.subnet,
            "KeepJobFlowAliveWhenNoSteps": False,
            "TerminationProtected": False,
            "InstanceGroups": _groups(cluster),
        },
        "Tags": [{"Key": key, "Value": value} for key, value in tags_of(job).items()],
        "Steps": list(steps),
        **extra,
    }


def name_of(job: Job) -> str:
    """What a run's own cluster is called; it is found again by that."""
    return f"rules {job.name}"


def tags_of(job: Job) -> dict[str, str]:
    """What a bill is read by; the first one is what EMR's managed service policy asks for."""
    place = {"rules-environment": job.environment, "rules-tenant": job.tenant, "rules-run": job.run_id}
    return {"for-use-with-amazon-emr-managed-policies": "true"} | place


DRIVERS_ON_DEMAND = {
    "Classification": "yarn-site",
    "Properties": {
        "yarn.node-labels.enabled": "true",
        "yarn.node-labels.am.default-node-label-expression": "ON_DEMAND",
    },
}
"""A driver on a Spot node would be lost with it, and the step begun again."""


def _limits(cluster: Cluster) -> Request:
    return {
        "UnitType": "Instances",
        "MinimumCapacityUnits": cluster.core_nodes,
        "MaximumCapacityUnits": cluster.core_nodes + cluster.spot_nodes,
        "MaximumOnDemandCapacityUnits": cluster.core_nodes,
        "MaximumCoreCapacityUnits": cluster.core_nodes,
    }


def _groups(cluster: Cluster) -> list[Request]:
    made = [_nodes("MASTER", cluster, 1), _nodes("CORE", cluster, cluster.core_nodes)]
    return [*made, _nodes("TASK", cluster, cluster.spot_nodes, "SPOT")] if cluster.spot_nodes else made


def _nodes(role: str, cluster: Cluster, count: int, market: str = "ON_DEMAND") -> Request:
    return {
        "Name": role.lower(),
        "InstanceRole": role,
        "InstanceType": cluster.instance_type,
        "InstanceCount": count,
        "Market": market,
    }
