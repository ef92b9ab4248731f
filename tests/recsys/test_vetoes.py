import numpy as np
import pytest
from filter_board import COMPANIES, LANGUAGES, RULES, filter_board
from requests_at_random import random_requests
from small_catalogue import DAY, NOW, ask

from recsys.attributes import EMPLOYMENT
from recsys.geo import distance_km, unit_vectors
from recsys.request import Profile, Request
from recsys.vetoes import vetoed

PLAIN = filter_board()
A = PLAIN.attributes
ROWS = np.arange(len(PLAIN), dtype=np.int32)[None]
HOME = (42.0, 0.5)
SOMEBODY = Request(None, Profile(home=HOME, seniority=1.0, reach_km=60.0, remote_ok=False))


def board(text):
    return filter_board(rules=RULES.model_copy(update={"vetoes": {"one": text}}))


def km(row):
    found = distance_km(PLAIN.place[row], unit_vectors(HOME))
    return np.nan if np.isnan(found).all() else np.nanmin(found)


def word(words, code):
    return None if code < 0 else words[code]


def kinds(row):
    return {name for bit, name in enumerate(EMPLOYMENT) if A.employment[row] >> bit & 1}


#: Conditions, and for which rows they are known to hold for SOMEBODY, said once more in plain Python.
CASES = {
    "posting.seniority >= 4": lambda row: A.seniority[row] >= 4,
    "not posting.seniority >= 4": lambda row: A.seniority[row] < 4,
    "posting.seniority - candidate.seniority > 2 and candidate.seniority < 2": lambda row: A.seniority[row] > 3,
    "posting.seniority > 4 or posting.pay_high < 30000": lambda row: A.seniority[row] > 4 or A.worth_high[row] < 3e4,
    "posting.pay_high / 2 < candidate.pay": lambda row: False,  # nothing is known of the pay wanted
    "not posting.pay_high / 2 < candidate.pay": lambda row: False,
    "posting.remote": lambda row: A.remote[row] == 1,
    "not posting.remote": lambda row: A.remote[row] == 0,
    "not candidate.remote_ok and posting.remote": lambda row: A.remote[row] == 1,
    "posting.km > candidate.reach_km": lambda row: km(row) > 60,
    "not known(posting.pay_low)": lambda row: np.isnan(A.worth_low[row]),
    "posting.language not in ('en', 'de-AT')": lambda row: word(LANGUAGES, A.language[row]) == "fr",
    "posting.company == ' acme'": lambda row: word(COMPANIES, A.company[row]) == "Acme",
    "'Acme' != posting.company": lambda row: word(COMPANIES, A.company[row]) not in ("Acme", None),
    "'INTERN' in posting.employment": lambda row: "INTERN" in kinds(row),
    "'INTERN' not in posting.employment": lambda row: kinds(row) and "INTERN" not in kinds(row),
    "'night' in posting.extra.shift": lambda row: 1 in A.extra_words[row, 0],
    "1 < posting.extra.grade * 2 - 1 <= 7": lambda row: 1 < A.extra_numbers[row, 0] <= 4,
    "posting.age_days > 30": lambda row: (NOW - A.posted[row]) / DAY > 30,
    "posting.permit_needed and candidate.history == 0": lambda row: A.permit[row] == 1,
    "True": lambda row: True,
}


@pytest.mark.parametrize("text", CASES)
def test_a_veto_holds_where_it_is_known_to(text):
    catalogue = board(text)
    found = vetoed(catalogue, ask(catalogue, [SOMEBODY]), ROWS)[0]
    assert found.tolist() == [bool(CASES[text](row)) for row in range(len(PLAIN))]


def test_vetoes_add_up_and_a_batch_equals_single_calls():
    rules = RULES.model_copy(update={"vetoes": {"far": "posting.km > 100", "high": "posting.seniority > 4"}})
    catalogue = filter_board(rules=rules)
    queries = ask(catalogue, random_requests(np.random.default_rng(2), catalogue, 12))
    pool = np.random.default_rng(3).integers(0, len(catalogue), (12, 50)).astype(np.int32)
    both = vetoed(catalogue, queries, pool)
    apart = [vetoed(board(text), queries, pool) for text in rules.vetoes.values()]
    np.testing.assert_array_equal(both, apart[0] | apart[1])
    assert both.any()
    for at in range(12):
        np.testing.assert_array_equal(vetoed(catalogue, queries.part(at, at + 1), pool[at : at + 1])[0], both[at])


def test_without_vetoes_nothing_is_barred():
    assert not vetoed(PLAIN, ask(PLAIN, [SOMEBODY]), ROWS).any()
