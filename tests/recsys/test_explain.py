"""Boards on which only one thing sets a posting apart, so that it is known what the reason must be."""

from dataclasses import replace

import numpy as np
import pytest
from requests_at_random import SKILLS, random_requests
from small_catalogue import (
    DAY,
    DIMENSION,
    NOW,
    ask,
    make_catalogue,
    make_lexicon,
    random_board,
    random_linear,
)

from recsys.arrange import Order, arrange
from recsys.config import ArrangeSettings, RetrieveSettings
from recsys.evidence import EVIDENCE
from recsys.explain import REASONS, Explainer, Reasons
from recsys.interests import find_interests
from recsys.rank import HAND_SET, LinearRanker, blend
from recsys.request import Interaction, Profile, Request
from recsys.signals import COLUMN, NAMES, compute
from recsys.signals_behaviour import KIN

BERLIN, POTSDAM, TOKYO = (52.52, 13.405), (52.3906, 13.0645), (35.6895, 139.6917)
AXES = np.eye(DIMENSION, dtype=np.float32)


class Column(list):
    """A column of texts, read as the bundle's are."""

    def take(self, rows):
        return [self[row] for row in rows]


def explained(board, requests, ranker=HAND_SET, pool=None, k=10):
    """Reasons of the lists that the ranker makes of a pool, and the lists."""
    queries = ask(board, requests, skills=SKILLS)
    count = len(board)
    pool = np.tile(np.arange(count, dtype=np.int32), (len(requests), 1)) if pool is None else pool
    signals = compute(board, queries, find_interests(board, queries, RetrieveSettings()), pool)
    company = board.attributes.company[np.maximum(pool, 0)]
    order = arrange(ranker.score(signals), pool >= 0, None, company, ArrangeSettings(employer_run=0), k)
    rows = order.of(pool, -1)
    texts = (Column(f"{kind} {row}" for row in range(count)) for kind in ("Title", "Company"))
    return Explainer(*texts).reasons(board, ranker, queries, signals, order, pool), rows, signals, order


def why(board, request, row, ranker=HAND_SET):
    """The reasons of one posting."""
    reasons, rows, _, _ = explained(board, [request], ranker, k=len(board))
    return reasons.words(0)[rows[0].tolist().index(row)]


def alike(count=5, **given):
    """A board of one title; postings differ only in what is given."""
    return make_catalogue(np.tile(AXES[0], (count, 1)), **given)


class TestWhatDecides:
    def test_the_place_from_home(self):
        board = alike(latlon=[[POTSDAM], *[[TOKYO]] * 4])
        request = Request(None, Profile(home=BERLIN, wanted=AXES[:1]))
        assert why(board, request, 0) == ("27 km from home",)
        assert why(board, request, 1) == ()

    def test_a_place_in_the_same_town(self):
        board = alike(latlon=[[BERLIN], *[[TOKYO]] * 4])
        assert why(board, Request(None, Profile(home=BERLIN, wanted=AXES[:1])), 0) == ("in the place where you live",)

    def test_the_place_of_past_work(self):
        board = alike(latlon=[[TOKYO], [POTSDAM], *[[TOKYO]] * 3])
        request = Request(None, Profile(home=(0.0, 0.0), worked=[BERLIN]))
        assert why(board, request, 1) == ("27 km from where you worked",)

    def test_where_no_home_is_known_none_is_spoken_of(self):
        board = alike(latlon=[[TOKYO], [POTSDAM], *[[TOKYO]] * 3])
        ranker = blend({"near_home_80": 1.0, "near_worked_80": 0.5})
        found = why(board, Request(None, Profile(worked=[BERLIN])), 1, ranker)
        assert found == ("27 km from where you worked",)

    def test_the_place_of_what_was_viewed(self):
        board = alike(latlon=[[POTSDAM], *[[TOKYO]] * 3, [BERLIN]])
        ranker = blend({"near_any": 1.0})
        assert why(board, Request(None, history=[Interaction("p0004")]), 0, ranker) == ("27 km from where you looked",)

    def test_a_title_in_the_history_and_it_is_the_right_one(self):
        board = make_catalogue(AXES[[0, 0, 1, 2, 3]])
        request = Request(None, history=[Interaction("p0003", time=NOW), Interaction("p0001", time=NOW - DAY)])
        assert why(board, request, 0) == ("like “Title 1”, which you looked at",)

    def test_a_wanted_title_and_a_title_held(self):
        board = make_catalogue(AXES[:5])
        request = Request(None, Profile(wanted=AXES[1:2], past=AXES[3:4]))
        assert why(board, request, 1) == ("close to a title you want",)
        assert why(board, request, 3) == ("close to work you have done",)

    def test_the_profile_as_a_whole(self):
        assert why(make_catalogue(AXES[:5]), Request(None, Profile(whole=AXES[4])), 4) == (
            "fits your profile as a whole",
        )

    def test_skills_in_per_cent(self):
        board = alike(skills=[[1, 2, 3], *[[7, 8, 9]] * 4])
        request = Request(None, Profile(skills=["skill 1", "skill 3"]))
        assert why(board, request, 0) == ("you bring 67 % of the skills it names",)

    def test_words_that_both_texts_have(self):
        texts = ["We use Kafka and SQL in 2024", "Cook", "SQL", "Care", "Drive"]
        board = alike(lexicon=make_lexicon(["Work"] * 5, texts))
        request = Request(None, Profile(text="Kafka, SQL; since 2024"))
        assert why(board, request, 0) == ("speaks of kafka and sql, both in your profile",)
        assert why(board, request, 2) == ("speaks of sql, which is in your profile",)
        assert why(board, request, 3) == ()

    def test_numbers_alone_are_not_spoken_of(self):
        board = alike(lexicon=make_lexicon(["Work"] * 5, ["Nurse 2024", "Cook", "Drive", "Care", "Sing"]))
        assert why(board, Request(None, Profile(text="Since 2024")), 0) == ()

    def test_skills_that_stand_in_a_cv(self):
        lexicon = make_lexicon(["Work"] * 5, None, ["node.js", "sql", "machine learning", "triage"])
        board = alike(lexicon=lexicon, skills=[[3, 2, 0], [1, 3, -1], *[[3, -1, -1]] * 3])
        ranker = blend({"words_skills": 1.0})
        request = Request(None, Profile(text="Machine learning with SQL, some Node.js"))
        assert why(board, request, 0, ranker) == ("asks for machine learning and node.js, both in your profile",)
        assert why(board, request, 1, ranker) == ("asks for sql, which is in your profile",)
        assert why(board, request, 2, ranker) == ()

    def test_days_since_posted(self):
        board = alike(posted=NOW - DAY * np.array([3, 90, 90, 90, 90]))
        assert why(board, Request(None), 0) == ("posted 3 days ago",)

    def test_popularity(self):
        board = alike(events=[(who, 2, 1.0) for who in range(9)] + [(9, row, 1.0) for row in range(5)])
        assert why(board, Request(None), 2) == ("much asked for now",)

    def test_the_employer_by_name(self):
        board = alike(company=[4, 4, 5, 6, 7])
        request = Request(None, history=[Interaction("p0001")])
        assert why(board, request, 0, blend({"employer_met": 1.0})) == ("at Company 0, as others in your history",)

    def test_others_who_chose_the_same(self):
        board = alike(
            events=[(who, row, 1.0) for who in range(4) for row in (0, 1)] + [(9, row, 1.0) for row in (2, 3, 4)]
        )
        request = Request(None, history=[Interaction("p0000")])
        assert why(board, request, 1, blend({"cooccur": 1.0})) == ("chosen by people who chose what you chose",)

    def test_level_pay_and_remote_work(self):
        request = Request(None, Profile(seniority=3, pay=50_000, remote_ok=True))
        levels = alike(seniority=[3, 0, 0, 0, 0])
        pays = alike(pay_high=[60_000, *[30_000] * 4])
        remote = alike(remote=[1, 0, 0, 0, 0])
        assert why(levels, request, 0) == ("at your level",)
        assert why(pays, request, 0) == ("pays what you ask",)
        assert why(remote, request, 0) == ("the place of work suits you",)


class TestWhatIsNotKnownIsNotNamed:
    """A missing signal may add to a score, since the others' is worse; it must not be put into words."""

    def test_a_posting_without_a_level_is_not_at_your_level(self):
        board = alike(seniority=[np.nan, 0, 0, 0, 0])
        assert "at your level" not in why(board, Request(None, Profile(seniority=4)), 0)

    def test_a_posting_without_a_date_was_not_posted_today(self):
        board = alike(posted=NOW - DAY * np.array([np.nan, 50, 60, 70, 80]))
        assert why(board, Request(None), 0) == ()

    def test_a_posting_without_a_place_is_not_at_home(self):
        board = alike(latlon=[[(np.nan, np.nan)], *[[TOKYO]] * 4])
        zeros = np.zeros(len(NAMES), np.float32)
        missing = zeros.copy()
        missing[COLUMN["near_home_log"]] = 2.0
        learned = LinearRanker("linear", zeros, zeros, missing)
        assert why(board, Request(None, Profile(home=BERLIN)), 0, learned) == ()

    def test_pay_below_what_is_asked_is_not_what_you_ask(self):
        board = alike(pay_high=[40_000, *[20_000] * 4])
        assert "pays what you ask" not in why(board, Request(None, Profile(pay=60_000)), 0)

    def test_what_nobody_chose_is_not_much_asked_for_though_its_employer_is(self):
        board = alike(company=[4, 4, 5, 6, 7], events=[(who, 1, 1.0) for who in range(9)])
        kin = np.full((5, len(KIN)), np.nan, np.float32)
        kin[:, KIN.index("employer_popularity")] = [2.3, 0, 0, 0, 0]
        board = replace(board, behaviour=replace(board.behaviour, kin=kin))
        by_employer = blend({"popularity": 1.0, "employer_popularity": 1.0})
        assert why(board, Request(None), 0, by_employer) == ()
        assert why(board, Request(None), 1, by_employer) == ("much asked for now",)

    @pytest.mark.parametrize("cosine", [0.5, 0.7])
    def test_the_least_unlike_of_a_pool_is_like_only_where_it_is(self, cosine):
        title = cosine * AXES[0] + np.float32(np.sqrt(1 - cosine**2)) * AXES[1]
        board = make_catalogue(np.stack([title, *AXES[2:6]]))
        asked = {
            "close to a title you want": (Profile(wanted=AXES[:1]), "title_wanted"),
            "close to work you have done": (Profile(past=AXES[:1]), "title_past"),
        }
        for words, (profile, signal) in asked.items():
            assert why(board, Request(None, profile), 0, blend({signal: 1.0})) == ((words,) if cosine > 0.6 else ())

    @pytest.mark.parametrize("cosine", [0.1, 0.4])
    def test_the_least_unfit_of_a_pool_fits_only_where_it_does(self, cosine):
        whole = cosine * AXES[0] + np.float32(np.sqrt(1 - cosine**2)) * AXES[5]
        found = why(make_catalogue(AXES[:5]), Request(None, Profile(whole=whole)), 0, blend({"title_profile": 1.0}))
        assert found == (("fits your profile as a whole",) if cosine > 0.3 else ())

    @pytest.mark.parametrize("seed", range(3))
    def test_on_any_board_with_any_weights(self, seed):
        rng = np.random.default_rng(seed)
        board = random_board(rng, 80)
        requests = random_requests(rng, board, 16)
        reasons, rows, signals, order = explained(board, requests, random_linear(rng))
        chosen = np.take_along_axis(signals, np.maximum(order.at, 0)[..., None], 1)
        known = np.stack(
            [~np.isnan(chosen[..., [COLUMN[s] for s in names]]).all(axis=2) for names in EVIDENCE.values()], 2
        )
        named = reasons.keys >= 0
        kind = np.where(named, reasons.keys >> 56, 0)
        assert np.take_along_axis(known, kind, 2)[named].all()


class TestForm:
    def made(self, seed=0, requests=12, count=80):
        rng = np.random.default_rng(seed)
        board = random_board(rng, count)
        return board, random_requests(rng, board, requests), rng

    def test_at_most_three_and_none_twice(self):
        board, requests, _ = self.made()
        reasons, rows, _, _ = explained(board, requests)
        assert reasons.keys.shape == (*rows.shape, REASONS)
        lines = [line for at in range(len(requests)) for line in reasons.words(at)]
        assert max(map(len, lines)) == REASONS
        assert all(len(set(line)) == len(line) for line in lines)

    def test_joined_is_the_words_joined(self):
        board, requests, _ = self.made(1)
        reasons, rows, _, _ = explained(board, requests)
        assert reasons.joined().tolist() == [["; ".join(line) for line in reasons.words(at)] for at in range(len(rows))]

    def test_a_batch_equals_single_calls(self):
        board, requests, _ = self.made(2)
        batch, _, _, _ = explained(board, requests)
        for at, request in enumerate(requests):
            assert explained(board, [request])[0].words(0) == batch.words(at)

    def test_padding_has_no_reasons_and_no_say_in_those_of_others(self):
        board, requests, rng = self.made(3)
        pool = np.sort(np.array([rng.permutation(80)[:12] for _ in requests]), axis=1).astype(np.int32)
        padded = np.pad(pool, ((0, 0), (0, 30)), constant_values=-1)
        expected, _, _, _ = explained(board, requests, pool=pool, k=12)
        found, rows, _, _ = explained(board, requests, pool=padded, k=20)
        assert (found.keys[rows < 0] == -1).all()
        for at in range(len(requests)):
            assert found.words(at)[:12] == expected.words(at)

    def test_parts_are_joined_as_one_even_where_their_lists_differ_in_length(self):
        board, requests, _ = self.made(4)
        short, _, _, _ = explained(board, requests[:5], k=4)
        long, _, _, _ = explained(board, requests[5:], k=9)
        whole = Reasons.join([short, long], 9)
        assert whole.keys.shape == (12, 9, REASONS)
        assert [whole.words(at)[:4] for at in range(5)] == [short.words(at) for at in range(5)]
        assert [whole.words(5 + at) for at in range(7)] == [long.words(at) for at in range(7)]

    def test_the_evidence_named_first_is_what_adds_most_beyond_an_average_posting(self):
        board = make_catalogue(AXES[[0, 1, 2, 3, 4]], posted=NOW - DAY * np.array([2, 90, 90, 90, 90]))
        request = Request(None, Profile(wanted=AXES[:1]))
        text, fresh = "close to a title you want", "posted 2 days ago"
        assert why(board, request, 0, blend({"title_wanted": 9.0, "freshness": 1.0})) == (text, fresh)
        assert why(board, request, 0, blend({"title_wanted": 1.0, "freshness": 9.0}))[0] == fresh

    def test_an_empty_list(self):
        board, requests, _ = self.made(5, requests=2)
        queries = ask(board, requests)
        nothing = np.full((2, 3), -1, np.int32)
        signals = compute(board, queries, find_interests(board, queries, RetrieveSettings()), nothing)
        texts = Column("x" for _ in range(80))
        reasons = Explainer(texts, texts).reasons(board, HAND_SET, queries, signals, Order(nothing), nothing)
        assert reasons.words(0) == [(), (), ()]
        assert reasons.joined().tolist() == [["", "", ""]] * 2

    def test_every_signal_speaks_for_at_most_one_kind_of_evidence(self):
        named = [name for names in EVIDENCE.values() for name in names]
        assert len(set(named)) == len(named)
        made_of_others = {"title_any", "near_any", "title_near"}
        speak_against = {"shown_unanswered", "employer_dismissed", "title_dismissed"}
        assert set(NAMES) - set(named) == made_of_others | speak_against | {
            "region_met"
        }  # a region is no reason to name
