import numpy as np
import pytest
from requests_at_random import random_requests
from small_catalogue import DAY, NOW, ask, clustered, make_catalogue, make_lexicon, random_board, unit

from recsys import wordlists
from recsys.bywords import asked_words, by_words
from recsys.config import RetrieveSettings
from recsys.interests import find_interests
from recsys.nearby import cells_around
from recsys.pool import SOURCES
from recsys.request import Interaction, Profile, Request
from recsys.retrieve import retrieve
from recsys.wordlists import IMPACT

BERLIN, TOKYO = (52.52, 13.405), (35.6895, 139.6917)
WIDE = RetrieveSettings(words=40, query_words=64, words_everywhere=64, word_blocks=400, word_postings=120, cells=400)


def found_by(board, queries, settings=WIDE, scale=1):
    interests = find_interests(board, queries, settings)
    return by_words(board, queries, cells_around(board, interests.places, settings.cells), settings, scale)


def shared(board, queries, at):
    """For one request what every posting shares with it, in the levels of the source: int (P,)."""
    codes, weights = asked_words(board, queries, 64)
    terms = board.lexicon.title if board.lexicon.text is None else board.lexicon.text
    theirs, impact = terms.at(np.arange(len(board)))
    impact = np.rint(impact * IMPACT)
    total = np.zeros(len(board))
    for code, weight in zip(codes[at], weights[at], strict=True):
        if code:
            total += weight * np.where(theirs == code, impact, 0).sum(axis=1)
    weeks = np.maximum(queries.now[at] - board.attributes.posted, 0) / (7 * DAY)
    fresh = -np.log1p(np.nan_to_num(weeks)) / 15  # the day is not known for some
    return np.rint((total + IMPACT * (0.5 + fresh)) * 4).astype(int), total > 0


def in_order(rows, level, quota):
    rows = np.unique(rows)
    return rows[np.lexsort((rows, -level[rows]))][:quota].tolist()


@pytest.mark.parametrize("with_text", [True, False])
def test_each_zone_brings_what_shares_most_of_all_its_postings(monkeypatch, with_text):
    monkeypatch.setattr(wordlists, "_BLOCK", 60)
    rng = np.random.default_rng(0)
    board = random_board(rng, 500, with_text=with_text)
    queries = ask(board, random_requests(rng, board, 24))
    interests = find_interests(board, queries, WIDE)
    around = cells_around(board, interests.places, WIDE.cells)
    found = by_words(board, queries, around, WIDE, 1)
    lists, anywhere, checked = board.words, len(board.grid.counts), 0
    for at in range(len(queries)):
        level, shares = shared(board, queries, at)
        known = max(1, int((around[at, :, 0] >= 0).sum()))
        close = set()
        for cells in around[at]:
            cells = cells[cells >= 0]
            counts = board.grid.counts[cells]
            close |= set(cells[np.cumsum(counts) - counts < WIDE.word_postings / known].tolist())
        if (around[at] < 0).all():
            close = set(range(anywhere))
        zone = np.where(np.isin(lists.cell, list(close)), 0, np.where(lists.cell == anywhere, 2, 1))
        for number, (quota, columns) in enumerate(
            [(40, slice(0, 80, 2)), (20, slice(1, 80, 4)), (20, slice(3, 80, 4))]
        ):
            brought = found[at, columns]
            rows = lists.rows[(zone == number) & shares[lists.rows]]
            listed = list(dict.fromkeys(brought[brought >= 0].tolist()))  # once for each place it has in the zone
            assert listed == in_order(rows, level, quota)[: len(listed)]
            assert len(listed) == len(np.unique(rows)) or (brought >= 0).sum() == quota
            checked += len(listed)
    assert checked > 500


def test_a_batch_equals_single_calls():
    rng = np.random.default_rng(1)
    board = random_board(rng, 500)
    queries = ask(board, random_requests(rng, board, 30))
    batch = found_by(board, queries)
    for at in range(len(queries)):
        np.testing.assert_array_equal(found_by(board, queries.part(at, at + 1))[0], batch[at], err_msg=f"request {at}")


def city(rng, count, rare, place=BERLIN):
    """A city whose postings all look alike, two of which name a rare skill in the middle of their text."""
    texts = [f"clerk office letters number{row % 50}" + (" esperanto" if row in rare else "") for row in range(count)]
    title = clustered(rng, count, 3)
    latlon = np.tile(np.float32(place), (count, 1, 1))
    return make_catalogue(title, text=title, lexicon=make_lexicon(["clerk"] * count, texts), latlon=latlon)


@pytest.mark.parametrize("home", [BERLIN, TOKYO, None])
def test_a_rare_word_is_found_among_thousands_of_one_city(home):
    rng = np.random.default_rng(2)
    board = city(rng, 3000, (1234, 2345))
    request = Request(None, Profile(wanted=unit(rng, 1), home=home, text="office clerk who speaks esperanto"))
    queries = ask(board, [request])
    settings = RetrieveSettings(
        pool=20, union=100, text=10, near=20, factors=0, cooccur=0, recent=0, popular=0, words=8
    )
    interests = find_interests(board, queries, settings)
    for words, expected in ((8, {1234, 2345}), (0, set())):
        pool = retrieve(board, queries, interests, settings.model_copy(update={"words": words}), 5)
        brought = pool.rows[0][(pool.sources[0] >> SOURCES.index("words")) & 1 == 1].tolist()
        assert {1234, 2345} & set(brought) == expected


def test_of_two_that_share_the_same_words_the_fresher_comes_first():
    rng = np.random.default_rng(5)
    latlon = np.tile(np.float32(BERLIN), (200, 1, 1))
    lexicon = make_lexicon(["baker"] * 200)
    board = make_catalogue(
        clustered(rng, 200, 3), lexicon=lexicon, latlon=latlon, posted=NOW - np.arange(200)[::-1] * DAY
    )
    found = found_by(board, ask(board, [Request(None, Profile(home=BERLIN, text="baker"))]))
    assert found[0, :10:2].tolist() == [199, 198, 197, 196, 195]


def test_the_history_asks_too_and_the_heaviest_words_are_kept():
    rng = np.random.default_rng(3)
    board = city(rng, 200, (50, 150))
    queries = ask(board, [Request(None, Profile(), [Interaction("p0050")])])
    codes, weights = asked_words(board, queries, 3)
    words = [board.lexicon.vocabulary.words[code - 1] for code in codes[0]]
    assert words[0] == "esperanto"
    assert (np.diff(weights[0]) <= 0).all()
    assert found_by(board, queries)[0, :4:2].tolist() == [50, 150]


def test_without_words_or_quota_nothing_is_found():
    rng = np.random.default_rng(4)
    board = random_board(rng, 300)
    speechless = ask(board, [Request(None, Profile(home=BERLIN))])
    assert (found_by(board, speechless) == -1).all()
    asked = ask(board, random_requests(rng, board, 4))
    assert found_by(board, asked, WIDE.model_copy(update={"words": 0})).shape == (4, 0)
    blank = make_catalogue(clustered(rng, 300, 3), latlon=np.tile(np.float32(BERLIN), (300, 1, 1)))
    assert (found_by(blank, ask(blank, [Request(None, Profile(home=BERLIN, text="clerk"))])) == -1).all()
