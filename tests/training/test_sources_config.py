"""The ``sources:`` section: short forms, and what it refuses."""

import pytest
import yaml
from pydantic import ValidationError

from training.sources import SourcesConfig

IDS = "posting_id: Id, title: T"


def parse(text: str) -> SourcesConfig:
    return SourcesConfig(**yaml.safe_load(text))


def test_short_and_long_forms_are_the_same():
    short = parse(
        f"tables: {{postings: {{path: a.csv, columns: {{{IDS}, city: {{column: C, convert: {{place: city}}}}}}}}}}"
    )
    long = parse(
        "tables: {postings: [{path: [a.csv], columns: {posting_id: {column: Id}, title: {column: T}, "
        "city: {column: C, convert: [{place: city}]}}}]}"
    )
    assert short == long
    assert short.max_rejected_share == 0.1


def test_numbers_in_yaml_are_texts_in_the_file():
    step = "{column: J, convert: {map: {1: FULL_TIME, 2: null}}}"
    source = parse(
        f"tables: {{postings: {{path: a, na_values: ['', -1], columns: {{{IDS}, employment_type: {step}}}}}}}"
    )
    [posting] = source.tables.postings
    assert posting.na_values == {"", "-1"}
    assert posting.columns["employment_type"].convert[0].map == {"1": "FULL_TIME", "2": None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{table: {}}", "Extra inputs"),
        ("{tables: {jobs: {path: a.csv}}}", "Extra inputs"),
        ("{tables: {postings: {path: a.csv, column: {}}}}", "Extra inputs"),
        (
            "{tables: {postings: {path: a.csv, columns: {posting_id: I, salary: S}}}}",
            "no column salary; its columns are",
        ),
        ("{tables: {postings: {path: a.csv, columns: {title: T}}}}", "must map posting_id"),
        ("{tables: {events: {path: a.csv, columns: {candidate_id: c, posting_id: p}}}}", "must map type"),
        ("{tables: {postings: {path: /etc/passwd}}}", "stay inside"),
        ("{tables: {postings: {path: ../a.csv}}}", "stay inside"),
        ("{tables: {postings: {path: []}}}", "give either path"),
        ("{tables: {postings: {path: a.csv, encoding: klingon}}}", "not one that Python knows"),
        ("{tables: {postings: {path: a.csv, columns: {posting_id: {column: a, constant: b}}}}}", "exactly one"),
        ("{tables: {postings: {path: a.csv, columns: {posting_id: {convert: {split: x}}}}}}", "exactly one"),
        ("{tables: {postings: {path: a.csv, columns: {posting_id: {column: a, convert: {extract: '('}}}}}}", "regular"),
        ("{tables: {postings: {path: a, columns: {posting_id: {column: a, convert: {dates: ['%Y']}}}}}}", "is no time"),
        (
            "{tables: {postings: {path: a, columns: {posting_id: {column: a, convert: {split: a, remove: b}}}}}}",
            "exactly",
        ),
        ("{max_rejected_share: 2}", "less than or equal to 1"),
    ],
)
def test_refused(text, message):
    with pytest.raises(ValidationError, match=message):
        parse(text)


def test_it_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        SourcesConfig().max_rejected_share = 0.5
