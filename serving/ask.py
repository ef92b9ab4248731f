"""What the command line asks of a bundle: one candidate's list, a stranger's list, why."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from recsys.encode import EncoderConfig, load_encoder
from recsys.engine import Engine
from recsys.errors import BundleError, DataError, RequestError
from recsys.filters import Filters
from recsys.geo import CITY
from recsys.request import Explain, Recommendation, Request
from serving.profile import profile_from_texts
from serving.score import Scorer

_LARGEST: Final = 8  # shares of a score that are printed one by one


def parse_moment(text: str, as_of: float) -> float:
    """Seconds since 1970 of "data" (where the bundle's data ends), "now", or an ISO time.

    Raises:
        RequestError: it is none of these.
    """
    if text in ("data", "now"):
        return as_of if text == "data" else time.time()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RequestError(f'--now {text!r} is not a time: use "data", "now" or like 2026-05-31T08:00') from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@dataclass(frozen=True)
class Answered:
    """A list; where filters leave it short, what each of them alone takes away."""

    lines: list[Recommendation]
    costs: dict[str, int] | None = None

    def sentence(self) -> str:
        """The costs in words, "" where there are none."""
        if self.costs is None:
            return ""
        alone = ", ".join(f"{name} {count}" for name, count in self.costs.items() if name != "left")
        return f"{self.costs['left']} postings pass all filters; each alone takes away: {alone}"


class Asking:
    """A bundle, opened for questions by hand."""

    def __init__(self, bundle: Path, cache: Path) -> None:
        self.scorer = Scorer(bundle)
        self.cache = cache

    def moment(self, text: str) -> float:
        """See ``parse_moment``."""
        return parse_moment(text, self.scorer.as_of)

    def by_candidate(
        self,
        candidate: str,
        k: int,
        now: float,
        filters: Filters | None = None,
        personal: bool = True,
        explain: Explain = True,
    ) -> Answered:
        """The list of a stored candidate."""
        lines = self.scorer.recommend(candidate, k, now, filters, personal, explain)
        if filters is None or len(lines) >= k:
            return Answered(lines)
        return Answered(lines, self.scorer.filter_costs(candidate, filters, now, personal))

    def by_text(
        self,
        file: Path,
        k: int,
        now: float,
        place: "Place | None",
        filters: Filters | None = None,
        personal: bool = True,
        explain: Explain = True,
    ) -> Answered:
        """The list of somebody of whom only a CV is known.

        Raises:
            DataError: the file cannot be read.
            BundleError: the encoder at hand is not the one that made the bundle.
        """
        try:
            text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{file} cannot be read as UTF-8 text: {error}") from None
        encoder = load_encoder(EncoderConfig.model_validate(self.scorer.encoder["config"]), self.cache)
        if encoder.name != self.scorer.encoder["name"]:
            made = self.scorer.encoder["name"]
            raise BundleError(f"the bundle was made with the encoder {made}, here it is {encoder.name}; train again")
        profile = profile_from_texts(encoder, text, home=None if place is None else (place.latitude, place.longitude))
        request = Request(profile=profile, now=now, filters=filters, personal=personal)
        engine = self.scorer.engine
        lines = self.scorer.recommend_request(request, k, explain)
        short = filters is not None and len(lines) < k
        return Answered(
            lines, engine.filter_costs(engine.queries([request]), filters)[0] if filters and short else None
        )

    def why(
        self,
        candidate: str,
        posting: str,
        now: float,
        k: int,
        filters: Filters | None = None,
        personal: bool = True,
    ) -> str:
        """See ``Engine.why``."""
        row = self.scorer.candidates.ids.row(candidate)
        return self.scorer.engine.why_of(self.scorer.queries_at(np.array([row]), now, personal), posting, k, filters)


@dataclass(frozen=True)
class Place:
    """A place as it was understood: its name in full, and degrees."""

    name: str
    latitude: float
    longitude: float

    def __str__(self) -> str:
        return f"{self.name} ({self.latitude:.2f}, {self.longitude:.2f})"


def find_place(text: str) -> Place:
    """The place of "City, Region, Country" or of two numbers.

    Raises:
        RequestError: no such place is known, or no such town in the region that is named.
    """
    parts = [part.strip() for part in text.split(",")]
    try:
        latitude, longitude = (float(part) for part in parts)
    except ValueError:
        return _find_named(text, parts)
    if abs(latitude) <= 90 and abs(longitude) <= 180:
        return Place("the point", latitude, longitude)
    raise _unknown(text)


def _unknown(text: str) -> RequestError:
    return RequestError(f'the place {text!r} is not known; write "City, Region, Country" or "latitude,longitude"')


def _find_named(text: str, parts: list[str]) -> Place:
    from recsys.gazetteer import gazetteer  # takes seconds to read
    from recsys.places import resolve_name

    city, second, third = (*parts, "", "")[:3]
    areas = gazetteer().areas
    if areas.is_area(city):  # "Texas, United States" is not Texas City, though "New York, NY" is a city
        tries = [(text, "", "")]
    elif len(parts) == 2 and areas.country(second) is not None:  # which may be a region, too
        tries = [(city, second, ""), (city, "", second)]
    else:
        tries = [(city, second, third)]
    found = [one for names in tries if (one := resolve_name(names, gazetteer())) is not None]
    if not found:
        raise _unknown(text)
    best = max(found, key=lambda one: one.precision)
    name, (latitude, longitude) = best.name(gazetteer()), best.latlon.tolist()
    if best.precision >= CITY:
        return Place(name, latitude, longitude)
    if len(parts) > 1 and not areas.is_area(city):
        raise RequestError(f'no town {city!r} is known in {name}; write a larger town near by, or "latitude,longitude"')
    return Place(f"the middle of {name}", latitude, longitude)


def headings(engine: Engine, posting_ids: Sequence[str]) -> list[str]:
    """What people read first of postings: title, employer, region, whether it is remote, and the id."""
    if engine.explainer is None:
        return [f"[{posting_id}]" for posting_id in posting_ids]
    rows = engine.catalogue.ids.rows(posting_ids)
    columns = [engine.explainer.titles, engine.explainer.companies, engine.explainer.regions]
    texts = [[""] * len(rows) if one is None else one.take(rows.tolist()) for one in columns]
    remote = (engine.catalogue.attributes.remote[rows] == 1).tolist()
    out = []
    for posting_id, title, company, region, away in zip(posting_ids, *texts, remote, strict=True):
        at = f" at {company}"[:40] if company else ""
        where = "".join(f", {one}"[:30] for one in (region, "remote" if away else "") if one)
        out.append(f"{title[:60]}{at}{where}  [{posting_id}]")
    return out


def table(asking: Asking, lines: Sequence[Recommendation]) -> str:
    """A list as a table for people."""
    if not lines:
        return "no posting can be shown to this candidate"
    out = []
    for line, heading in zip(lines, headings(asking.scorer.engine, [one.posting_id for one in lines]), strict=True):
        out.append(f"{line.rank:3d}. {heading}  {line.score:.3f}")
        out.append(f"     {'; '.join(line.reasons) or 'no signal stands out'}")
        if line.shares is not None:
            largest = list(line.shares.items())[:_LARGEST]
            rest = line.score - sum(share for _, share in largest)
            out.append("     = " + ", ".join(f"{name} {share:+.3f}" for name, share in [*largest, ("rest", rest)]))
    return "\n".join(out)
