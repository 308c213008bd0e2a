#!/bin/bash
# EMR bootstrap action: the libraries that a pure-Python zip cannot carry: numpy, pandas and pyarrow for evaluating, on every
# node; the others for freezing and publishing. The wheels come from S3, so that a cluster without a way out can start.
#
# Usage: bootstrap.sh s3://bucket/prefix/wheels
set -euo pipefail
wheels=$(mktemp -d)
aws s3 cp --recursive --only-show-errors "$1" "$wheels"
sudo python3.11 -m pip install --quiet --no-index --find-links "$wheels" numpy pandas pyarrow sqlalchemy alembic psycopg2-binary boto3
