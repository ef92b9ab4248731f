import sys
import unicodedata

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.schema import CANDIDATE_COLUMNS, EXPERIENCE_COLUMNS, POSTING_COLUMNS
from recsys.text import TEXT_LIMIT, candidate_texts, normalise, posting_texts, posting_titles, split_words

_EMPTY = {"text": "", "words": "", "number": np.nan, "time": np.nan, "flag": -1}


def _frame(columns, rows):
    blank = {column: _EMPTY[kind] for column, kind in columns.items()}
    return pd.DataFrame([{**blank, **row} for row in rows], columns=list(columns))


def _postings(*rows):
    return _frame(POSTING_COLUMNS, rows)


def _candidates(*rows):
    return _frame(CANDIDATE_COLUMNS, rows)


def _experience(*pairs):
    frame = _frame(EXPERIENCE_COLUMNS, [{"title": title} for _, title in pairs])
    return frame.assign(candidate=np.array([candidate for candidate, _ in pairs], dtype=np.int32))


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  Nurse \t\r\n (nights) ", "Nurse (nights)"),
        ("C\uff0b\uff0b developer", "C++ developer"),
        ("Caf\u00e9 cook", "Caf\u00e9 cook"),
        ("Cafe\u0301 cook", "Caf\u00e9 cook"),
        ("of\ufb01ce\u00a0clerk\u2003\u2028II", "office clerk II"),
        ("a\x00b\x07c\u200bd\ufeffe\u00adf\x7f", "abcdef"),
        ("lone \ud800surrogate", "lone surrogate"),
        ("\u4fdd\u80b2\u58eb", "\u4fdd\u80b2\u58eb"),
        ("\u200b \x00", ""),
        ("", ""),
    ],
)
def test_normalise(raw, clean):
    assert normalise(raw) == clean


@given(st.text(st.characters()))
def test_normalised_text_stays_as_it_is_and_can_be_written(text):
    once = normalise(text)
    assert normalise(once) == once
    assert once == once.strip()
    assert "  " not in once
    assert not {unicodedata.category(letter) for letter in once} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    once.encode("utf-8")


def test_every_invisible_character_is_removed_and_no_other():
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    invisible = {letter for letter in every if unicodedata.category(letter) in ("Cc", "Cf", "Cs")}
    removed = {letter for letter in every if normalise(f"a{letter}b") == "ab"}
    assert removed >= {letter for letter in invisible if not letter.isspace()}
    # The table is of a newer Unicode than some Pythons: what it has beyond theirs must be unassigned there.
    assert {unicodedata.category(letter) for letter in removed - invisible} <= {"Cn"}


def test_split_words_leaves_out_blank_entries():
    assert split_words("Python\n\n SQL \nC, C++") == ["Python", "SQL", "C, C++"]
    assert split_words("") == []


def test_a_posting_is_title_skills_description():
    postings = _postings(
        {"title": "Cook ", "skills": "baking\nfrench cuisine", "description": "You cook.\nEvery day!"},
        {"title": "Driver?", "description": "You drive."},
        {"title": "Acme Inc."},
        {"description": "No title."},
        {},
    )
    assert posting_texts(postings) == [
        "Cook. baking, french cuisine. You cook. Every day!",
        "Driver? You drive.",
        "Acme Inc.",
        "No title.",
        "",
    ]
    assert posting_titles(postings) == ["Cook", "Driver?", "Acme Inc.", "", ""]


def test_missing_cells_count_as_empty():
    postings = _postings({"title": "Cook"}, {"title": None, "skills": None, "description": np.nan})
    assert posting_texts(postings) == ["Cook", ""]
    assert posting_titles(postings) == ["Cook", ""]


def test_a_candidate_is_wants_then_deeds():
    candidates = _candidates(
        {"desired_titles": "Head cook\nChef", "headline": "Cook in Graz", "skills": "baking", "summary": "Ten years.",
         "text": "CV"},
        {},
        {"headline": "Nurse", "summary": "nurse"},
    )  # fmt: skip
    experience = _experience((0, "Cook"), (0, ""), (0, "Cook"), (0, "Waiter"), (0, "Porter"), (2, "Carer"))
    assert candidate_texts(candidates, experience) == [
        "Head cook, Chef. Cook in Graz. baking. Cook, Waiter. Ten years. CV",
        "",
        "Nurse. Carer",  # the summary says no more than the headline
    ]


def test_no_rows_give_no_texts():
    assert posting_texts(_postings()) == posting_titles(_postings()) == []
    assert candidate_texts(_candidates(), _experience()) == []
    assert candidate_texts(_candidates({"headline": "Cook"}), _experience()) == ["Cook"]


def test_row_labels_do_not_matter():
    candidates = _candidates({"headline": "Cook"}, {"headline": "Nurse"}).set_index(pd.Index([7, 7]))
    experience = _experience((1, "Carer"), (0, "Waiter")).set_index(pd.Index([3, 3]))
    assert candidate_texts(candidates, experience) == ["Cook. Waiter", "Nurse. Carer"]


def test_long_texts_are_cut_and_keep_the_title():
    postings = _postings({"title": "Cook", "description": "soup " * 1_000_000}, {"title": "x" * 50_000})
    for texts in (posting_texts(postings), posting_titles(postings)):
        assert max(map(len, texts)) <= TEXT_LIMIT
        assert texts[0].startswith("Cook")
    assert len(posting_texts(postings)[0]) > TEXT_LIMIT - 10
    assert posting_texts(postings)[1] == posting_titles(postings)[1]
