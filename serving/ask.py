"""What the command line asks of a bundle: one candidate's list, a stranger's list, why."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from recsys.encode import EncoderConfig, load_encoder
from recsys.errors import BundleError, DataError, RequestError
from recsys.filters import Filters
from recsys.geo import resolve_places
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
        place: str | None,
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
        profile = profile_from_texts(encoder, text, home=None if place is None else find_place(place))
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


def find_place(text: str) -> tuple[float, float]:
    """Latitude and longitude of "City, Region, Country" or of two numbers.

    Raises:
        RequestError: no such place is known.
    """
    parts = [part.strip() for part in text.split(",")]
    try:
        latitude, longitude = (float(part) for part in parts)
    except ValueError:
        return _find_named(text, parts)
    if abs(latitude) <= 90 and abs(longitude) <= 180:
        return latitude, longitude
    raise _unknown(text)


def _unknown(text: str) -> RequestError:
    return RequestError(f'the place {text!r} is not known; write "City, Region, Country" or "latitude,longitude"')


def _find_named(text: str, parts: list[str]) -> tuple[float, float]:
    if len(parts) == 2:  # the second may be a region or a country
        tries = [{"city": parts[0], "region": parts[1]}, {"city": parts[0], "country": parts[1]}]
    else:
        tries = [dict(zip(("city", "region", "country"), parts, strict=False))]
    latlon = resolve_places(pd.DataFrame(tries, columns=["city", "region", "country", "latitude", "longitude"]))
    known = latlon[~np.isnan(latlon[:, 0])]
    if len(known) == 0:
        raise _unknown(text)
    return float(known[0, 0]), float(known[0, 1])


def table(asking: Asking, lines: Sequence[Recommendation]) -> str:
    """A list as a table for people."""
    engine = asking.scorer.engine
    if not lines or engine.explainer is None:
        return "no posting can be shown to this candidate"
    rows = engine.catalogue.ids.rows([line.posting_id for line in lines]).tolist()
    titles, companies = engine.explainer.titles.take(rows), engine.explainer.companies.take(rows)
    out = []
    for line, title, company in zip(lines, titles, companies, strict=True):
        at = f" at {company}" if company else ""
        out.append(f"{line.rank:3d}. {title[:60]}{at[:40]}  [{line.posting_id}]  {line.score:.3f}")
        out.append(f"     {'; '.join(line.reasons) or 'no signal stands out'}")
        if line.shares is not None:
            largest = list(line.shares.items())[:_LARGEST]
            rest = line.score - sum(share for _, share in largest)
            out.append("     = " + ", ".join(f"{name} {share:+.3f}" for name, share in [*largest, ("rest", rest)]))
    return "\n".join(out)
