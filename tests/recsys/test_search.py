"""Search over the small market: what is found, in which order, and what is counted."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.attributes import EMPLOYMENT, LEVELS
from recsys.codebook import Numbering
from recsys.codes import Codes
from recsys.config import CopySettings, FilterSettings, SearchSettings
from recsys.documents import posting_documents
from recsys.eligible import eligible
from recsys.encode import HashEncoder
from recsys.engine import Engine
from recsys.errors import RequestError
from recsys.filters import Filters
from recsys.geo import city_points
from recsys.grow import Growth
from recsys.narrow import conditions
from recsys.newcomers import Describer
from recsys.search import search, wording
from recsys.wording import search_words
from training.sources import read_tables

WORDS = ["nurse", "warehouse", "driver", "engineer night", "senior developer", "sales manager", "cook", "zzqx"]
FILTERS = [
    None,
    Filters(employment=("FULL_TIME",)),
    Filters(remote=True),
    Filters(pay_least=60_000.0, seniority=("mid", "senior")),
    Filters(employment=("VOLUNTEER",), remote=True, pay_known=True),
]


def asking(scorer, rows):
    return scorer.candidates.queries(np.asarray(rows), scorer.as_of, scorer.engine.settings.events)


def found(scorer, texts, rows, k=10, filters=None, personal=True, engine=None, vectors=True):
    engine = engine or scorer.engine
    asked = [wording(engine.catalogue, text) for text in texts]
    encoded = Codes.from_vectors(HashEncoder().encode([one.text for one in asked])).vectors(np.arange(len(asked)))
    return search(engine, asking(scorer, rows), asked, encoded if vectors else None, k, filters, personal)


@pytest.fixture(scope="module")
def table(market):
    postings = market.prepared.postings.copy()
    columns = ["title", "company", "skills", "description"]
    postings["words"] = [
        set(search_words(" . ".join(str(cell) for cell in cells if isinstance(cell, str))))
        for cells in postings[columns].itertuples(index=False)
    ]
    return postings


@pytest.mark.parametrize("filters", FILTERS)
def test_a_batch_is_its_requests(searching, filters):
    whole = found(searching, WORDS, range(len(WORDS)), filters=filters)
    alone = [found(searching, [text], [row], filters=filters)[0] for row, text in enumerate(WORDS)]
    assert whole == alone


def test_a_saved_bundle_answers_as_the_engine_before(searching, searching_in_memory):
    memory = replace(searching_in_memory, explainer=searching.engine.explainer)
    assert found(searching, WORDS, range(8)) == found(searching, WORDS, range(8), engine=memory)


@settings(max_examples=40, deadline=None)
@given(
    text=st.one_of(st.sampled_from(WORDS), st.text(min_size=1, max_size=30)),
    filters=st.sampled_from(FILTERS),
    k=st.integers(1, 30),
    row=st.integers(0, 99),
    personal=st.booleans(),
    vectors=st.booleans(),
)
def test_whatever_is_asked_every_line_may_be_shown(searching, text, filters, k, row, personal, vectors):
    catalogue = searching.engine.catalogue
    try:
        answer = found(searching, [text], [row], k, filters, personal, vectors=vectors)[0]
    except RequestError:
        assert search_words(text) == []
        return
    rows = catalogue.ids.rows([one.posting_id for one in answer.hits])
    assert [one.rank for one in answer.hits] == list(range(1, len(rows) + 1))
    assert len(rows) <= k
    assert len(set(catalogue.copies.group[rows])) == len(rows)
    assert eligible(catalogue, asking(searching, [row]), rows[None]).all()
    if filters is not None:
        assert np.logical_and.reduce(list(conditions(catalogue, filters).values()))[rows].all()
    assert len(rows) >= min(k, answer.matching)
    if not vectors:
        assert all(one.words for one in answer.hits)


def test_words_find_what_holds_them(searching, table):
    for text in ("nurse", "driver"):
        answer = found(searching, [text], [0], 5, personal=False, vectors=False)[0]
        rows = searching.engine.catalogue.ids.rows([one.posting_id for one in answer.hits])
        assert len(rows)
        assert all(text in words for words in table["words"].iloc[rows])


def test_who_asks_moves_nothing_before_what_shares_a_word(searching):
    """Only where the words alone put it there."""
    for text in ("nurse", "driver", "sales manager"):
        plain = found(searching, [text], [0], 60, personal=False)[0].hits
        for row in range(5):
            own = found(searching, [text], [row], 60)[0].hits
            for depth in range(1, 40):
                assert sum(one.words for one in own[:depth]) >= sum(one.words for one in plain[:depth]) - hidden(
                    plain, own
                )


def hidden(plain, own):
    """Postings that one of the two may not see."""
    return len({one.posting_id for one in plain} ^ {one.posting_id for one in own})


def test_without_a_person_the_order_is_relevance(searching):
    for answer in found(searching, WORDS, range(8), personal=False):
        relevance = [one.relevance for one in answer.hits]
        broken = searching.engine.settings.arrange.employer_run
        assert relevance == sorted(relevance, reverse=True) or broken
    engine = replace(
        searching.engine,
        settings=searching.engine.settings.model_copy(
            update={"arrange": searching.engine.settings.arrange.model_copy(update={"employer_run": 0})}
        ),
    )
    for answer in found(searching, WORDS, range(8), personal=False, engine=engine):
        relevance = [one.relevance for one in answer.hits]
        assert relevance == sorted(relevance, reverse=True)


def test_who_asks_changes_the_order(searching):
    own = found(searching, ["manager"] * 20, range(20))
    plain = found(searching, ["manager"] * 20, range(20), personal=False)
    assert own != plain


def test_a_slip_is_told_and_found(searching):
    asked = wording(searching.engine.catalogue, "warehose engeneer")
    assert asked.corrected == {"warehose": "warehouse", "engeneer": "engineer"}
    assert asked.text == "warehouse engineer"
    slip, right = found(searching, ["warehose engeneer", "warehouse engineer"], [0, 0])
    assert slip == right


def test_a_slip_that_looks_like_a_plural_is_told_as_it_was_typed(searching):
    asked = wording(searching.engine.catalogue, "nurs warehouses")
    assert asked.corrected == {"nurs": "nurse"}
    assert asked.words == ("nurse", "warehouse")
    assert asked.text == "nurse warehouses"


def test_a_word_nobody_uses_is_told(searching):
    asked = wording(searching.engine.catalogue, "zzqxv nurse")
    assert (asked.unknown, asked.words) == (("zzqxv",), ("nurse",))


def test_nothing_typed_is_one_error(searching):
    for text in ("", "   ", "the of", "!!!"):
        with pytest.raises(RequestError, match="no word"):
            wording(searching.engine.catalogue, text)


def test_k_below_one_is_one_error(searching):
    with pytest.raises(RequestError, match="at least 1"):
        found(searching, ["nurse"], [0], 0)


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("text", ["nurse", "manager", "senior engineer"])
def test_counts_are_those_of_pandas(searching, table, text, filters):
    """Each facet with its own filter lifted, copies once."""
    engine, row = searching.engine, 3
    catalogue = engine.catalogue
    asked = wording(catalogue, text)
    weight = {word: catalogue.by_word.idf[catalogue.by_word.words.find(word)] for word in asked.words}
    share = table["words"].map(lambda words: sum(weight[one] for one in asked.words if one in words))
    everything = np.arange(len(table), dtype=np.int32)
    shown = eligible(catalogue, asking(searching, [row]), everything[None])[0] & catalogue.open
    a = catalogue.attributes
    frame = pd.DataFrame(
        {
            "group": catalogue.copies.group,
            "region": table["region"],
            "employer": table["company"],
            "region_code": a.region,
            "employer_code": a.company,
            "seniority": a.seniority,
            "worth": a.worth_high,
            **{kind: a.employment >> at & 1 for at, kind in enumerate(EMPLOYMENT)},
        }
    )
    frame["match"] = shown & (share >= 0.5 * sum(weight.values()) - 1e-5)
    passed = {} if filters is None else conditions(catalogue, filters)
    (answer,) = found(searching, [text], [row], filters=filters)

    def left(lifted):
        kept = np.logical_and.reduce([frame["match"], *(one for name, one in passed.items() if name != lifted)])
        return frame[kept]

    assert answer.matching == left("")["group"].nunique()
    kinds = {kind: left("employment").query(f"{kind} == 1")["group"].nunique() for kind in EMPLOYMENT}
    assert {one.value: one.count for one in answer.facets["employment"]} == {k: v for k, v in kinds.items() if v}
    levels = left("seniority").groupby("seniority")["group"].nunique()
    expected = {name: int(levels[at]) for name, at in LEVELS.items() if at in levels.index}
    assert {one.value: one.count for one in answer.facets["seniority"]} == expected
    bands = engine.settings.search.pay_bands
    worth = left("pay").dropna(subset=["worth"])
    paid = worth.groupby(pd.cut(worth["worth"], [*bands, np.inf], right=False, labels=[f"{b:g}" for b in bands]),
                         observed=True)["group"].nunique()  # fmt: skip
    assert {one.value: one.count for one in answer.facets["pay"]} == paid.to_dict()
    for name, column in (("region", "region_code"), ("employer", "employer_code")):
        counts = left("").query(f"{column} >= 0").groupby(column)["group"].nunique().sort_values(ascending=False)
        assert [one.count for one in answer.facets[name]] == counts.tolist()[:10]
        assert {one.value for one in answer.facets[name]} <= set(frame[name])


@pytest.fixture(scope="module")
def documents(market):
    from conftest import CONFIG

    tables, _ = read_tables(CONFIG.sources, market.data, market.data.parent / "rejected.parquet")
    documents = {one["posting_id"]: one for one in posting_documents(tables.postings, tables.locations)}
    return [documents[one] for one in market.prepared.ids.names()]


@pytest.fixture
def grown(searching, market):
    """A growing catalogue, and what describes newcomers."""
    growth = Growth(searching.engine.catalogue, 50, CopySettings(found=False))
    describer = Describer(
        market.prepared.lexicon,
        market.prepared.skills,
        Numbering(market.prepared.books),
        FilterSettings(),
        lambda texts: Codes.from_vectors(HashEncoder().encode(texts)),
        city_points,
    )
    return growth, describer


def engine_of(searching, growth) -> Engine:
    return replace(searching.engine, catalogue=growth.snapshot(), explainer=None)


def test_what_arrives_is_found_by_its_words_and_what_goes_is_not(searching, grown, documents):
    growth, describer = grown
    before = engine_of(searching, growth)
    new = documents[0] | {"posting_id": "new", "title": "Quokka keeper", "description": "Feeds quokkas at night."}
    new |= {"valid_through": searching.as_of + 86_400}
    growth.add(describer.describe([new]))
    after = engine_of(searching, growth)
    assert found(searching, ["quokka keeper"], [0], 1, engine=after, personal=False)[0].hits[0].posting_id == "new"
    assert wording(before.catalogue, "quokka").unknown == ("quokka",)
    growth.add(describer.describe([new | {"title": "Baker", "description": "Bakes."}]))
    changed = engine_of(searching, growth)
    for answer in found(searching, ["quokka", "keeper"], [0, 0], 50, engine=changed, vectors=False):
        assert "new" not in [one.posting_id for one in answer.hits]
    assert "new" in [one.posting_id for one in found(searching, ["baker"], [0], 50, engine=changed)[0].hits]
    growth.remove(["new"])
    gone = found(searching, ["baker"], [0], 50, engine=engine_of(searching, growth))[0]
    assert "new" not in [one.posting_id for one in gone.hits]
    assert found(searching, ["quokka keeper"], [0], 1, engine=after, personal=False)[0].hits[0].posting_id == "new"


def test_a_word_that_changes_at_the_end_of_a_long_description_is_found(searching, grown, documents):
    """Neither the vector nor the heaviest words nor the sketch need to show the change."""
    growth, describer = grown
    row = int(np.flatnonzero(searching.engine.catalogue.open)[3])
    long = documents[row] | {"description": documents[row].get("description", "") + " word" * 1200}
    growth.add(describer.describe([long]))
    growth.add(describer.describe([long | {"description": long["description"] + " quokka"}]))
    (answer,) = found(searching, ["quokka"], [0], 3, engine=engine_of(searching, growth), vectors=False)
    assert [one.posting_id for one in answer.hits] == [documents[row]["posting_id"]]


def test_a_posting_that_arrives_stands_where_it_would_have_from_training(searching, grown, documents):
    """The same text under another id has the same relevance, newcomer or not."""
    growth, describer = grown
    open_ = np.flatnonzero(searching.engine.catalogue.open)[:20]
    growth.add(describer.describe([documents[row] | {"posting_id": f"{row}-again"} for row in open_]))
    engine = engine_of(searching, growth)
    for row in open_[:8]:
        text = documents[row]["title"]
        lines = {
            one.posting_id: one for one in found(searching, [text], [0], 300, engine=engine, personal=False)[0].hits
        }
        own, again = lines.get(documents[row]["posting_id"]), lines.get(f"{row}-again")
        if own and again:
            assert own.relevance == pytest.approx(again.relevance, abs=1e-4)


def test_settings_refuse_what_they_do_not_know():
    with pytest.raises(ValueError, match="extra"):
        SearchSettings(fuzziness=2)


def explained(scorer, text, row, **more):
    asked = wording(scorer.engine.catalogue, text)
    encoded = Codes.from_vectors(HashEncoder().encode([asked.text])).vectors(np.arange(1))
    return search(scorer.engine, asking(scorer, [row]), [asked], encoded, 15, explain=True, **more)[0].hits


@pytest.mark.parametrize("text", ["nurse", "engineer night", "warehouse driver zzqx"])
def test_reasons_name_words_that_the_posting_says(searching, table, text):
    words = dict(zip(table["posting_id"], table["words"], strict=True))
    idf = dict(
        zip(searching.engine.catalogue.by_word.words.names(), searching.engine.catalogue.by_word.idf, strict=True)
    )
    for hit in explained(searching, text, 3):
        held = sorted(words[hit.posting_id] & set(search_words(text)), key=lambda word: -idf[word])
        if held:
            assert hit.reasons[0] == "says " + " and ".join(f"“{word}”" for word in held[:2])
        else:
            assert hit.reasons[0] == "alike in meaning"


def test_reasons_after_the_words_are_those_of_the_candidate(searching):
    hits = explained(searching, "nurse", 3)
    assert any(len(hit.reasons) > 1 for hit in hits)
    assert all(len(hit.reasons) <= 3 for hit in hits)
    assert all(len(hit.reasons) == 1 for hit in explained(searching, "nurse", 3, personal=False))
    near = [reason for hit in hits for reason in hit.reasons if "km from" in reason or "where you" in reason]
    assert near


def test_reasons_change_nothing_else(searching):
    plain = found(searching, ["nurse"], [3], k=15)[0].hits
    assert [replace(hit, reasons=()) for hit in explained(searching, "nurse", 3)] == plain
    assert not any(hit.reasons for hit in plain)


def crowded(searching, most):
    """The board on which every second posting is of one employer, and lists hold ``most`` of each."""
    engine = searching.engine
    catalogue, a = engine.catalogue, engine.catalogue.attributes
    company = np.where(np.arange(len(catalogue)) % 2 == 0, 0, a.company).astype(np.int32)
    arranged = engine.settings.arrange.model_copy(update={"employer_most": most})
    narrow = SearchSettings(words=5, vectors=5)
    settings = engine.settings.model_copy(update={"arrange": arranged, "search": narrow})
    return replace(engine, catalogue=replace(catalogue, attributes=replace(a, company=company)), settings=settings)


def could_list(catalogue, rows, most):
    """By brute force: how many of some postings a list may hold."""
    groups = {}
    for row in rows:
        groups.setdefault(int(catalogue.attributes.company[row]), set()).add(int(catalogue.copies.group[row]))
    return sum(min(len(some), most) if most and name >= 0 else len(some) for name, some in groups.items())


@settings(max_examples=30, deadline=None)
@given(
    most=st.integers(0, 2), k=st.sampled_from([3, 10, 40]), vectors=st.booleans(), filters=st.sampled_from(FILTERS),
    row=st.integers(0, 90),
)  # fmt: skip
def test_an_answer_is_as_long_as_the_rules_allow(searching, table, most, k, vectors, filters, row):
    engine = crowded(searching, most)
    catalogue, who = engine.catalogue, [row, row + 1, row + 2, row + 3]
    texts = ["nurse", "manager", "senior engineer", "cook"]
    passed = [np.ones(len(catalogue), bool), *({} if filters is None else conditions(catalogue, filters)).values()]
    everything = np.arange(len(table), dtype=np.int32)
    whole = found(searching, texts, who, k, filters, engine=engine, vectors=vectors)
    for at, (text, answer) in enumerate(zip(texts, whole, strict=True)):
        may = eligible(catalogue, asking(searching, [who[at]]), everything[None])[0] & catalogue.open
        if not vectors:
            asked = set(wording(catalogue, text).words)
            may &= table["words"].map(lambda words, asked=asked: bool(words & asked)).to_numpy()
        rows = catalogue.ids.rows([one.posting_id for one in answer.hits])
        assert len(rows) == min(k, could_list(catalogue, np.flatnonzero(may & np.logical_and.reduce(passed)), most))
        assert len(rows) == could_list(catalogue, rows, most)
        alone = found(searching, [text], [who[at]], k, filters, engine=engine, vectors=vectors)
        assert alone == [answer]
