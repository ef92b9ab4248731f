"""Requests of every kind: full, of history only, of a profile only, and empty."""

from small_catalogue import DAY, NOW, some_words, unit

from recsys.request import Interaction, Profile, Request

SKILLS = {f"skill {number}": number for number in range(12)}


def random_profile(rng):
    def maybe(value):
        return value if rng.random() < 0.6 else None

    places = [(float(rng.uniform(40, 44)), float(rng.uniform(-3, 3))) for _ in range(4)]
    return Profile(
        wanted=maybe(unit(rng, int(rng.integers(1, 6)))),
        past=maybe(unit(rng, int(rng.integers(1, 6)))),
        whole=maybe(unit(rng, 1)[0]),
        home=maybe(places[0]),
        worked=places[1 : int(rng.integers(1, 5))],
        reach_km=maybe(float(rng.uniform(5, 200))),
        remote_ok=maybe(bool(rng.random() < 0.5)),
        seniority=maybe(float(rng.integers(0, 6))),
        pay=maybe(float(rng.uniform(2e4, 9e4))),
        wanted_titles=[some_words(rng, 4) for _ in range(rng.integers(0, 6))],
        past_titles=[some_words(rng, 4) for _ in range(rng.integers(0, 6))],
        text=some_words(rng, 60) + (" skill 7 and skill 3" if rng.random() < 0.5 else ""),
        skills=[f"Skill  {number}" for number in rng.integers(0, 14, 3)],
    )


def random_history(rng, catalogue, longest=40):
    kinds = ("impression", "view", "view", "save", "apply", "dismiss", "hire")
    return [
        Interaction(
            posting_id=f"p{rng.integers(len(catalogue) + 5):04d}",  # the last five are unknown
            type=kinds[rng.integers(len(kinds))],
            time=None if rng.random() < 0.1 else NOW - float(rng.uniform(0, 90)) * DAY,
            value=None if rng.random() < 0.7 else float(rng.uniform(0, 2)),
        )
        for _ in range(int(rng.integers(0, longest)))
    ]


def random_requests(rng, catalogue, count):
    empty = Profile()
    requests = []
    for number in range(count):
        profile = empty if number % 4 == 2 else random_profile(rng)
        history = [] if number % 4 == 1 else random_history(rng, catalogue)
        requests.append(Request(f"c{number}", profile, history))
    return [*requests[:-1], Request(None)] if count > 1 else requests
