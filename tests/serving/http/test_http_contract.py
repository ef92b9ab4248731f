"""The published schema is kept: schemathesis asks whatever it allows and much that it does not."""

import json

import pytest
import schemathesis
from asked import served
from hypothesis import HealthCheck, Phase, settings
from memory_service import MemoryService, bearer
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi

from serving.http.app import create_app
from serving.http.settings import HttpSettings

SCHEMA = schemathesis.openapi.from_dict(create_app(MemoryService(None), HttpSettings()).openapi())
CHECKS = [
    checks.not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
    openapi.negative_data_rejection,
    openapi.unsupported_method,
    openapi.ignored_auth,
]
FEW, MANY = 15, 300


@pytest.fixture(scope="module")
def url(scorer):
    with served(create_app(MemoryService(scorer), HttpSettings())) as port:
        yield f"http://127.0.0.1:{port}"


@schemathesis.serializer("application/x-ndjson")
def lines(_, value):
    items = value if isinstance(value, list) else [value]
    return b"\n".join(json.dumps(one).encode() for one in items)


def keep_the_contract(case, url):
    answer = case.call(base_url=url, headers=bearer("rw"))
    # A position that the log has not reached is answered 503 by contract; nothing else is.
    waited = answer.status_code == 503 and answer.json().get("type") == "urn:jobrec:problem:behind"
    # A bad line of a bulk is answered in its place, with 200 for the whole.
    in_place = openapi.negative_data_rejection if case.path.endswith("/bulk") else None
    wanted = [one for one in CHECKS if one is not (checks.not_a_server_error if waited else in_place)]
    case.validate_response(answer, checks=wanted, headers=bearer("rw"))
    print("STATUS", case.operation.label, answer.status_code)


def examples(count):
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


@SCHEMA.parametrize()
@examples(FEW)
def test_the_contract_is_kept(case, url):
    keep_the_contract(case, url)


@pytest.mark.long
@SCHEMA.parametrize()
@examples(MANY)
def test_the_contract_is_kept_at_length(case, url):
    keep_the_contract(case, url)
