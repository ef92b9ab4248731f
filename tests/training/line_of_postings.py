"""A board along a line north of one candidate, in which pool and order are known by construction."""

import numpy as np
from small_catalogue import NOW, ask, make_catalogue

from recsys.config import ArrangeSettings, EngineSettings, FactorSettings, RetrieveSettings
from recsys.interests import find_interests
from recsys.rank import single
from recsys.request import Profile, Request
from training.split import Block
from training.validate import Asked

NEAREST = single("near_home_log")
NEAR, FAR = 60, 140  # postings of which the pool holds the first, in the order of their distance
SETTINGS = EngineSettings(
    factors=FactorSettings(dimensions=8),
    retrieve=RetrieveSettings(pool=NEAR, union=NEAR, text=30, near=NEAR, factors=0, cooccur=0, recent=0, popular=0),
    arrange=ArrangeSettings(employer_run=1),
)
EXPIRED = 7


def board(dated=True, **given):
    """Postings 0, 2, 4, ... km north of the candidate, then some at the other end of the earth."""
    likeness = np.repeat([[1.0], [-1.0]], [NEAR, FAR], axis=0)
    title = np.concatenate([likeness, np.zeros((NEAR + FAR, 15))], axis=1)
    north = np.column_stack([45 + np.arange(NEAR) * 2 / 111.2, np.zeros(NEAR)])
    latlon = np.concatenate([north, np.full((FAR, 2), [-30, 170])])[:, None]
    posted = np.full(NEAR + FAR, NOW - 10 * 86_400) if dated else np.full(NEAR + FAR, np.nan)
    until = np.where(np.arange(NEAR + FAR) == EXPIRED, NOW - 60, np.nan)
    return make_catalogue(title, latlon=latlon, posted=posted, until=until, settings=SETTINGS, **given)


def asking(catalogue, answers, settings=SETTINGS):
    """The same candidate asks for each of the answers."""
    wanted = np.eye(1, 16, dtype=np.float32)
    request = Request("c", Profile(wanted=wanted, home=(45.0, 0.0)), now=NOW)
    queries = ask(catalogue, [request] * len(answers), settings=settings)
    number = np.arange(len(answers), dtype=np.int32)
    moment = np.full(len(answers), NOW)
    block = Block(
        known=np.zeros(0, bool),
        opened=NOW,
        closed=NOW,
        candidate=number,
        visible=number.astype(np.int64),
        answer=np.array(answers, np.int32),
        now=moment,
        passed=np.empty((len(answers), 0), np.int32),
        rank=np.full(len(answers), -1, np.int16),
    )
    return Asked(block, catalogue, queries, find_interests(catalogue, queries, settings.retrieve))
