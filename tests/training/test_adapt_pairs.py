"""Groups of titles from files and histories, the pairs drawn from them, and batches without false negatives."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import ConfigError, DataError
from training.adapt.config import AdaptConfig, PairSettings, load_adapt_config
from training.adapt.groups import GroupBuilder
from training.adapt.judge import figures, questions, reciprocal_ranks
from training.adapt.noise import roughen
from training.adapt.pairs import Keys, batches, draw_pairs
from training.adapt.plan import make_plan
from training.adapt.read import EVENTS, first_sentence, read_groups

NO_NOISE = PairSettings(noise=0, text_share=0)


def nothing(line):
    pass


def read(tmp_path, **settings):
    return read_groups(AdaptConfig.model_validate(settings), tmp_path, tmp_path / "rejected.parquet", nothing)


def members(groups):
    return [
        {groups.texts[row] for row in groups.member[groups.start[at] : groups.start[at + 1]]}
        for at in range(len(groups))
    ]


def many(count=40, size=4, name="work"):
    builder = GroupBuilder()
    for at in range(count):
        builder.add(
            name, at, [f"{name} {at} way {n}" for n in range(size - 1)], f"{name} {at}", f"{name} {at} is done."
        )
    return builder


def test_one_row_a_group_and_several_rows_a_group(tmp_path):
    pd.DataFrame(
        {"uri": ["a", "b"], "label": ["Nurse", "Cook"], "more": ["Sister\nRN ", ""], "said": ["Cares. More.", ""]}
    ).to_csv(tmp_path / "one.csv", index=False)
    (tmp_path / "many.txt").write_text('code\ttitle\n1\tThe "big" baker\n1\tBread maker\n1\tBread maker\n2\tAlone\n')
    groups = read(
        tmp_path,
        titles=[
            {"path": "one.csv", "group": "uri", "title": "label", "also": "more", "text": "said"},
            {"path": "many.txt", "name": "M", "format": "tsv", "quote": None, "group": "code", "also": "title"},
        ],
    )
    assert members(groups) == [{"Nurse", "Sister", "RN"}, {'The "big" baker', "Bread maker"}]
    assert groups.names == ["one.csv", "M"]
    assert [groups.texts[row] if row >= 0 else None for row in groups.main] == ["Nurse", None]
    assert [groups.texts[row] if row >= 0 else None for row in groups.about] == ["Cares.", None]


def test_a_file_of_pairs_and_parquet(tmp_path):
    pd.DataFrame({"a": ["Nurse", "Nurse", "Cook"], "b": ["RN", "Sister", "Chef"]}).to_parquet(tmp_path / "p.parquet")
    groups = read(tmp_path, titles=[{"path": "p.parquet", "title": "a", "also": "b"}])
    assert members(groups) == [{"Nurse", "RN", "Sister"}, {"Cook", "Chef"}]


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ({"path": "absent.csv", "title": "a", "also": "b"}, "absent.csv"),
        ({"path": "p.csv", "title": "a", "also": "c"}, "'c'"),
        ({"path": "p.csv", "title": "a"}, "no two titles"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, file, words):
    (tmp_path / "p.csv").write_text("a,b\nNurse,RN\n")
    with pytest.raises(DataError, match=words):
        read(tmp_path, titles=[file])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("titles: [{path: /etc/x, title: a}]", "inside"),
        ("titles: [{path: x.csv, group: a}]", "no column with titles"),
        ("learning: {passes: 0}", "greater than or equal"),
        ("speed: 3", "speed"),
        ("{}", "nothing to learn from"),
        ("- 1", "dictionary"),
        ("a: [", "is not YAML"),
    ],
)
def test_settings_that_are_wrong(tmp_path, text, words):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_adapt_config(tmp_path / "c.yaml")


def board(tmp_path):
    pd.DataFrame({"posting_id": ["p1", "p2", "p3"], "title": ["Nurse", "Cook", "Driver"]}).to_csv(
        tmp_path / "postings.csv", index=False
    )
    pd.DataFrame({"candidate_id": ["a", "b"], "desired_titles": ["Sister", ""]}).to_csv(
        tmp_path / "candidates.csv", index=False
    )
    pd.DataFrame({"candidate_id": ["a"], "title": ["Carer"]}).to_csv(tmp_path / "experience.csv", index=False)
    events = [("a", "p1", "view", "2024-01-01"), ("b", "p2", "apply", "2024-01-02"), ("b", "p2", "view", "2024-01-03"),
              ("b", "p3", "view", "2024-01-09"), ("b", "p1", "dismiss", "2024-01-01")]  # fmt: skip
    pd.DataFrame(events, columns=["candidate_id", "posting_id", "type", "timestamp"]).to_csv(
        tmp_path / "events.csv", index=False
    )


def test_histories_hold_what_a_candidate_chose_wants_and_did(tmp_path):
    board(tmp_path)
    groups = read(tmp_path, events={"use": True, "earlier_share": 1})
    assert groups.names == [EVENTS]
    assert members(groups) == [{"Nurse", "Sister", "Carer"}, {"Cook", "Driver"}]
    assert (groups.main == -1).all()


def test_later_events_are_not_read(tmp_path):
    board(tmp_path)
    groups = read(tmp_path, events={"use": True, "earlier_share": 0.6})
    assert members(groups) == [{"Nurse", "Sister", "Carer"}]  # of b, one title is left


@given(seed=st.integers(0, 1000), share=st.floats(0, 1))
def test_pairs_stay_inside_their_group(seed, share):
    groups = many(12).groups()
    chosen = np.arange(len(groups)) % 2 == 0
    settings = PairSettings(noise=0, text_share=0.5, main_share=share, most=3)
    pairs = draw_pairs(groups, chosen, settings, np.random.default_rng(seed))
    of = members(groups)
    assert chosen[pairs.group].all()
    for left, right, group, told in zip(pairs.left, pairs.right, pairs.group, pairs.is_text, strict=True):
        assert left != right
        assert groups.texts[left] in of[group]
        assert (right == groups.about[group]) if told else (groups.texts[right] in of[group])
    assert np.bincount(pairs.group[~pairs.is_text]).max() <= 3


def test_the_other_side_is_the_main_title_as_often_as_asked():
    groups = many(30).groups()
    everything = np.ones(len(groups), bool)
    for share in (0.0, 1.0):
        pairs = draw_pairs(groups, everything, PairSettings(main_share=share, text_share=0), np.random.default_rng(0))
        from_others = pairs.left != groups.main[pairs.group]
        to_main = (pairs.right == groups.main[pairs.group])[from_others].mean()
        assert to_main == 1 if share else 0.2 < to_main < 0.5  # one of three by chance


@given(seed=st.integers(0, 1000))
def test_no_batch_holds_two_pairs_of_the_same_work(seed):
    builder = many(20)
    for at in range(0, 20, 2):  # every second group shares a title with one of another file, in another case
        builder.add("other", at, [f"WORK {at} way 1", f"other {at}", f"other {at} b"])
    groups = builder.groups()
    rng = np.random.default_rng(seed)
    pairs = draw_pairs(groups, np.ones(len(groups), bool), PairSettings(), rng)
    keys = Keys(groups).of(pairs)
    rows = batches(pairs, keys, groups.texts, 5, rng)
    assert len(rows)
    assert len(np.unique(rows)) == rows.size
    number = [text.casefold().split()[1] for text in groups.texts]  # "work 4 way 1" and "other 4 b" are both of 4
    for batch in rows:
        shared = [key for one in batch for key in keys[one]]
        assert len(shared) == len(set(shared))
        assert len({number[pairs.left[one]] for one in batch if "way 1" in groups.texts[pairs.left[one]]}) == sum(
            "way 1" in groups.texts[pairs.left[one]] for one in batch
        )


def test_people_who_looked_at_the_same_may_share_a_batch():
    builder = GroupBuilder()
    for at in range(6):
        builder.add(EVENTS, at, ["cashier", f"clerk {at}", f"porter {at}"], same_work=False)
    groups = builder.groups()
    rng = np.random.default_rng(0)
    pairs = draw_pairs(groups, np.ones(6, bool), NO_NOISE, rng)
    with_cashier = [n for n, one in enumerate(pairs.left) if groups.texts[one] == "cashier"]
    keys = Keys(groups).of(pairs)
    # Two pairs with the word itself clash; two of people who share it elsewhere do not.
    assert not keys[with_cashier[0]].isdisjoint(keys[with_cashier[1]])
    assert Keys(groups).touched(pairs)[with_cashier[0]] == {pairs.group[with_cashier[0]]}


def test_a_question_asks_for_the_main_title_of_held_out_groups():
    groups = many(10).groups()
    held_out = np.arange(10) < 2
    (asked,) = questions(groups, held_out, 100, np.random.default_rng(0))
    assert len(asked) == 6
    assert sorted(asked.queries) == [f"work {at} way {n}" for at in range(2) for n in range(3)]
    assert len(asked.pool) == 10
    assert [asked.pool[at] for at in asked.right] == [query[: len("work 0")] for query in asked.queries]


def test_ranks_are_as_counted_by_hand():
    builder = many(5)
    (asked,) = questions(builder.groups(), np.arange(5) < 1, 100, np.random.default_rng(0))
    angle = {text: at for at, text in enumerate(asked.pool)} | dict.fromkeys(asked.queries, 1.4)

    def encode(texts):
        return np.array([[np.cos(angle[one]), np.sin(angle[one])] for one in texts], np.float32)

    right = angle["work 0"]
    rank = 1 + sum(abs(at - 1.4) < abs(right - 1.4) for at in range(5) if at != right)
    assert reciprocal_ranks(asked, encode) == pytest.approx([1 / rank] * 3)
    flat = reciprocal_ranks(asked, lambda texts: np.ones((len(texts), 1), np.float32))
    assert flat == pytest.approx([1 / 3] * 3)  # the middle of five equals


def test_in_histories_a_title_does_not_find_itself():
    builder = GroupBuilder()
    for at in range(8):
        builder.add(EVENTS, at, ["cashier", f"clerk {at}"], same_work=False)
    groups = builder.groups()
    (asked,) = questions(groups, np.arange(8) < 2, 100, np.random.default_rng(0))
    at = asked.queries.index("cashier")
    assert {asked.pool[one] for one in asked.right[asked.start[at] : asked.start[at + 1]]} == {"clerk 0", "clerk 1"}
    assert asked.pool[asked.itself[at]] == "cashier"
    unit = {text: np.eye(len(asked.pool), dtype=np.float32)[n] for n, text in enumerate(asked.pool)}
    found = reciprocal_ranks(asked, lambda texts: np.stack([unit[one] for one in texts]))
    assert (found < 1).all()  # all others are equally far


def test_a_plan_is_the_same_twice_and_keeps_held_out_titles_away():
    builder = many(30)
    builder.add("short", 0, ["Work 1 way 1", "an odd name"])  # a held-out group's title in another file
    builder.add("short", 1, ["x", "y"])
    config = AdaptConfig.model_validate(
        {"titles": [{"path": "x", "title": "a"}], "learning": {"batch_size": 4}, "hold_out": {"share": 0.4},
         "pairs": {"noise": 0}}
    )  # fmt: skip
    plan, again = make_plan(builder.groups(), config), make_plan(builder.groups(), config)
    assert (plan.left, plan.right, plan.steps) == (again.left, again.right, again.steps)
    assert plan.fingerprint(config) == again.fingerprint(config)
    other = config.model_copy(update={"learning": config.learning.model_copy(update={"seed": 1})})
    assert make_plan(builder.groups(), other).fingerprint(other) != plan.fingerprint(config)
    asked = {query.casefold() for one in plan.questions for query in one.queries}
    assert asked
    assert not asked & {text.casefold() for text in (*plan.left, *plan.right)}
    assert len(plan.left) == len(plan.right) == plan.steps * 4


def test_too_few_titles_for_a_batch():
    config = AdaptConfig.model_validate({"titles": [{"path": "x", "title": "a"}]})
    with pytest.raises(DataError, match=r"learning\.batch_size"):
        make_plan(many(30).groups(), config)
    with pytest.raises(DataError, match="too few"):
        make_plan(many(1).groups(), config)


@given(seed=st.integers(0, 500), title=st.lists(st.sampled_from("abcd"), min_size=3, max_size=9).map(" ".join))
def test_noise_leaves_words_of_the_title(seed, title):
    noisy = roughen(title, np.random.default_rng(seed))
    assert {word.strip(",") for word in noisy.casefold().split()} & set(title.casefold().split())


def test_noise_changes_titles_and_is_the_same_twice():
    def rough():
        rng = np.random.default_rng(3)
        return [roughen("Registered Night Nurse", rng) for _ in range(50)]

    assert rough() == rough()
    assert len(set(rough())) > 20


def test_first_sentence():
    assert first_sentence("  Bakes bread. Sells it.") == "Bakes bread."
    assert len(first_sentence("word " * 100)) <= 200


def test_figures_are_means_over_names():
    builder = many(6)
    for at in range(6):
        builder.add("b", at, [f"b {at} x", f"b {at} y"], f"b {at}")
    asked = questions(builder.groups(), np.arange(12) % 6 == 0, 50, np.random.default_rng(0))
    found = figures(asked, lambda texts: np.ones((len(texts), 1), np.float32))
    assert found["mean"] == pytest.approx((found["work"] + found["b"]) / 2)
