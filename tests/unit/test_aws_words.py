"""What AWS and its client say when they do not do what they are asked, in our words: what to do, and whether again."""

from __future__ import annotations

import pytest
from botocore import exceptions as of
from botocore.exceptions import ClientError

from jobs.aws import told
from rules_engine.errors import RulesError
from tests.spec.table import Row, cases

REFUSED = """
    code                          | message                                   | exit | remedy                | because
    ------------------------------+-------------------------------------------+------+-----------------------+----------------------------------------
    ExpiredTokenException         | The security token included is expired    | 5    | sign in again         | a night's sleep outlives a sign-in
    ExpiredToken                  | The provided token has expired.           | 5    | sign in again         | S3 has another word for it
    RequestExpired                | Request has expired.                      | 5    | sign in again         | and EC2 a third
    InvalidClientTokenId          | The security token included is invalid    | 5    | sign in again         | keys that were taken back
    UnrecognizedClientException   | The security token included is invalid.   | 5    | sign in again         | the same of another service
    InvalidAccessKeyId            | The AWS Access Key Id does not exist      | 5    | sign in again         | S3 says it otherwise
    SignatureDoesNotMatch         | The request signature does not match      | 5    | sign in again         | a secret that was copied in part
    400                           | Bad Request                               | 5    | sign in again         | all that S3 says to HEAD of any of them
    AccessDeniedException         | User: u is not authorized to perform: x   | 5    | Give whoever asks     | a right is missing
    403                           | Forbidden                                 | 5    | Give whoever asks     | a HEAD without the right
    PermanentRedirect             | The bucket must be addressed elsewhere    | 5    | set AWS_REGION        | a bucket of another region
    AuthorizationHeaderMalformed  | the region 'a' is wrong; expecting 'b'    | 5    | set AWS_REGION        | the same, said by its signature
    NoSuchBucket                  | The specified bucket does not exist       | 5    | mend its name         | a bucket that nobody made
    ResourceNotFoundException     | Application 00f1 does not exist.          | 5    | mend its name         | an application that is gone
    ServiceQuotaExceededException | Too many job runs                         | 5    | Wait until others     | no room for another job
    ValidationException           | Maximum number of active steps for cluster exceeded. | 5 | Wait until others | a cluster with 256 steps to do
    ValidationException           | The subnet subnet-1 does not exist.       | 5    | Mend the request.     | what only whoever asked can mend
    ThrottlingException           | Rate exceeded                             | 6    | a little later        | too many ask at once
    SlowDown                      | Please reduce your request rate.          | 6    | a little later        | the same of S3
    InternalServerException       | An internal error occurred.               | 6    | a little later        | AWS's own fault
    503                           | Service Unavailable                       | 6    | a little later        | all that S3 says to HEAD of that
"""


@pytest.mark.parametrize("row", cases(REFUSED))
def test_what_aws_refuses_says_what_to_do(row: Row) -> None:
    """Code and words of AWS are kept, once; the exit code says whether the same may do another time."""
    fault = _told(ClientError({"Error": {"Code": row["code"], "Message": row["message"]}}, "Ask"), int(row["exit"]))
    assert f"{row['code']}: {row['message'].rstrip('.')}." in fault
    assert row["remedy"] in fault


UNASKED = [
    pytest.param(of.NoCredentialsError(), 5, "Sign in", id="nobody is signed in"),
    pytest.param(of.PartialCredentialsError(provider="env", cred_var="X"), 5, "Sign in", id="a key without its secret"),
    pytest.param(of.ProfileNotFound(profile="nobody"), 5, "set AWS_PROFILE", id="a profile that there is not"),
    pytest.param(of.NoRegionError(), 5, "AWS_REGION", id="no region"),
    pytest.param(of.InvalidRegionError(region_name="eu west"), 5, "AWS_REGION", id="a region that can be none"),
    pytest.param(of.UnauthorizedSSOTokenError(), 5, "Sign in", id="a single sign-on that ran out"),
    pytest.param(of.ParamValidationError(report="Invalid\n bucket"), 5, "Mend the request", id="no request at all"),
    pytest.param(of.EndpointConnectionError(endpoint_url="https://x"), 6, "network", id="no such host, or no network"),
    pytest.param(of.ReadTimeoutError(endpoint_url="https://x"), 6, "network", id="no answer in time"),
    pytest.param(of.ProxyConnectionError(proxy_url="http://p:1"), 6, "HTTPS_PROXY", id="a proxy that refuses"),
]


@pytest.mark.parametrize(("problem", "code", "remedy"), UNASKED)
def test_what_was_never_asked_says_whose_fault_it_is(problem: Exception, code: int, remedy: str) -> None:
    """What is configured is the operator's to mend; what did not answer may, the next time."""
    fault = _told(problem, code)
    assert remedy in fault
    assert "\n" not in fault


def _told(problem: Exception, code: int) -> str:
    with pytest.raises(RulesError) as refused, told("Bucket b"):
        raise problem
    assert refused.value.exit_code == code
    (fault,) = refused.value.faults
    assert fault.which == "Bucket b"
    return str(fault)
