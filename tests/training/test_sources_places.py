"""Locations as job boards write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.sources.places import Place, is_remote, parse_place, parse_places, remote_countries


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Austin, TX", Place("Austin", "TX", "US")),
        ("Austin TX", Place("Austin", "TX", "US")),
        ("College Park, MD 20740-1234", Place("College Park", "MD", "US")),
        ("Mountain View, CA, United States", Place("Mountain View", "CA", "US")),
        ("New York, NY (HQ)", Place("New York", "NY", "US")),
        ("New York", Place("New York")),
        ("Washington, DC", Place("Washington", "DC", "US")),
        ("Washington - Seattle", Place("Seattle", "Washington", "US")),
        ("Dublin, Ireland", Place("Dublin", None, "IE")),
        ("Dublin, IE", Place("Dublin", None, "IE")),
        ("Cluj-Napoca, CJ, Romania", Place("Cluj-Napoca", "CJ", "RO")),
        ("Curitiba, PR, Brazil", Place("Curitiba", "PR", "BR")),
        ("Singapore, , Singapore", Place("Singapore", None, "SG")),
        ("Singapore", Place("Singapore", None, "SG")),
        ("CA - Canada", Place(None, None, "CA")),
        ("MX - Mexico City, Mexico", Place("Mexico City", None, "MX")),
        ("US-CA-Menlo Park", Place("Menlo Park", "CA", "US")),
        ("London, England", Place("London", "England", "GB")),
        ("Remote - US", Place(None, None, "US")),
        ("Hybrid - San Francisco, California", Place("San Francisco", "California", "US")),
        ("Port of Spain, Trinidad and Tobago", Place("Port of Spain", None, "TT")),
        ("Remote", Place()),
        ("", Place()),
    ],
)
def test_one_place(text, place):
    assert parse_place(text) == place


def test_a_word_that_is_a_state_and_a_country():
    assert parse_place("Tbilisi, Georgia") == Place("Tbilisi", "Georgia", "US")
    assert parse_place("Tbilisi, Georgia", country_first=True) == Place("Tbilisi", None, "GE")


@pytest.mark.parametrize(
    ("text", "cities"),
    [
        ("Menlo Park, CA; New York, NY", ["Menlo Park", "New York"]),
        ("San Francisco, CA, New York, NY", ["San Francisco", "New York"]),
        ("Berlin (Germany), Paris (France)", ["Berlin", "Paris"]),
        ("Portland, OR, or Boston, MA", ["Portland", "Boston"]),
        ("San Francisco, CA | Seattle, WA\nOslo, Norway", ["San Francisco", "Seattle", "Oslo"]),
        ("2 Locations", []),
        ("N/A", []),
    ],
)
def test_several_places(text, cities):
    assert [place.city for place in parse_places(text)] == cities


@pytest.mark.parametrize(
    ("text", "remote"),
    [
        ("US Remote", True),
        ("Work from home", True),
        ("Remote-Friendly (Travel Required) | San Francisco, CA", True),
        ("New York, NY (Hybrid); Remote - US", True),
        ("Hybrid remote, Boston", False),
        ("On-site", False),
        ("Austin, TX", None),
    ],
)
def test_remote(text, remote):
    assert is_remote(text) is remote


def test_remote_countries_are_those_of_the_remote_places():
    assert remote_countries("Remote - US; Oslo, Norway; Canada (Remote)\nRemote - EU") == ["US", "CA"]


@given(st.text(st.sampled_from("ab ,;-()/|CATXUS.\n1"), max_size=40))
def test_any_text_gives_tidy_places(text):
    for place in parse_places(text):
        for part in (place.city, place.region, place.country):
            assert part is None or part == part.strip() != ""
