#!/usr/bin/env bash
# Starts Airflow on this machine with the workflows of airflow/dags and a stand-in of AWS, on which a thread ends the steps as
# EMR would: its web page shows the nightly sequence. Its database and passwords are below build/airflow. Ctrl-C ends it all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. infra/environment.sh
install_into .venv-airflow airflow/constraints.txt 'apache-airflow' 'apache-airflow-providers-amazon' 'moto[server]' pytest
exec .venv-airflow/bin/python tests/airflow/play.py
