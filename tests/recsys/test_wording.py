import pytest

from recsys.wording import replaced, search_words, stem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("C++ and C# / .NET", ["c++", "c#", ".net"]),
        ("Full-time e-commerce", ["full", "time", "e", "commerce"]),
        ("Nurses, WELDERS", ["nurse", "welder"]),
        ("IT manager for the city", ["it", "manager", "city"]),
        ("Ends here.Next one", ["end", "here", "next", "one"]),
        ("ﬁtter №5", ["fitter", "no5"]),
        ("", []),
    ],
)
def test_words_of_a_text(text, words):
    assert search_words(text) == words


@pytest.mark.parametrize(
    ("word", "one"),
    [("companies", "company"), ("boxes", "box"), ("business", "business"), ("analysis", "analysis"), ("bus", "bus"),
     ("nurses", "nurse"), ("coaches", "coach"), ("welders", "welder"), ("databases", "database")],
)  # fmt: skip
def test_a_plural_is_its_singular(word, one):
    assert stem(word) == stem(one) == one


def test_a_word_is_replaced_and_the_rest_stays():
    others = {"weldr": "welder", "weldrs": "welder"}
    assert replaced("Senior weldr, C++ (weldrs)", others) == "senior welder, c++ (welder)"
