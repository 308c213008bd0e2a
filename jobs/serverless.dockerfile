# The custom image of EMR Serverless for one step: its libraries and the job zip are inside, so that a job names nothing
# but its entry file, local:///opt/rules/evaluate_step.py. BASE is the image of the release, as AWS lists it.
#
#   docker build --build-arg BASE=… --build-arg STEP=evaluate .
ARG BASE
FROM ${BASE}
ARG STEP=evaluate
ARG ARCHITECTURE=x86_64
ARG PYTHON=python3.11
USER root
COPY rules.zip ${STEP}_step.py ${STEP}-${ARCHITECTURE}.zip /opt/rules/
RUN ${PYTHON} -m zipfile -e /opt/rules/${STEP}-${ARCHITECTURE}.zip /opt/rules/libraries \
 && printf '/opt/rules/libraries\n/opt/rules/rules.zip\n' > "$(${PYTHON} -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/rules.pth" \
 && rm /opt/rules/${STEP}-${ARCHITECTURE}.zip
USER hadoop:hadoop
