"""The settings of a simulated market."""

from datetime import UTC, date, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

DAY = 86_400


class SimulateConfig(BaseModel):
    """How large the market is, how long it is watched, and by which seed it is drawn.

    Attributes:
        candidates: number of people, some of whom leave nothing but events.
        postings: number of postings.
        seed: the same seed and settings give the same files, byte for byte.
        countries: ISO codes of two letters; cities are drawn by population over all of them.
        cities: the largest cities of each country take part, so many; None for all above 15,000 people. A few
            thousand postings want some 20 cities, a million all of them: each trade should have several near a home.
        days: length of the window in which postings appear and candidates look at them.
        end: the window ends at 00:00 UTC of this day.
        sessions_per_candidate: mean number of result pages that a candidate looks at.
        page_size: mean number of postings on a page.
        impressions: whether the postings shown are logged, beside what candidates did.
        email_share: share of pages sent by mail: nobody logs what they showed, so no impression and no rank.
        shuffled_share: share of pages whose order is drawn anew, each order as likely, so that what a place is worth
            can be read off directly.
        near_duplicates: share of postings that repeat an earlier one on a later date with a few words changed.
        exact_duplicates: share of postings that copy an earlier one in all columns but the id.
        piece_rows: postings drawn and written at a time (a fifth as many candidates).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidates: int = Field(ge=1, le=9_999_999)
    postings: int = Field(ge=1, le=9_999_999)
    seed: int = Field(default=0, ge=0)
    countries: tuple[str, ...] = Field(default=("US",), min_length=1)
    cities: int | None = Field(default=100, ge=1)
    days: int = Field(default=180, ge=14, le=3650)
    end: date = date(2026, 6, 30)
    sessions_per_candidate: float = Field(default=4.0, gt=0, le=1000)
    page_size: int = Field(default=25, ge=5, le=200)
    impressions: bool = True
    email_share: float = Field(default=0.15, ge=0, le=1)
    shuffled_share: float = Field(default=0.0, ge=0, le=1)
    near_duplicates: float = Field(default=0.03, ge=0, le=0.5)
    exact_duplicates: float = Field(default=0.0, ge=0, le=0.5)
    piece_rows: int = Field(default=20_000, ge=50, le=200_000)

    @property
    def end_second(self) -> int:
        """End of the window, seconds since 1970 UTC."""
        return int(datetime(self.end.year, self.end.month, self.end.day, tzinfo=UTC).timestamp())

    @property
    def start_second(self) -> int:
        """Start of the window, seconds since 1970 UTC."""
        return self.end_second - int(timedelta(days=self.days).total_seconds())

    @property
    def people_rows(self) -> int:
        """Candidates drawn and written at a time: each brings a hundred events or so."""
        return self.piece_rows // 5
