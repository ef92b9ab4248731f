import pytest

from recsys.errors import RequestError
from recsys.filters import Filters
from serving.filter_query import FilterQuery, filters_of_words


def test_single_words_become_filters():
    words = ["remote=true", "employment=FULL_TIME,INTERN", "pay_least=25", "pay_period=HOUR", "language=en,de-AT"]
    assert filters_of_words(words) == Filters(
        remote=True, employment=("FULL_TIME", "INTERN"), pay_least=25, pay_period="HOUR", language=("en", "de-AT")
    )


def test_what_is_muted_is_parted_by_commas():
    assert filters_of_words(["muted_postings=p 1,p2", "muted_employers=Acme"]) == Filters(
        muted_postings=("p 1", "p2"), muted_employers=("Acme",)
    )


def test_one_json_object_says_everything():
    text = '{"muted_employers": ["Acme"], "extra": {"shift": ["night"]}, "extra_least": {"grade": 3}}'
    assert filters_of_words([text]) == Filters(
        muted_employers=("Acme",), extra={"shift": ("night",)}, extra_least={"grade": 3}
    )


@pytest.mark.parametrize("words", [[], ["pay_period=YEAR"], ["or_remote=false"]])
def test_nothing_asked_is_none(words):
    assert filters_of_words(words) is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["remote"], "'remote' is not NAME=VALUE"),
        (["wage=3"], "--filter wage: no such name; known are latitude, .*, muted_employers$"),
        (
            ["employment=FULL"],
            "--filter employment: allowed are FULL_TIME, PART_TIME, .*, OTHER; several have commas between",
        ),
        (["latitude=3"], "--filter: a place needs latitude, longitude and within_km"),
        (["remot=true"], r"--filter remot: no such name; did you mean remote\?"),
        (["pay-leest=9"], r"--filter pay-leest: no such name; did you mean pay_least\?"),
        (["seniority=boss"], "--filter seniority: allowed are intern, junior, mid, senior, lead, executive; several"),
        (["language=e"], "--filter language: allowed are codes like en or en-US"),
        (['{"remot": true}'], r"--filter remot: no such name; did you mean remote\?"),
        (["pay_least=nan"], "--filter pay_least"),
        (["muted_employers=Acme,,Blue"], "--filter muted_employers: allowed are names, none of them empty"),
        (["muted_postings=" + ",".join("x" * 1001)], "--filter muted_postings: Tuple should have at most 1000"),
        (['{"remote": 1}'], "--filter remote: Input should be a valid boolean"),
        (["{"], "--filter: Invalid JSON"),
    ],
)
def test_what_cannot_be_is_one_error(words, message):
    with pytest.raises(RequestError, match=message):
        filters_of_words(words)


def test_every_single_filter_can_be_said_in_a_query():
    in_bodies = {"extra", "extra_least", "extra_most"}
    assert set(FilterQuery.model_fields) == set(Filters.model_fields) - in_bodies
