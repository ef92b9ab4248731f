"""Evidence that is named has to be what the score rests on: taken away, the posting's lead over its pool is smaller."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from recsys.evidence import EVIDENCE, KINDS, owners
from recsys.interests import find_interests
from recsys.queries import PAST, WANTED
from recsys.signals import COLUMN, NAMES, compute

NOT_KNOWN = np.float32(np.nan)


def forget_posting(queries, row):
    """The history without one posting."""
    kept = np.argsort(queries.history[0] == row, kind="stable")
    fills = {"history": -1, "weight": 0, "time": np.nan, "deed": 0}
    short = {name: getattr(queries, name)[:, kept] for name in fills}
    for name, fill in fills.items():
        short[name][short["history"] == row if name == "history" else queries.history[:, kept] == row] = fill
    return replace(queries, **short)


def forget_texts(queries, at, to, **known):
    """The profile without some of its texts."""
    weights = queries.word_weights.copy()
    weights[:, at:to] = 0
    return replace(queries, word_weights=weights, **known)


def without(queries, kind, row):
    """The same request without the evidence that a reason names; None: it cannot be taken away alone."""
    q = queries
    nothing = {name: np.zeros_like(getattr(q, name)) for name in ("wanted_known", "past_known", "whole_known")}
    return {
        "viewed": lambda: forget_posting(q, row),
        "wanted": lambda: forget_texts(q, 0, WANTED, wanted_known=nothing["wanted_known"]),
        "past": lambda: forget_texts(q, WANTED, WANTED + PAST, past_known=nothing["past_known"]),
        "profile": lambda: replace(q, whole_known=nothing["whole_known"], whole=np.zeros_like(q.whole)),
        "words": lambda: forget_texts(q, WANTED + PAST, WANTED + PAST + 1),
        "home": lambda: replace(q, home=np.full_like(q.home, NOT_KNOWN)),
        "worked": lambda: replace(q, worked=np.full_like(q.worked, NOT_KNOWN)),
        "remote": lambda: replace(q, remote_ok=np.full_like(q.remote_ok, -1)),
        "level": lambda: replace(q, seniority=np.full_like(q.seniority, NOT_KNOWN)),
        "pay": lambda: replace(q, pay=np.full_like(q.pay, NOT_KNOWN)),
        "skills": lambda: replace(q, skills=np.full_like(q.skills, -1)),
        "asks": lambda: replace(q, named=np.full_like(q.named, -1)),
    }.get(kind, lambda: None)()


def lead(engine, queries, pool, place):
    """By how much a posting of the pool is better than their mean."""
    interests = find_interests(engine.catalogue, queries, engine.settings.retrieve)
    scores = engine.ranker.score(compute(engine.catalogue, queries, interests, pool))[0]
    return float(scores[place] - scores[pool[0] >= 0].mean())


def alone(queries, history):
    """The same request with its profile alone, or with the last posting of its history and no place besides."""
    kept = slice(0, 1) if history else slice(0, 0)
    fills = {"history": -1, "weight": 0, "time": np.nan, "deed": 0}
    short = {name: np.full_like(getattr(queries, name), fill) for name, fill in fills.items()}
    for name in fills:
        short[name][:, kept] = getattr(queries, name)[:, kept]
    if history:
        short["home"] = np.full_like(queries.home, NOT_KNOWN)
    return replace(queries, worked=np.full_like(queries.worked, NOT_KNOWN), **short)


@pytest.mark.parametrize("history", [False, True])
def test_without_the_evidence_that_is_named_the_lead_is_smaller(scorer, history):
    """Of requests of which no two things say the same, such as a home and postings viewed near it.

    Not always: where one likeness goes, what was learned of those without it may come in its place.
    """
    engine, told, wrong = scorer.engine, Counter(), Counter()
    for at in range(0, len(scorer.candidates), 5):
        queries = alone(scorer.candidates.queries(np.array([at]), scorer.as_of, engine.settings.events), history)
        pool = engine.pool(queries, find_interests(engine.catalogue, queries, engine.settings.retrieve), 5).rows
        lists = engine.answer(queries, 5, explain=True)
        for row, keys in zip(lists.rows[0].tolist(), lists.reasons.keys[0].tolist(), strict=True):
            place = int(np.flatnonzero(pool[0] == row)[0])
            for key in (one for one in keys if one >= 0):
                kind = list(EVIDENCE)[key >> 56]
                changed = without(queries, kind, key & 0xFFFFFFFF)
                if changed is not None:
                    told[kind] += 1
                    wrong[kind] += lead(engine, changed, pool, place) >= lead(engine, queries, pool, place)
    assert told.total() >= 30, "too little was named to say anything"
    assert wrong.total() <= 0.05 * told.total(), (told, wrong)


def test_a_joint_signal_speaks_of_what_made_it():
    signals = np.full((1, 3, len(NAMES)), np.nan, np.float32)
    signals[0, 0, [COLUMN["title_viewed"], COLUMN["title_past"]]] = 0.9, 0.2
    signals[0, 1, COLUMN["title_past"]] = 0.2
    signals[0, :2, COLUMN["near_home_log"]] = -0.3
    owner = owners(signals, np.array([False]))[0]
    assert [owner[at, COLUMN["title_any"]] for at in range(3)] == [KINDS["viewed"], KINDS["past"], -1]
    assert owner[:, COLUMN["near_any"]].tolist() == [KINDS["home"], KINDS["home"], -1]
    guessed = owners(signals, np.array([True]))[0]
    assert guessed[:, COLUMN["near_any"]].tolist() == [KINDS["worked"], KINDS["worked"], -1]
    assert guessed[0, COLUMN["near_home_20"]] == KINDS["worked"]


def test_where_only_a_home_is_known_what_stands_for_looking_speaks_of_home():
    signals = np.full((2, 1, len(NAMES)), np.nan, np.float32)
    for name in ("near_viewed_log", "near_home_log", "near_last_80", "near_any"):
        signals[..., COLUMN[name]] = -1
    owner = owners(signals, np.array([False, False]), np.array([True, False]))
    for name in ("near_viewed_log", "near_last_80", "near_any"):
        assert owner[:, 0, COLUMN[name]].tolist() == [KINDS["home"], KINDS["looked"]]
