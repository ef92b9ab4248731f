"""The published schema is kept: schemathesis asks the whole service whatever it allows and much that it does not."""

import json
from collections import Counter

import pytest
import schemathesis
from asked import served
from hypothesis import HealthCheck, Phase, settings
from in_process import InProcess
from memory_service import MemoryService, bearer
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi

from serving.http.app import create_app
from serving.http.settings import HttpSettings
from serving.http.wire import server_options

PUBLISHED = create_app(MemoryService(None), HttpSettings()).openapi()
BRIEFLY = schemathesis.openapi.from_dict(PUBLISHED)
BRIEFLY.config.phases.update(phases=["fuzzing"])
AT_LENGTH = schemathesis.openapi.from_dict(PUBLISHED)  # with every edge case that the schema defines
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
FEW, MANY = 12, 200
for one in (BRIEFLY, AT_LENGTH):  # what is too long is refused before anybody looks whether it is right
    rejection = one.config.checks.negative_data_rejection
    rejection.expected_statuses = [*rejection.expected_statuses, "413", "414", "431"]


ASKED = Counter()


@pytest.fixture(scope="module")
def url(live_market, tmp_path_factory):
    whole, settings = InProcess(tmp_path_factory.mktemp("whole"), live_market.bundle), HttpSettings()
    with served(create_app(whole.service, settings), **server_options(settings)) as port:
        yield f"http://127.0.0.1:{port}"
    print(sum(ASKED.values()), "requests", dict(ASKED), whole.service.readiness())
    whole.close()


@schemathesis.serializer("application/x-ndjson")
def lines(_, value):
    items = value if isinstance(value, list) else [value]
    return b"\n".join(json.dumps(one).encode() for one in items)


def keep_the_contract(case, url):
    answer = case.call(base_url=url, headers=bearer("rw"))
    ASKED[answer.status_code] += 1
    # A position that the log has not reached is answered 503 by contract; nothing else is.
    waited = answer.status_code == 503 and answer.json().get("type") == "urn:jobrec:problem:behind"
    # A bad line of a bulk is answered in its place, with 200 for the whole.
    in_place = openapi.negative_data_rejection if case.path.endswith("/bulk") else None
    wanted = [one for one in CHECKS if one is not (checks.not_a_server_error if waited else in_place)]
    case.validate_response(answer, checks=wanted, headers=bearer("rw"))


def examples(count):
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


@BRIEFLY.parametrize()
@examples(FEW)
def test_the_contract_is_kept(case, url):
    keep_the_contract(case, url)


@pytest.mark.long
@AT_LENGTH.parametrize()
@examples(MANY)
def test_the_contract_is_kept_at_length(case, url):
    keep_the_contract(case, url)


def test_every_operation_states_its_answers():
    operations = [one for path in PUBLISHED["paths"].values() for one in path.values()]
    assert len(operations) == 33
    for one in operations:
        statuses = set(one["responses"])
        assert {"200", "414", "422", "431"} <= statuses
        if one["security"]:
            assert {"401", "403", "429"} <= statuses
        if "requestBody" in one:
            assert {"408", "413", "415"} <= statuses


def test_limits_stand_in_the_schema():
    schemas = PUBLISHED["components"]["schemas"]
    posting = schemas["Posting"]["properties"]
    assert posting["title"] == {"type": "string", "minLength": 1, "maxLength": 500} | {
        "title": "Title",
        "pattern": posting["title"]["pattern"],
    }
    for name, model in schemas.items():
        if name.endswith(("Answer", "Line", "Fault", "Document", "Outcome")) or name == "JsonValue":
            continue
        assert model["additionalProperties"] is False, name
        for key, one in model["properties"].items():
            for kind in one.get("anyOf", [one]):
                bounded = {"string": "maxLength", "array": "maxItems", "number": "maximum", "integer": "maximum"}
                limit = bounded.get(kind.get("type"))
                free = limit is None or "enum" in kind or "const" in kind or kind.get("format") in ("date", "date-time")
                assert free or limit in kind, f"{name}.{key} has no limit"
