import numpy as np
from small_catalogue import unit

from recsys.collab import Factors
from recsys.terms import Terms, Vocabulary
from recsys.unseen import map_text_to_factors


class TestMapFromText:
    def planted(self, noise=0.0, known=200):
        rng = np.random.default_rng(7)
        text = unit(rng, 300, 12)
        truth = text @ rng.normal(size=(12, 8)).astype(np.float32)
        with_events = np.zeros(300, bool)
        with_events[rng.permutation(300)[:known]] = True
        own = np.where(with_events[:, None], truth + noise * rng.normal(size=truth.shape), 0).astype(np.float32)
        return Factors(own, own.T @ own, 0.1, 10.0), text, with_events, truth

    def test_a_planted_linear_map_is_recovered(self):
        factors, text, with_events, truth = self.planted()
        mapped = map_text_to_factors(factors, text, with_events, strengths=(1e-6, 1.0))
        np.testing.assert_allclose(mapped.postings[~with_events], truth[~with_events], atol=1e-3)

    def test_what_came_from_events_and_its_gram_matrix_stay(self):
        factors, text, with_events, _ = self.planted()
        mapped = map_text_to_factors(factors, text, with_events)
        np.testing.assert_array_equal(mapped.postings[with_events], factors.postings[with_events])
        np.testing.assert_array_equal(mapped.gram, factors.gram)
        assert mapped.postings.dtype == np.float32

    def test_the_strength_is_the_best_of_leave_one_out(self):
        factors, text, with_events, _ = self.planted(noise=1.0)
        strengths = (0.01, 1.0, 10.0, 1000.0)
        x, y = text[with_events].astype(np.float64), factors.postings[with_events].astype(np.float64)

        def ridge(rows, strength):
            return np.linalg.solve(x[rows].T @ x[rows] + strength * np.eye(12), x[rows].T @ y[rows])

        def left_out(strength):
            others = ~np.eye(len(x), dtype=bool)
            return np.mean([(y[one] - x[one] @ ridge(others[one], strength)) ** 2 for one in range(len(x))])

        best = min(strengths, key=left_out)
        expected = text[~with_events] @ ridge(np.ones(len(x), bool), best)
        found = map_text_to_factors(factors, text, with_events, strengths).postings[~with_events]
        np.testing.assert_allclose(found, expected, atol=1e-4)

    def test_too_few_postings_with_events_map_nothing(self):
        factors, text, with_events, _ = self.planted(known=49)
        assert not map_text_to_factors(factors, text, with_events).postings[~with_events].any()


class TestWords:
    """Thirty kinds of work, each with words and factors of its own; the vectors of the texts say nothing."""

    def board(self, seed=0, kinds=30, each=10):
        rng = np.random.default_rng(seed)
        kind = np.repeat(np.arange(kinds), each)
        texts = [f"kind{one} also{one} the{number} {number % 7}" for number, one in enumerate(kind)]
        vocabulary = Vocabulary.learn(texts)
        truth = rng.normal(size=(kinds, 8))[kind].astype(np.float32)
        with_events = rng.random(len(kind)) < 0.8
        own = np.where(with_events[:, None], truth, 0).astype(np.float32)
        factors = Factors(own, own.T @ own, 0.1, 10.0)
        return factors, vocabulary.terms(texts, 8), with_events, truth, rng

    def test_a_posting_gets_the_mean_factors_of_those_that_share_its_words(self):
        factors, words, with_events, truth, rng = self.board()
        mapped = map_text_to_factors(factors, unit(rng, 300, 12), with_events, words=words)
        found, expected = mapped.postings[~with_events], truth[~with_events]
        cosine = np.sum(found * expected, axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
        assert cosine.mean() > 0.95
        np.testing.assert_array_equal(mapped.postings[with_events], factors.postings[with_events])

    def test_the_mean_is_weighted_by_the_cosines_of_the_nearest(self):
        factors, words, with_events, _, rng = self.board(1)
        mapped = map_text_to_factors(factors, unit(rng, 300, 12), with_events, words=words)
        dense = np.zeros((300, 400))
        np.put_along_axis(dense, words.codes.astype(int), words.weights * words.scale[:, None].astype(float), 1)
        dense[:, 0] = 0
        known = np.flatnonzero(with_events)
        for row in np.flatnonzero(~with_events)[:20]:
            alike = dense[known] @ dense[row]
            order = np.argsort(-alike, kind="stable")
            if alike[order[19]] - alike[order[20]] > 1e-6 or alike[order[20]] == 0:
                near = order[:20]
                expected = alike[near] @ factors.postings[known[near]] / alike[near].sum()
                np.testing.assert_allclose(mapped.postings[row], expected, rtol=1e-3, atol=1e-5)

    def test_the_ridge_stays_where_the_words_say_nothing(self):
        factors, words, with_events, truth, rng = self.board(2)
        text = truth @ rng.normal(size=(8, 12)).astype(np.float32)
        silent = Terms(words.codes[rng.permutation(300)], words.weights, words.scale)
        found = map_text_to_factors(factors, text, with_events, words=silent)
        np.testing.assert_array_equal(found.postings, map_text_to_factors(factors, text, with_events).postings)

    def test_a_posting_without_a_known_word_gets_none(self):
        factors, words, with_events, _, rng = self.board(3)
        row = int(np.flatnonzero(~with_events)[0])
        words.weights[row] = 0
        mapped = map_text_to_factors(factors, unit(rng, 300, 12), with_events, words=words)
        assert not mapped.postings[row].any()
