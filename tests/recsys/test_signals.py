"""Each signal against a plain computation, posting by posting, in float64."""

import math

import numpy as np
import pytest
from requests_at_random import SKILLS, random_requests
from small_catalogue import DAY, DIMENSION, NOW, ask, make_catalogue, random_board

from recsys.config import RetrieveSettings
from recsys.interests import find_interests
from recsys.queries import VIEWED
from recsys.request import Interaction, Profile, Request
from recsys.signals import COLUMN, FAMILIES, NAMES, SIGNALS, compute

NAN = float("nan")


def signals_of(catalogue, queries, pool):
    return compute(catalogue, queries, find_interests(catalogue, queries, RetrieveSettings()), pool)


def best(values):
    return max(values, default=NAN)


def mean(values):
    return sum(values) / len(values) if values else NAN


def least(values):
    known = [value for value in values if not math.isnan(value)]
    return min(known, default=NAN)


def cosine(one, other):
    """Of two bags of weighted words; NaN where one is empty."""
    lengths = [math.sqrt(sum(weight**2 for weight in bag.values())) for bag in (one, other)]
    if not all(lengths):
        return NAN
    return sum(weight * other.get(code, 0.0) for code, weight in one.items()) / (lengths[0] * lengths[1])


def kilometres(one, other):
    """Great-circle distance of two unit vectors by the angle between them."""
    one, other = (np.asarray(place, np.float64) for place in (one, other))
    return 6371.0088 * 2 * math.asin(min(1.0, float(np.linalg.norm(one - other)) / 2))


class PlainSignals:
    """The definitions of one request, without a line of the code under test."""

    def __init__(self, catalogue, queries, at):
        self.c, self.q, self.at = catalogue, queries, at
        self.history = [int(row) for row in queries.history[at] if row >= 0]
        self.viewed = [int(row) for row in queries.history[at, :VIEWED] if row >= 0]
        self.weight = dict(zip(self.history, queries.weight[at].astype(np.float64).tolist(), strict=False))
        self.wanted = list(queries.wanted[at][queries.wanted_known[at]].astype(np.float64))
        self.past = list(queries.past[at][queries.past_known[at]].astype(np.float64))

    def vector(self, codes, row):
        return codes.codes[row].astype(np.float64) * float(codes.scale[row])

    def texts(self, row):
        c, q, at = self.c, self.q, self.at
        title = self.vector(c.title, row)
        viewed = [float(title @ self.vector(c.title, other)) for other in self.viewed]
        wanted, past = ([float(title @ vector) for vector in group] for group in (self.wanted, self.past))
        found = {
            "title_viewed": best(viewed), "title_viewed_mean": mean(viewed), "title_last": best(viewed[:1]),
            "title_wanted": best(wanted), "title_wanted_mean": mean(wanted), "title_past": best(past),
            "title_past_last": float(title @ q.past[at, 0]) if q.past_known[at, 0] else NAN,
            "title_any": best(viewed + wanted + past), "title_profile": NAN, "text_profile": NAN, "text_viewed": NAN,
        }  # fmt: skip
        found["title_next"] = self.expected(title)
        text = None if c.text is None else self.vector(c.text, row)
        if q.whole_known[at]:
            found["title_profile"] = float(title @ q.whole[at].astype(np.float64))
            if text is not None:
                found["text_profile"] = float(text @ q.whole[at].astype(np.float64))
        if text is not None and self.viewed:
            middle = sum(self.vector(c.text, other) for other in self.viewed)
            found["text_viewed"] = float(text @ middle) / float(np.linalg.norm(middle))
        return found

    def expected(self, title):
        c, q, at = self.c, self.q, self.at
        known = [
            sum((self.weight[one] * self.vector(c.title, one) for one in self.history), np.zeros(len(title))),
            self.vector(c.title, self.history[0]) if self.history else np.zeros(len(title)),
            sum(q.wanted[at].astype(np.float64)),
            sum(q.past[at].astype(np.float64)),
        ]
        known = np.concatenate([one / max(np.linalg.norm(one), 1e-9) for one in known])
        learned = c.behaviour.next_title
        found = known @ learned.inward.astype(np.float64) @ learned.outward
        return float((title - learned.centre) @ found / np.linalg.norm(found)) if found.any() else NAN

    def km(self, row, place):
        if np.isnan(place).any():
            return NAN
        return least([kilometres(own, place) for own in self.c.place[row] if not np.isnan(own).any()])

    def places(self, row, title_any):
        q, at = self.q, self.at
        looked = [self.km(row, self.c.place[other, 0]) for other in self.viewed]
        if all(np.isnan(self.c.place[other, 0]).any() for other in self.viewed) and not np.isnan(q.home[at]).any():
            looked = [self.km(row, q.home[at])]  # all that says where the candidate looks
        home_place = q.worked[at, 0] if np.isnan(q.home[at]).any() else q.home[at]
        home, worked = self.km(row, home_place), [self.km(row, place) for place in q.worked[at]]
        found = {}
        of = {"viewed": least(looked), "last": (looked or [NAN])[0], "home": home, "worked": least(worked)}
        for name, km in of.items():
            found[f"near_{name}_log"] = -math.log(1 + km / 10)
            found[f"near_{name}_20"], found[f"near_{name}_80"] = math.exp(-km / 20), math.exp(-km / 80)
        near = 1 / (1 + least([of["viewed"], home, of["worked"]]) / 10)
        reach = float(q.reach_km[at])
        remote, accepts = int(self.c.attributes.remote[row]), int(q.remote_ok[at])
        return found | {
            "near_any": near,
            "title_near": near * title_any,
            "in_reach": NAN if math.isnan(home) or math.isnan(reach) else float(home <= reach),
            "remote_fit": NAN if remote < 1 or accepts < 0 else float(accepts),
        }

    def behaviour(self, row):
        b = self.c.behaviour
        y = b.factors.postings.astype(np.float64)
        names = ("factors", "factors_score", "factors_new", "cooccur", "popularity")
        found = dict.fromkeys(names, NAN)
        kin = ("title_popularity", "employer_popularity", "place_popularity")
        found |= dict(zip(kin, map(float, b.kin[row]), strict=True))
        chosen = [one for one in self.history if y[one].any()]
        if chosen and y[row].any():
            weights = np.array([b.factors.confidence * self.weight[one] for one in chosen])
            left = b.factors.gram + b.factors.regularisation * np.eye(y.shape[1]) + (y[chosen].T * weights) @ y[chosen]
            mine = np.linalg.solve(left, y[chosen].T @ (1 + weights))
            cosine = float(mine @ y[row] / np.linalg.norm(mine) / np.linalg.norm(y[row]))
            if b.seen[row]:
                found |= {"factors": cosine, "factors_score": float(mine @ y[row])}
            else:
                found["factors_new"] = cosine
        if b.seen[row]:
            found["popularity"] = float(b.popularity[row])
            if self.history:
                found["cooccur"] = math.log(1 + 10 * self.cooccurrence(row))
        for name, neighbours, codes in (
            ("industry_cooccur", b.industries, self.c.attributes.industry),
            ("occupation_cooccur", b.occupations, self.c.attributes.occupation),
        ):
            coded = [one for one in self.history if codes[one] >= 0]
            known = codes[row] >= 0 and coded
            found[name] = math.log(1 + 10 * self.spoken(neighbours, codes, coded, codes[row])) if known else NAN
        return found

    def cooccurrence(self, row):
        return self.spoken(self.c.behaviour.neighbours, np.arange(len(self.c.attributes.posted)), self.history, row)

    def spoken(self, neighbours, codes, history, wanted):
        total = 0.0
        for one in history:
            for place in range(neighbours.start[codes[one]], neighbours.start[codes[one] + 1]):
                if neighbours.rows[place] == wanted:
                    total += float(neighbours.weights[place]) * self.weight[one]
        return total / sum(self.weight[one] for one in history)

    def bag(self, terms, row):
        weights = terms.weights[row] * float(terms.scale[row])
        return {int(code): float(w) for code, w in zip(terms.codes[row], weights, strict=True) if w > 0}

    def asked(self, slot):
        entries = zip(self.q.words[self.at, slot].tolist(), self.q.word_weights[self.at, slot].tolist(), strict=True)
        return {code: weight for code, weight in entries if weight > 0}

    def met(self, terms):
        total = {}
        for one in self.history:
            for code, weight in self.bag(terms, one).items():
                total[code] = total.get(code, 0) + weight * self.weight[one]
        return total

    def words(self, row):
        lexicon = self.c.lexicon
        title = self.bag(lexicon.title, row)
        text = {} if lexicon.text is None else self.bag(lexicon.text, row)
        wanted, past = ([cosine(title, self.asked(slot)) for slot in slots] for slots in (range(4), range(4, 8)))
        return {
            "words_title_wanted": best([one for one in wanted if not math.isnan(one)]),
            "words_title_past": best([one for one in past if not math.isnan(one)]),
            "words_title_viewed": cosine(title, self.met(lexicon.title)),
            "words_text_profile": cosine(text, self.asked(8)),
            "words_text_viewed": cosine(text, self.met(lexicon.text)) if text else NAN,
            "words_skills": self.skills_said(row),
        }

    def skills_said(self, row):
        named, said = [int(s) for s in self.c.attributes.skills[row] if s >= 0], set(self.q.named[self.at].tolist())
        silent = not self.asked(8) and said == {-1}
        return NAN if not named or silent else sum(s in said for s in named) / len(named)

    def attributes(self, row):
        a, q, at = self.c.attributes, self.q, self.at
        found = {}
        for name, codes in (
            ("employer", a.company),
            ("industry", a.industry),
            ("occupation", a.occupation),
            ("region", a.region),
        ):
            known = [one for one in self.viewed if codes[one] >= 0]
            met = sum(self.weight[one] for one in known if codes[one] == codes[row])
            whole = sum(self.weight[one] for one in known)
            found[f"{name}_met"] = met / whole if known and codes[row] >= 0 else NAN
        named, mine = {int(s) for s in a.skills[row] if s >= 0}, {int(s) for s in q.skills[at] if s >= 0}
        slots = [int(s) for s in a.skills[row] if s >= 0]
        found["skills_met"] = sum(s in mine for s in slots) / len(slots) if named and mine else NAN
        found["seniority_gap"] = -abs(float(a.seniority[row]) - float(q.seniority[at]))
        pay, asked = float(a.pay_high[row]), float(q.pay[at])
        unknown = math.isnan(pay) or math.isnan(asked)
        found["pay_fit"] = NAN if unknown else min(1.0, max(-1.0, math.log(pay / asked)))
        age = (float(q.now[at]) - float(a.posted[row])) / DAY
        found["freshness"] = NAN if math.isnan(age) else -math.log(1 + max(age, 0) / 7)
        return found

    def shown(self, row):
        c, q, at = self.c, self.q, self.at
        met = {int(k) & 0xFFFFFFFF: float(n) for k, n in zip(q.shown, q.shown_times, strict=True) if k >> 32 == at}
        against = [int(one) for one in q.dismissed[at] if one >= 0]
        employers = [int(c.attributes.company[one]) for one in against if c.attributes.company[one] >= 0]
        mine = int(c.attributes.company[row])
        title = self.vector(c.title, row)
        return {
            "shown_unanswered": -math.log(1 + met.get(row, 0)) if met else NAN,
            "employer_dismissed": -float(mine in employers) if employers and mine >= 0 else NAN,
            "title_dismissed": -best([float(title @ self.vector(c.title, one)) for one in against]),
        }

    def of(self, row):
        texts = self.texts(row)
        found = texts | self.words(row) | self.places(row, texts["title_any"])
        return found | self.behaviour(row) | self.attributes(row) | self.shown(row)


def board_and_queries(seed, with_text, requests=24):
    rng = np.random.default_rng(seed)
    board = random_board(rng, 160, with_text)
    queries = ask(board, random_requests(rng, board, requests), skills=SKILLS)
    return board, queries, rng.integers(0, 160, (requests, 30)).astype(np.int32)


#: A solve in float32 is the least exact of all.
TOLERANCE = dict.fromkeys(NAMES, 2e-5) | dict.fromkeys(("factors", "factors_score", "factors_new"), 2e-3)


@pytest.mark.parametrize("with_text", [True, False])
def test_every_signal_is_its_definition(with_text):
    board, queries, pool = board_and_queries(1, with_text)
    found = signals_of(board, queries, pool)
    assert found.dtype == np.float32
    assert found.shape == (*pool.shape, len(NAMES))
    expected = np.full(found.shape, np.nan)
    for at in range(len(queries)):
        plain = PlainSignals(board, queries, at)
        for place, row in enumerate(pool[at].tolist()):
            values = plain.of(row)
            assert set(values) == set(NAMES)
            expected[at, place] = [values[name] for name in NAMES]
    for name, column in COLUMN.items():
        known = ~np.isnan(expected[..., column])
        if not (name in ("text_viewed", "text_profile", "words_text_viewed", "words_text_profile") and not with_text):
            assert 0 < known.mean() < 1, f"{name}: the board must hold both evidence and the lack of it"
        np.testing.assert_allclose(
            found[..., column], expected[..., column], atol=TOLERANCE[name], rtol=1e-4, err_msg=name
        )


@pytest.mark.parametrize("with_text", [True, False])
def test_a_batch_equals_single_calls_to_the_bit(with_text):
    board, queries, pool = board_and_queries(2, with_text)
    batch = signals_of(board, queries, pool)
    for at in range(len(queries)):
        single = signals_of(board, queries.part(at, at + 1), pool[at : at + 1])
        np.testing.assert_array_equal(single[0], batch[at])


def test_a_posting_does_not_depend_on_its_place_in_the_pool():
    board, queries, pool = board_and_queries(3, True)
    order = np.random.default_rng(0).permutation(pool.shape[1])
    straight, shuffled = signals_of(board, queries, pool), signals_of(board, queries, pool[:, order])
    np.testing.assert_allclose(shuffled, straight[:, order], atol=1e-5)


def test_of_somebody_of_whom_nothing_is_known_only_the_board_speaks():
    board, _, pool = board_and_queries(4, True)
    found = signals_of(board, ask(board, [Request(None)]), pool[:1])
    speaking = {NAMES[column] for column in np.flatnonzero(~np.isnan(found).all(axis=(0, 1)))}
    assert speaking == {"popularity", "title_popularity", "employer_popularity", "place_popularity", "freshness"}


def test_a_board_of_titles_only_with_nothing_else_said():
    catalogue = make_catalogue(np.eye(DIMENSION, dtype=np.float32)[:4])
    wanted = np.eye(DIMENSION, dtype=np.float32)[2:3]
    history = [Interaction("p0001", time=NOW)]
    found = signals_of(catalogue, ask(catalogue, [Request(None, Profile(wanted=wanted), history)]), np.arange(4)[None])
    speaking = {NAMES[column] for column in np.flatnonzero(~np.isnan(found).all(axis=(0, 1)))}
    assert speaking == {name for name in NAMES if name.startswith("title_")} - {
        "title_past", "title_past_last", "title_near", "title_profile", "title_dismissed", "title_popularity"
    }  # fmt: skip
    np.testing.assert_allclose(found[0, :, COLUMN["title_viewed"]], [0, 1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found[0, :, COLUMN["title_wanted"]], [0, 0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(found[0, :, COLUMN["title_any"]], [0, 1, 1, 0], atol=1e-6)


def test_a_title_that_is_not_there_is_no_evidence():
    titles = np.eye(DIMENSION, dtype=np.float32)[:3]
    titles[2] = 0
    catalogue = make_catalogue(titles)
    queries = ask(catalogue, [Request(None, Profile(wanted=titles[:1]))])
    found = signals_of(catalogue, queries, np.arange(3)[None])[0, :, COLUMN["title_wanted"]]
    np.testing.assert_allclose(found, [1, 0, np.nan], atol=1e-6)


def test_known_places_give_known_kilometres():
    berlin, potsdam, tokyo = (52.52, 13.405), (52.3906, 13.0645), (35.6895, 139.6917)
    nowhere = (np.nan, np.nan)
    catalogue = make_catalogue(np.eye(DIMENSION)[:3], latlon=[[potsdam, tokyo], [tokyo, nowhere], [nowhere, nowhere]])
    queries = ask(catalogue, [Request(None, Profile(home=berlin, reach_km=30))])
    found = signals_of(catalogue, queries, np.arange(3)[None])[0]
    km = 10 * np.expm1(-found[:, COLUMN["near_home_log"]])
    np.testing.assert_allclose(km, [27.2, 8918, np.nan], rtol=5e-3)
    np.testing.assert_array_equal(found[:, COLUMN["in_reach"]], np.float32([1, 0, np.nan]))


def test_padding_leaves_the_rest_alone():
    board, queries, pool = board_and_queries(5, True)
    padded = pool.copy()
    padded[:, 20:] = -1
    np.testing.assert_array_equal(signals_of(board, queries, padded)[:, :20], signals_of(board, queries, pool)[:, :20])


class TestNames:
    def test_each_stands_once_in_a_known_family_with_a_meaning(self):
        assert len(set(NAMES)) == len({signal.meaning for signal in SIGNALS}) == len(SIGNALS)
        assert {family for signal in SIGNALS for family in signal.family.split()} == set(FAMILIES)
        assert all(len(signal.meaning) > 10 for signal in SIGNALS)

    def test_columns_are_the_positions_of_the_names(self):
        assert [NAMES[column] for column in COLUMN.values()] == list(COLUMN) == list(NAMES)
        assert sorted(COLUMN.values()) == list(range(len(NAMES)))


def test_a_home_that_is_all_that_is_known_stands_for_where_one_looked():
    board, _, pool = board_and_queries(4, True)
    looked = int(np.flatnonzero(~np.isnan(board.place[:, 0, 0]))[0])
    home, view = Profile(home=(52.52, 13.405)), Interaction(board.ids.names([looked])[0], "view", NOW - DAY)
    queries = ask(board, [Request(None, home), Request(None, home, [view])])
    alone, both = signals_of(board, queries, np.repeat(pool[:1], 2, axis=0))
    for kernel in ("log", "20", "80"):
        of_home = alone[:, COLUMN[f"near_home_{kernel}"]]
        for name in ("viewed", "last"):
            np.testing.assert_array_equal(alone[:, COLUMN[f"near_{name}_{kernel}"]], of_home)
            assert not np.array_equal(both[:, COLUMN[f"near_{name}_{kernel}"]], of_home, equal_nan=True)
