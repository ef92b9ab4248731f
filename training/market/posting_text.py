"""Writes postings as a board shows them: title, description and columns, the same thing in many words."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.schema import PLACE_COLUMNS
from training.market import tables
from training.market.postings import COPY, EMPLOYMENT, REPOST, PostingFacts, skill_table
from training.market.vocabulary import LEVELS
from training.market.world import POSTING_WORDS, World

#: What each of a posting's random numbers decides; tasks and skills take several, from their start on.
(
    _TITLE, _SUFFIX, _OPENING, _INTRODUCTION, _LAYOUT, _TASK_HEAD, _SKILL_HEAD, _EXPERIENCE, _CONDITION, _PAY,
    _BENEFIT_HEAD, _CLOSING, _REMOTE, _SHOWN, _ORDER, _REPOSTED, _BENEFITS,
) = range(17)  # fmt: skip
_TASKS = _BENEFITS + 4
_SKILLS = _TASKS + 5
_NUMBERS = _SKILLS + 9
_SYMBOLS = {"USD": "$", "CAD": "CA$", "GBP": "£", "EUR": "€", "AUD": "A$", "NZD": "NZ$", "INR": "₹"}
#: Columns that half or so of the employers fill in: bit of the random number, share of 8.
_SHOWN_SENIORITY, _SHOWN_OCCUPATION, _SHOWN_INDUSTRY, _SHOWN_SKILLS = range(4)


#: Abbreviations that are said as words.
_SPOKEN = ("MIG", "TIG")


def with_article(noun: str) -> str:
    """``noun`` after "a" or "an", by its sound as far as letters tell."""
    first = noun.split()[0].strip("(,")
    if first in _SPOKEN:
        return f"a {noun}"
    spelled = first.isupper() or (len(first) < 5 and first[:2].isupper()) or ("/" in first and first[:2].isupper())
    vowel = first[0] in "AEFHILMNORSX" if spelled else first[0] in "aeiouAEIOU" and not first.startswith(("Uni", "Use"))
    return f"{'an' if vowel else 'a'} {noun}"


def pay_words(low: float, high: float, hourly: bool, currency: str) -> tuple[str, str]:
    """Range and starting pay as text: ("$18.50 - $21.00 an hour", "$18.50 an hour")."""
    sign, unit = _SYMBOLS.get(currency, f"{currency} "), "an hour" if hourly else "a year"
    start, stop = (f"{sign}{value:.2f}" if hourly else f"{sign}{value:,.0f}" for value in (low, high))
    return (f"{start} {unit}" if start == stop else f"{start} - {stop} {unit}"), f"{start} {unit}"


class PostingWriter:
    """Turns the numbers of a piece into the rows of ``postings.parquet``."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._phrases = world.vocabulary.phrases
        self._skill_rows = skill_table(world)[0].tolist()
        self._about = [self._phrases["industries"][name]["about"] for name in world.employers.industries]

    def table(self, facts: PostingFacts, piece: int) -> pa.Table:
        """The postings of ``piece`` (from `draw_postings`) with their texts, in the order of ``tables.POSTINGS``."""
        numbers = self._numbers(facts, piece)
        rows = [self._row(*row) for row in zip(*self._lists(facts), numbers.tolist(), strict=True)]
        titles, descriptions, skills = zip(*rows, strict=True)
        first = piece * self._world.config.piece_rows
        ids = tables.ids("p", first, len(facts.posted))
        original = ids.take(pa.array(np.where(facts.kind == COPY, facts.source, np.arange(len(ids)))))
        columns = {
            "posting_id": ids,
            "title": pa.array(titles, pa.string()),
            "description": pa.array(descriptions, pa.string()),
            "url": pa.array([f"https://board.example/jobs/{key}" for key in original.to_pylist()], pa.string()),
            "skills": pa.array(skills, pa.list_(pa.string()), mask=~_shown(numbers[:, _SHOWN], _SHOWN_SKILLS)),
            **self._plain_columns(facts, numbers),
            **self._pay_columns(facts),
        }
        return pa.table({name: columns[name] for name in tables.POSTINGS.names})

    def _numbers(self, facts: PostingFacts, piece: int) -> NDArray[np.uint16]:
        """Random numbers (N, _NUMBERS): a copy has its source's, a repost all but a few of them."""
        rng = self._world.generator(POSTING_WORDS, piece)
        drawn = rng.integers(0, 1 << 16, (self._world.config.piece_rows, _NUMBERS), np.uint16)
        numbers = drawn[facts.source]
        reposted = np.flatnonzero(facts.kind == REPOST)
        for column in (_SUFFIX, _OPENING, _CLOSING, _BENEFITS, _REPOSTED):
            numbers[reposted, column] = drawn[reposted, column]
        return numbers

    def _lists(self, facts: PostingFacts) -> list[list[object]]:
        """What a row's text depends on, as Python lists: reading them is ten times as fast as reading arrays."""
        offers = facts.offers
        columns = (
            offers.occupation, offers.level, facts.employer, facts.city, offers.remote, facts.pay_stated,
            facts.pay_low, facts.pay_high, facts.kind == REPOST, facts.skill_mask,
        )  # fmt: skip
        return [column.tolist() for column in columns]

    def _row(
        self,
        occupation: int,
        level: int,
        employer: int,
        city: int,
        remote: bool,
        stated: bool,
        low: float,
        high: float,
        reposted: bool,
        mask: list[bool],
        numbers: list[int],
    ) -> tuple[str, str, list[str]]:
        """Title, description and skills of one posting."""
        world, phrases = self._world, self._phrases
        job = world.vocabulary.occupations[occupation]
        base = _pick(job.titles[level], numbers[_TITLE])
        suffix = _pick(phrases["title_suffix"][job.setting], numbers[_SUFFIX])
        if remote and numbers[_REMOTE] % 2:
            suffix = " (Remote)"
        place = world.places.names[city]
        about = _pick(self._about[employer // world.employers.per_industry], employer)
        opening = _pick(phrases["openings"], numbers[_OPENING])
        introduction = _pick(phrases["introductions"], numbers[_INTRODUCTION])
        named = with_article(base) if "a {title}" in introduction else base
        intro = introduction.replace("a {title}", "{title}").format(title=named)
        skills = self._skills(occupation, mask, numbers)
        pay = pay_words(low, high, job.hourly, world.places.currency[city]) if stated else None
        text = _layout(
            opening.format(company=world.employers.names[employer], about=about, city=place) + " " + intro,
            (_pick(phrases["task_heads"], numbers[_TASK_HEAD]), self._tasks(occupation, numbers)),
            (
                _pick(phrases["skill_heads"], numbers[_SKILL_HEAD]),
                [*map(_capital, skills), _pick(phrases["experience"][LEVELS[level]], numbers[_EXPERIENCE]).rstrip(".")],
            ),
            self._offer(job.setting, place, remote, pay, numbers),
            numbers[_LAYOUT] % 100,
        )
        if reposted:
            text += " " + _pick(phrases["repost_lines"], numbers[_REPOSTED])
        return base + suffix, text, skills

    def _tasks(self, occupation: int, numbers: list[int]) -> list[str]:
        tasks = self._world.vocabulary.occupations[occupation].tasks
        start, count = numbers[_ORDER] % 5, 3 + numbers[_ORDER] // 5 % 3
        chosen = [(start + step) % 5 for step in range(count)]
        return [tasks[task][numbers[_TASKS + task] % 2] for task in chosen]

    def _skills(self, occupation: int, mask: list[bool], numbers: list[int]) -> list[str]:
        """The usual wording three times out of four, otherwise one that people would use."""
        names = self._world.vocabulary.skills
        chosen = [k for k, asked in enumerate(mask) if asked]
        turn = numbers[_ORDER] // 64 % len(chosen)
        result = []
        for k in chosen[turn:] + chosen[:turn]:
            wordings, number = names[self._skill_rows[occupation][k]], numbers[_SKILLS + k]
            result.append(wordings[0] if number % 4 else wordings[number // 4 % len(wordings)])
        return result

    def _offer(
        self, setting: str, place: str, remote: bool, pay: tuple[str, str] | None, numbers: list[int]
    ) -> tuple[str, list[str], str]:
        """Heading, lines of conditions, pay and benefits, and the closing sentence."""
        phrases = self._phrases
        condition = phrases["remote_lines"] if remote else phrases["conditions"][setting]
        lines = [_pick(condition, numbers[_CONDITION]).format(city=place)]
        if pay is None:
            lines.append(_pick(phrases["no_pay_lines"], numbers[_PAY]))
        else:
            lines.append(_pick(phrases["pay_lines"], numbers[_PAY]).format(pay=pay[0], low=pay[1]))
        count = 1 + numbers[_BENEFIT_HEAD] // 8 % 4
        benefits = [_pick(phrases["benefits"], numbers[_BENEFITS + k]) for k in range(count)]
        lines += dict.fromkeys(benefits)
        closing = _pick(phrases["closings"], numbers[_CLOSING])
        return _pick(phrases["benefit_heads"], numbers[_BENEFIT_HEAD]), [line for line in lines if line], closing

    def _plain_columns(self, facts: PostingFacts, numbers: NDArray[np.uint16]) -> dict[str, pa.Array]:
        world, n = self._world, len(facts.posted)
        offers, jobs, employers = facts.offers, world.vocabulary.occupations, world.employers
        hidden = [~_shown(numbers[:, _SHOWN], column) for column in range(4)]
        countries = pa.array([[code] for code in world.config.countries])
        remote = pa.array(np.where(offers.remote, offers.country, 0), mask=~offers.remote)
        # Few boards say "not remote" outright: where it is not remote, half leave the column empty.
        silent = ~offers.remote & (numbers[:, _REMOTE] % 2 == 0)
        industry = facts.employer // employers.per_industry
        return {
            "company": pa.array(employers.names).take(pa.array(facts.employer)),
            "remote": pa.array(offers.remote, mask=silent),
            "remote_countries": countries.take(remote),
            "employment_type": pa.array(EMPLOYMENT).take(pa.array(facts.employment)),
            "seniority": pa.array(LEVELS).take(pa.array(offers.level, mask=hidden[_SHOWN_SENIORITY])),
            "occupation": pa.array([job.label for job in jobs]).take(
                pa.array(offers.occupation, mask=hidden[_SHOWN_OCCUPATION])
            ),
            "industry": pa.array([name.replace("_", " ") for name in employers.industries]).take(
                pa.array(industry, mask=hidden[_SHOWN_INDUSTRY])
            ),
            "date_posted": tables.times(facts.posted),
            "valid_through": tables.times(facts.expires),
            "language": pa.repeat("en", n),
            "permit_needed": pa.nulls(n, pa.bool_()),
            "extra": pa.nulls(n, pa.string()),
            "locations": _locations(world, facts),
        }

    def _pay_columns(self, facts: PostingFacts) -> dict[str, pa.Array]:
        world, silent = self._world, ~facts.pay_stated
        hourly = np.array([job.hourly for job in world.vocabulary.occupations])[facts.offers.occupation]
        return {
            "salary_min": pa.array(facts.pay_low.astype(np.float64), mask=silent),
            "salary_max": pa.array(facts.pay_high.astype(np.float64), mask=silent),
            "salary_currency": pa.array(world.places.currency).take(pa.array(facts.city, mask=silent)),
            "salary_period": pa.array(["YEAR", "HOUR"]).take(pa.array(hourly.astype(np.int8), mask=silent)),
        }


def _pick(choices: list[str] | tuple[str, ...], number: int) -> str:
    return choices[number % len(choices)]


def _shown(numbers: NDArray[np.uint16], column: int) -> NDArray[np.bool_]:
    """Whether an optional column is filled in (N,): five times out of eight."""
    return np.asarray((numbers >> (3 * column)) % 8 < 5)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _layout(
    opening: str,
    tasks: tuple[str, list[str]],
    skills: tuple[str, list[str]],
    offer: tuple[str, list[str], str],
    number: int,
) -> str:
    """The same content as lists (the most common), as running text, or as HTML; ``number`` from 0 to 99 decides."""
    sections = (tasks, skills, offer[:2])
    if number < 6:
        lists = [f"<h3>{head}</h3><ul>{''.join(f'<li>{x}</li>' for x in lines)}</ul>" for head, lines in sections]
        return f"<p>{opening}</p>{''.join(lists)}" + (f"<p>{offer[2]}</p>" if offer[2] else "")
    if number < 40:
        duties = [line[0].lower() + line[1:] for line in tasks[1]]
        duty = f"You will {', '.join(duties[:-1])} and {duties[-1]}."
        asked = f"{skills[0]}: {', '.join(skills[1][:-1])}. {skills[1][-1]}."
        return " ".join([opening, duty, asked, *offer[1], offer[2]]).strip()
    mark = "- " if number < 80 else "* "
    body = [f"{head}:\n" + "\n".join(mark + line for line in lines) for head, lines in sections]
    return "\n\n".join([opening, *body, offer[2]]).strip()


def _locations(world: World, facts: PostingFacts) -> pa.ListArray:
    """One or two places in each row."""
    places, double = world.places, facts.second_city >= 0
    offsets = np.concatenate([[0], np.cumsum(1 + double)]).astype(np.int32)
    cities = np.empty(offsets[-1], np.int64)
    cities[offsets[:-1]] = facts.city
    cities[offsets[:-1][double] + 1] = facts.second_city[double]
    rows = pa.array(cities)
    columns = [
        pa.array(places.names).take(rows),
        pa.array(places.regions, pa.string()).take(rows),
        pa.array(places.countries).take(rows),
        pa.array(places.latitude[cities]),
        pa.array(places.longitude[cities]),
    ]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.StructArray.from_arrays(columns, list(PLACE_COLUMNS)))
