"""The engine's settings: one frozen, typed value for each stage. Unknown keys are refused."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from recsys.expression import Expression, ExpressionError, Kind, parse
from recsys.schema import EVENT_TYPES

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Settings(BaseModel):
    """Base of every settings class: frozen, and a key that nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EventWeights(Settings):
    """What one event of each type says in favour of the posting; 0 says nothing."""

    impression: float = Field(0.0, ge=0)
    view: float = Field(1.0, ge=0)
    save: float = Field(3.0, ge=0)
    apply: float = Field(8.0, ge=0)
    dismiss: float = Field(0.0, ge=0)
    hire: float = Field(10.0, ge=0)

    def by_kind(self) -> list[float]:
        """Weights in the order of ``EVENT_TYPES``; an undo has none."""
        return [getattr(self, name, 0.0) for name in EVENT_TYPES]


class EventSettings(Settings):
    """How events count.

    Attributes:
        weights: by type of event.
        half_life_days: after this many days an event counts half; None: age does not matter.
        answer_hours: an answer to a shown list is waited for so long; after that what was shown counts as passed over.
        hide: a posting with such an event of the candidate is not recommended to that candidate again.
        hide_copies: nor are its copies, see ``CopySettings``.
        history: so many of the postings chosen last are read by collaborative filtering; on a board whose candidates
            choose hundreds, a short history loses most of what they said.
    """

    weights: EventWeights = EventWeights()
    half_life_days: float | None = Field(30.0, gt=0)
    answer_hours: float = Field(6.0, gt=0)
    hide: tuple[Literal["impression", "view", "save", "apply", "dismiss", "hire"], ...] = ("apply", "dismiss", "hire")
    hide_copies: bool = True
    history: int = Field(24, ge=8, le=1000)


class FactorSettings(Settings):
    """Collaborative filtering: factors by weighted ALS (Hu, Koren, Volinsky 2008), and a list of neighbours a posting.

    Attributes:
        dimensions: length of a posting's factor vector.
        regularisation: added to the diagonal of every solve, in training and in fold-in alike.
        frequency_scaling: the regularisation of a candidate or posting with n choices is multiplied by
            (n + N / confidence) ** frequency_scaling, where N are the postings or candidates there are (Rendle et al.,
            Revisiting the Performance of iALS on Item Recommendation Benchmarks, 2022); with 1, as published there, a
            regularisation of 0.1 to 1 is usual. 0: all alike, and implicit trains.
        confidence: a posting with event weight w has confidence 1 + confidence * w.
        iterations: ALS sweeps.
        neighbours: neighbouring postings kept for each posting.
        neighbours_model: how much one posting speaks for another. cosine: of the two columns of events, damped;
            bm25: of the columns weighted by BM25; ease: solved in closed form (Steck 2019), signed.
        bm25_k1, bm25_b: saturation of event weights and discount of much chosen postings, for bm25.
        ease_ridge: penalty on the diagonal, for ease.
        ease_most: the closed form solves a square matrix of the postings or of the candidates with events, whichever
            are fewer; where both are more than this, only the postings chosen most often get neighbours, so many.
        seed: of the numbers that the factors start from.
    """

    dimensions: int = Field(64, ge=2, le=512)
    regularisation: float = Field(0.1, gt=0)
    frequency_scaling: float = Field(0.0, ge=0, le=1)
    confidence: float = Field(10.0, gt=0)
    iterations: int = Field(15, ge=1)
    neighbours: int = Field(32, ge=1)
    neighbours_model: Literal["cosine", "bm25", "ease"] = "cosine"
    bm25_k1: float = Field(0.2, gt=0)
    bm25_b: Share = 0.2
    ease_ridge: float = Field(30.0, gt=0)
    ease_most: int = Field(10_000, ge=2, le=40_000)
    seed: int = 0


class PlaceSettings(Settings):
    """The grid of places.

    Attributes:
        cell_degrees: edge of a grid cell, in degrees of latitude.
    """

    cell_degrees: float = Field(0.25, gt=0, le=10)


class WordSettings(Settings):
    """What is kept of the words of postings.

    Attributes:
        vocabulary: at most this many words are told apart, the commonest.
        title: at most this many words of a title are compared, those that say most.
        text: at most this many words of title, skills and description together.
    """

    vocabulary: int = Field(65_535, ge=0, le=65_535)
    title: int = Field(12, ge=1)
    text: int = Field(48, ge=1)


class RetrieveSettings(Settings):
    """How many postings each source brings, how many of them are scored, and how the indices are built.

    Attributes:
        pool: width of the pool: the best of the union by the quick signals, which are then scored by all of them.
        union: width of the union of the sources; a catalogue with no more open postings than this is taken whole.
        text: by similarity of text, over all of the candidate's interests together.
        near: near and alike: by similarity of text plus twice the nearness, among the postings around the
            candidate's places.
        factors: by the collaborative score.
        cooccur: neighbours of the postings in the history.
        recent: the newest in the cells around the candidate's places.
        popular: the most popular in those cells, and over all.
        fresh: of the postings that arrived since the bundle was made, the nearest and most alike.
        words: by the words shared with profile and history, among the postings around the candidate's places; as many
            again from farther around and from those that can be anywhere.
        query_words: at most this many words are looked for, those that say most.
        words_everywhere: the same for a candidate of whom no place is known: the whole board is searched by these.
        word_blocks: at most this many blocks of cells (of some 4,000 postings, or a whole city) are searched by words.
        word_postings: of what the words find, those in the nearest cells that hold this many postings compete by
            themselves.
        interests: at most this many query vectors a candidate.
        cells: at most this many cells around a place are searched.
        close_postings: cells are added, nearest first, until they hold this many postings; shared by all places.
        near_postings: the same for a second, wider circle, of which only the most alike enter.
        exact_below: an index of no more postings than this is searched exactly.
        probes: inverted lists visited in a compressed index.
    """

    pool: int = Field(240, ge=10)
    union: int = Field(1200, ge=10)
    text: Count = 80
    near: Count = 300
    factors: Count = 40
    cooccur: Count = 40
    recent: Count = 20
    popular: Count = 40
    fresh: Count = 60
    words: Count = 400
    query_words: int = Field(32, ge=1)
    words_everywhere: int = Field(32, ge=1)
    word_blocks: int = Field(8, ge=1)
    word_postings: int = Field(2000, ge=1)
    interests: int = Field(2, ge=1, le=8)
    cells: int = Field(48, ge=1)
    close_postings: int = Field(250, ge=1)
    near_postings: int = Field(1000, ge=1)
    exact_below: int = Field(20_000, ge=0)
    probes: int = Field(8, ge=1)

    def widths(self, k: int) -> tuple[int, int]:
        """Width of the pool, three times a list of ``k`` or more; by what the union and all quotas grow to hold it."""
        pool = max(self.pool, 3 * k)
        return pool, max(1, -(-pool // self.union))


class CopySettings(Settings):
    """Which postings are copies of one another, of which a list shows one: the one that was posted last.

    Copies have one employer, the same places, a title of the same words, levels and numbers among them, and texts that
    are alike. Of postings without a text beyond the title all else that they say must be equal, see ``docs/copies.md``.

    Attributes:
        found: look for copies, in training and on arrival; false: every posting stands for itself.
        alike: the share of runs of two words that both texts must have, of all that one of them has.
    """

    found: bool = True
    alike: float = Field(0.7, ge=0.5, le=1)


class ArrangeSettings(Settings):
    """From scores to a list.

    Attributes:
        employer_run: at most this many postings of one employer stand directly after one another; 0: no limit.
        employer_most: at most this many postings of one employer stand in a list, which is shorter only where the
            board has no more of others; 0: no limit.
        new_share: where postings carry no dates, this share of a list is for postings without any event yet.
        diversity: how much a posting loses by being like one that stands before it, see ``recsys.diversity``; 0:
            nothing, 1: only likeness counts. Evaluation tells what it costs and brings.
    """

    employer_run: int = Field(3, ge=0)
    employer_most: Count = 0
    new_share: Share = 0.5
    diversity: Share = 0.0


class HomeSettings(Settings):
    """The shelves of a candidate's home page. No posting stands on it twice, nor beside its copy.

    Attributes:
        shelves: which, in the order in which they stand on the page; empty ones are left out. for_you: the list of
            recommendations; because: what goes with the posting last applied to, saved or viewed; new: what came to the
            board lately, near the candidate; mixes: one shelf for each of several interests; discover: good, yet
            unlike what was chosen and said, the same all week; popular: for those alone of whom nothing is known.
        length: at most so many postings on each.
        mixes: at most so many interests get a shelf; a candidate of one interest has none, as that list is for_you.
        new_days: what was posted no longer ago is new; where postings carry no dates, what nobody has chosen yet is.
        near_km: new postings, discover and mixes show what is no farther from one of the candidate's places than
            this, remote work and candidates of no known place aside.
        unlike: a title is unlike others where its cosine with each of them is below this; discover shows what is unlike
            all of a candidate's titles, a mix what is not unlike those of its interest.
        mix_least: a mix of fewer postings is left out.
        turns: a posting comes into question for discover in one of so many weeks.
    """

    shelves: tuple[Literal["for_you", "because", "new", "mixes", "discover", "popular"], ...] = Field(
        ("for_you", "because", "new", "mixes", "discover", "popular"), min_length=1
    )
    length: int = Field(10, ge=1, le=50)
    mixes: int = Field(3, ge=1, le=8)
    mix_least: int = Field(3, ge=1, le=50)
    new_days: float = Field(7.0, gt=0)
    near_km: float = Field(80.0, gt=0)
    unlike: float = Field(0.4, ge=-1, le=1)
    turns: int = Field(3, ge=1, le=52)

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len(set(self.shelves)) < len(self.shelves):
            raise ValueError("a shelf is named twice")
        return self


Currency = Annotated[str, Field(max_length=3, pattern=r"^[A-Z]{3}$")]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]


class FilterSettings(Settings):
    """What filters and vetoes need to know of the board.

    Attributes:
        currency: of pay whose currency a posting does not name; all pay is compared in it.
        rates: what one unit of another currency is worth in it; pay in a currency without a rate counts as not said.
        extra: fields of the postings' ``extra`` that can be filtered by, and whether they hold a number or words (one
            text or a list of them, of which four count).
        exact: where filters leave no more postings than this, all of them are scored by every signal.
        whole: where they leave no more than this, all of them are scored by the quick signals, and the best by every.
        widen: where they leave more, the sources bring so many times what they bring without filters,
        interests: for up to so many query vectors a candidate,
        compared: and of what is left around the candidate's places, whole cells nearest first, so many postings and
            those of the last cell are compared one by one.
        remembered_mb: what the latest filters left is remembered, up to so many megabytes in each process; 0: never.
        vetoes: conditions by name under which a posting is never shown to a candidate, such as
            ``posting.seniority >= 4 and candidate.seniority < 2``; see filters.md.
        muted_alike: who muted an interest, named by a title, is shown no posting whose title has this cosine with it or
            a higher one; see controls.md.
    """

    currency: Currency = "USD"
    rates: dict[Currency, Annotated[float, Field(gt=0)]] = {}
    extra: dict[FieldName, Literal["number", "words"]] = Field({}, max_length=64)
    exact: int = Field(2000, ge=1)
    whole: int = Field(20_000, ge=1)
    widen: int = Field(2, ge=1, le=16)
    interests: int = Field(4, ge=1, le=16)
    compared: int = Field(1500, ge=1)
    remembered_mb: int = Field(64, ge=0)

    @property
    def listed(self) -> int:
        """Where filters leave no more postings than this, nothing is searched."""
        return max(self.exact, self.whole)

    vetoes: dict[FieldName, str] = Field({}, max_length=64)
    muted_alike: float = Field(0.7, gt=0, le=1)

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        self.conditions()
        return self

    def conditions(self) -> dict[str, Expression]:
        """The vetoes, read and checked.

        Raises:
            ValueError: one is no condition: its name, the column and what is wrong.
        """
        kinds: dict[str, Kind] = dict(self.extra)
        found = {}
        for name, text in self.vetoes.items():
            try:
                found[name] = parse(text, kinds)
            except ExpressionError as error:
                raise ValueError(f"veto {name!r}, {error}") from None
        return found


class SearchSettings(Settings):
    """How a search by words orders what it finds.

    Attributes:
        words: so many of the postings that hold most of the words compete.
        vectors: so many of those whose text is the most alike compete.
        likeness: weight of the likeness of texts in the relevance, the rest is BM25's.
        needed: a posting matches where it holds so much of what the words weigh.
        personal: weight of the candidate's own order beside the relevance, both standardised in each list.
        pay_bands: lower ends of the bands in which pay is counted, a year, in the board's currency.
    """

    words: int = Field(200, ge=1)
    vectors: int = Field(200, ge=1)
    likeness: Share = 0.6
    needed: Share = 0.5
    personal: float = Field(0.5, ge=0)
    pay_bands: tuple[float, ...] = (0, 20_000, 40_000, 60_000, 80_000, 100_000, 150_000)


class ReciprocalSettings(Settings):
    """Which candidates are listed for a posting, and in which order; see reciprocal.md.

    Attributes:
        findable_default: whether candidates who say nothing of it may be listed for postings; false: only those do who
            say that they want to be found.
        weight: of what the candidate wants, the rest being that of what the posting asks, in the geometric mean.
        rivals: a candidate's score for the posting is compared with their scores for so many others of the board, drawn
            at random once for all candidates.
        own: how much of a candidate's own mean over these counts, the rest being what is usual on the board: 0 compares
            plain scores, 1 takes out all that a candidate scores everything higher by.
        odds: as likely to apply as not is who scores the posting so many times that mean, by exp(score).
        prior: how much evidence of middling fitness is added to what is known of a candidate, so that whoever says
            little does not overtake whoever says much; in weights of the parts, of which skills have 3.
        alike: brought by likeness of profile and posting.
        joint: by likeness plus twice the nearness.
        near: by nearness.
        factors: by collaborative factors.
        cooccur: of those who chose what is chosen together with the posting.
        pool: so many of what is brought, the best by quick signals, are scored by every signal.
    """

    findable_default: bool = True
    weight: Share = 0.4
    rivals: int = Field(128, ge=8, le=1024)
    own: Share = 0.25
    odds: float = Field(1000.0, gt=0)
    prior: float = Field(1.0, ge=0)
    alike: Count = 100
    joint: Count = 400
    near: Count = 20
    factors: Count = 150
    cooccur: Count = 80
    pool: int = Field(500, ge=10)


class EngineSettings(Settings):
    """All that the engine needs to know at the moment of a request; travels in the bundle."""

    events: EventSettings = EventSettings()
    factors: FactorSettings = FactorSettings()
    place: PlaceSettings = PlaceSettings()
    words: WordSettings = WordSettings()
    retrieve: RetrieveSettings = RetrieveSettings()
    copies: CopySettings = CopySettings()
    arrange: ArrangeSettings = ArrangeSettings()
    home: HomeSettings = HomeSettings()
    filters: FilterSettings = FilterSettings()
    search: SearchSettings = SearchSettings()
    reciprocal: ReciprocalSettings = ReciprocalSettings()
