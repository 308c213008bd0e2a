"""The lake and the staged results on S3, through Hadoop's own connector."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer
from pyspark.sql import SparkSession

from rules_engine.model.hitmatrix import HitMatrix
from rules_engine.spark.evaluator import SparkEvaluator
from tests.small_lake import rule, rule_set, write


def test_a_run_over_s3_stages_what_a_run_over_folders_does(spark: SparkSession, tmp_path: Path) -> None:
    """Same hits and the same decisions digest whether frames and results are on S3 or in folders."""
    lake = write(tmp_path / "lake")
    rules = rule_set(
        rule("A", "country = 'GB'"),
        rule("B", "product = 'BOND'", frame="holdings"),
        rule("C", "SELECT customer_id FROM holdings GROUP BY customer_id HAVING sum(balance) > 10"),
    )
    here = SparkEvaluator(spark, lake).evaluate(rules, HitMatrix.of(rules), str(tmp_path / "run"), None)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    try:
        endpoint = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
        _upload(tmp_path / "lake", endpoint)
        there = _run(endpoint, tmp_path / "spark")
    finally:
        server.stop()
    assert there["hits"] == dict(here.hits_per_rule)
    assert there["digest"] == here.decisions_digest
    assert set(there["snapshots"]) == {"customers", "holdings", "products"}


def _upload(folder: Path, endpoint: str) -> None:
    s3 = boto3.client(
        "s3", endpoint_url=endpoint, region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for file in sorted(folder.rglob("*.parquet")):
        s3.upload_file(str(file), "lake", str(file.relative_to(folder)))


def _run(endpoint: str, work: Path) -> dict[str, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.functional.s3a_run", endpoint, str(work)],
        capture_output=True, text=True, timeout=900, check=False, env=os.environ | {"PYTHONPATH": "."},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])
