"""Writes people as a board knows them: profiles and CVs in words that are not those of the postings."""

import re

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.mutes import MUTED
from training.market import tables
from training.market.config import DAY
from training.market.people import CITY, CV, EVENTS, FULL, PARTIAL, PeopleFacts
from training.market.posting_text import with_article
from training.market.postings import skill_table
from training.market.vocabulary import LEVELS
from training.market.world import PEOPLE_WORDS, World

#: What each of a person's random numbers decides; tasks, wishes and skills take several, from their start on.
(
    _TITLE, _HEADLINE, _SUMMARY, _WISH, _NEWCOMER, _EDUCATION, _HEADS, _LAYOUT, _SHOWN, _JOBS, _WISHES,
) = range(11)  # fmt: skip
_PAST = _WISHES + 3
_SKILLS = _PAST + 8
_FORMER_SKILLS = _SKILLS + 9
_COMPANIES = _FORMER_SKILLS + 9
_MONTHS = _COMPANIES + 4
_NUMBERS = _MONTHS + 8
_MOST_JOBS = 4
_SENTENCE = re.compile(r"(?<=\. )[a-z]")

#: One job of a CV: title, company's row, months from start to end before today (end 0: still there), what was done.
Job = tuple[str, int, int, int, str]


class PeopleWriter:
    """Turns the numbers of a piece into rows of ``candidates.parquet`` and ``experience.parquet``."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._phrases = world.vocabulary.phrases
        self._skill_rows = skill_table(world)[0].tolist()
        #: For each occupation the two that its people like best beside their own.
        self._next = np.argsort(-world.vocabulary.transition, axis=1, kind="stable")[:, 1:3].tolist()

    def tables(self, facts: PeopleFacts, piece: int) -> tuple[pa.Table, pa.Table]:
        """Candidates and experience of ``piece`` (from `draw_people`); who tells nothing has no row in either."""
        world = self._world
        rng = world.generator(PEOPLE_WORDS, piece)
        numbers = rng.integers(0, 1 << 16, (world.config.people_rows, _NUMBERS), np.uint16)[: len(facts)]
        known = np.flatnonzero(facts.kind != EVENTS)
        ids = tables.ids("c", piece * world.config.people_rows, len(facts)).take(pa.array(known))
        facts, numbers = facts.take(known), numbers[known]
        wants = facts.wants
        columns = (
            wants.occupation, wants.level, facts.kind, facts.city, facts.former, facts.years, facts.skill_mask,
            facts.former_mask, _kilometres(facts), numbers,
        )  # fmt: skip
        rows = [self._row(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
        texts = [row[0] for row in rows]
        candidates = {
            "candidate_id": ids,
            **{
                name: pa.array([text.get(name) for text in texts], tables.CANDIDATES.field(name).type)
                for name in ("headline", "summary", "text", "skills", "desired_titles", *MUTED)  # nobody mutes here
            },
            **self._plain_columns(facts, numbers),
        }
        jobs = [row[1] for row in rows]
        profiles = pa.table({name: candidates[name] for name in tables.CANDIDATES.names})
        return profiles, self._experience(facts, ids, jobs)

    def _row(
        self,
        occupation: int,
        level: int,
        kind: int,
        city: int,
        former: int,
        years: float,
        mask: list[bool],
        former_mask: list[bool],
        kilometres: int,
        numbers: list[int],
    ) -> tuple[dict[str, object], list[Job]]:
        """The texts of one person by column, and the jobs that go into the experience table."""
        if kind == CITY:
            return {}, []
        words = self._words(occupation, level, former, years, numbers)
        skills = self._skills(occupation, mask, numbers[_SKILLS:]) + self._skills(
            former, former_mask, numbers[_FORMER_SKILLS:]
        )
        names = {
            **words,
            "city": self._world.places.names[city],
            "km": str(kilometres),
            "skill": skills[0],
            "skill2": skills[-1] if len(skills) > 1 else "reliability",
            "years": str(max(1, round(years))),
        }
        headline = self._headline(level, names, numbers[_HEADLINE])
        wishes = list(dict.fromkeys([words["wish"], *self._wishes(occupation, level, numbers)]))
        if kind == PARTIAL:
            return {"headline": headline, "desired_titles": wishes[:2]}, []
        summary = self._summary(level, names, numbers)
        jobs = self._jobs(occupation, former, level, years, numbers)
        if kind == CV:
            return {"text": self._cv([headline, self._address(city, numbers)], summary, jobs, skills, numbers)}, []
        return {"headline": headline, "summary": summary, "skills": skills, "desired_titles": wishes}, jobs

    def _words(self, occupation: int, level: int, former: int, years: float, numbers: list[int]) -> dict[str, str]:
        job = self._world.vocabulary.occupations[occupation]
        title = self._title(occupation, level, numbers[_TITLE])
        start, second = numbers[_PAST] % 5, (numbers[_PAST] + 1 + numbers[_PAST + 1] % 4) % 5
        return {
            "title": title,
            "wish": _pick(job.people, numbers[_WISH] // 8),
            "past": job.tasks[start][2],
            "past2": job.tasks[second][2],
        }

    def _title(self, occupation: int, level: int, number: int) -> str:
        """Own words for the trade six times out of eight, else a title from the postings."""
        job = self._world.vocabulary.occupations[occupation]
        if number % 8 < 2:
            return _pick(job.titles[level], number // 8)
        own = _pick(job.people, number // 8)
        return ("trainee ", "", "senior ", "head ")[level] + own if number % 3 == 0 else own

    def _wishes(self, occupation: int, level: int, numbers: list[int]) -> list[str]:
        """Zero to two further titles: the own occupation's, or one of an occupation that it leads to."""
        vocabulary = self._world.vocabulary
        wishes = []
        for number in numbers[_WISHES : _WISHES + numbers[_JOBS] // 8 % 3]:
            target = occupation
            if number % 4 == 0:
                target = self._next[occupation][number // 4 % 2]
            job = vocabulary.occupations[target]
            wishes.append(_pick(job.people, number // 16) if number % 3 else _pick(job.titles[level], number // 16))
        return wishes

    def _skills(self, occupation: int, mask: list[bool], numbers: list[int]) -> list[str]:
        """Another wording than the postings' three times out of four."""
        names = self._world.vocabulary.skills
        result = []
        for k, held in enumerate(mask):
            if held:
                wordings = names[self._skill_rows[occupation][k]]
                number = numbers[k]
                result.append(_pick(wordings[1:] or wordings, number // 4) if number % 4 else wordings[0])
        return result

    def _headline(self, level: int, names: dict[str, str], number: int) -> str:
        template = _pick(self._phrases["headlines"], number)
        if level == 0:
            template = template.replace("Experienced ", "")
        return _capital(template.format(**names).replace(" 1 years", " 1 year"))

    def _address(self, city: int, numbers: list[int]) -> str:
        """The city as a CV's head gives it, or nothing."""
        places = self._world.places
        known = [places.names[city], places.regions[city] or places.countries[city]]
        return ", ".join(known) if numbers[_SHOWN] // 4 % 2 else ""

    def _summary(self, level: int, names: dict[str, str], numbers: list[int]) -> str:
        template = _pick(self._phrases["summaries"], numbers[_SUMMARY])
        titled = {**names, "title": with_article(names["title"])} if "a {title}" in template else names
        text = template.replace("a {title}", "{title}").format(**titled)
        if level == 0:
            text = _pick(self._phrases["newcomer"], numbers[_NEWCOMER]) + " " + text
        text = f"{text} {_pick(self._phrases['wishes'], numbers[_WISH]).format(**names)}".strip()
        return _capital(_SENTENCE.sub(lambda start: start[0].upper(), text)).replace(" 1 years", " 1 year")

    def _jobs(self, occupation: int, former: int, level: int, years: float, numbers: list[int]) -> list[Job]:
        """One to four jobs, latest first, that fill the years of work; the last one may be the former occupation."""
        count = min(1 + level // 2 + numbers[_JOBS] % 2 + (former != occupation), _MOST_JOBS)
        months = max(round(years * 12), 3 * count)
        end = 0 if numbers[_MONTHS] % 10 < 6 else 1 + numbers[_MONTHS] // 16 % 9
        jobs: list[Job] = []
        for place in range(count):
            length = max(2, round(months / count * (0.6 + numbers[_MONTHS + 1 + place] % 80 / 100)))
            trade = former if former != occupation and place == count - 1 else occupation
            was = max(level - place, 0)
            title = self._title(trade, was, numbers[_COMPANIES + place] // 7 * 5 + place)
            tasks = self._world.vocabulary.occupations[trade].tasks
            start = numbers[_PAST + 2 + place] % 5
            done = [tasks[(start + step) % 5][2] for step in range(1 + numbers[_PAST + 2 + place] // 8 % 3)]
            employer = self._employer(trade, numbers[_COMPANIES + place])
            jobs.append((_capital(title), employer, end + length, end, "; ".join(map(_capital, done)) + "."))
            end += length + numbers[_MONTHS + 5] // (place + 1) % 5
        return jobs

    def _employer(self, occupation: int, number: int) -> int:
        employers, job = self._world.employers, self._world.vocabulary.occupations[occupation]
        industry = employers.industries.index(_pick(job.industries, number))
        # The square prefers the large employers of the industry.
        return industry * employers.per_industry + int((number / 65536) ** 2 * employers.per_industry)

    def _cv(self, head: list[str], summary: str, jobs: list[Job], skills: list[str], numbers: list[int]) -> str:
        heads = _pick(self._phrases["cv_heads"], numbers[_HEADS]).split("|")
        today = np.datetime64(self._world.config.end, "M")
        lines = []
        for title, employer, start, end, done in jobs:
            period = f"{today - start} to {'present' if end == 0 else today - end}"
            lines.append(f"{title}, {self._world.employers.names[employer]} ({period})\n{done}")
        listed = ", ".join(skills) if numbers[_LAYOUT] % 2 else "\n".join(f"- {skill}" for skill in skills)
        school = _pick(self._phrases["education"], numbers[_EDUCATION])
        bodies = (summary, "\n\n".join(lines), listed, school)
        parts = [f"{heading}\n{body}" for heading, body in zip(heads, bodies, strict=True)]
        return "\n\n".join(["\n".join(line for line in head if line), *parts])

    def _plain_columns(self, facts: PeopleFacts, numbers: NDArray[np.uint16]) -> dict[str, pa.Array]:
        places, wants = self._world.places, facts.wants
        tells = np.isin(facts.kind, (FULL, PARTIAL))
        # A CV alone gives no place half of the time.
        nowhere = (facts.kind == CV) & (numbers[:, _SHOWN] % 2 == 0)
        where = pa.array(facts.city, mask=nowhere)
        wished = np.round(wants.reservation.astype(np.float64) / 500) * 500
        level = pa.array(wants.level, mask=~(facts.kind == FULL) | (numbers[:, _SHOWN] // 2 % 2 == 0))
        return {
            "city": pa.array(places.names).take(where),
            "region": pa.array(places.regions, pa.string()).take(where),
            "country": pa.array(places.countries).take(where),
            "latitude": pa.array(places.latitude).take(where),
            "longitude": pa.array(places.longitude).take(where),
            "max_distance_km": pa.array(_kilometres(facts).astype(np.float64), mask=~(tells & facts.says_distance)),
            "remote_ok": pa.array(wants.home_office > 0.6, mask=~(tells & facts.says_remote)),
            "desired_salary_min": pa.array(wished, mask=~(tells & facts.says_pay)),
            "seniority": pa.array(LEVELS).take(level),
            "findable": pa.nulls(len(facts), pa.bool_()),
            "extra": pa.nulls(len(facts), pa.string()),
        }

    def _experience(self, facts: PeopleFacts, ids: pa.Array, jobs: list[list[Job]]) -> pa.Table:
        places, names = self._world.places, self._world.employers.names
        counts = [len(person) for person in jobs]
        rows = np.repeat(np.arange(len(jobs)), counts)
        flat = [job for person in jobs for job in person]
        city = pa.array(facts.city[rows])
        start = self._world.config.end_second - np.array([job[2] for job in flat], np.int64) * (30 * DAY)
        end = self._world.config.end_second - np.array([job[3] for job in flat], np.int64) * (30 * DAY)
        still = np.array([job[3] == 0 for job in flat], np.bool_)
        columns = {
            "candidate_id": ids.take(pa.array(rows)),
            "title": pa.array([job[0] for job in flat], pa.string()),
            "company": pa.array([names[job[1]] for job in flat], pa.string()),
            "city": pa.array(places.names).take(city),
            "region": pa.array(places.regions, pa.string()).take(city),
            "country": pa.array(places.countries).take(city),
            "start": tables.times(start),
            "end": tables.times(end, unknown=still),
            "description": pa.array([job[4] for job in flat], pa.string()),
        }
        return pa.table({name: columns[name] for name in tables.EXPERIENCE.names})


def _kilometres(facts: PeopleFacts) -> NDArray[np.int64]:
    """How far people say they would travel: what their tolerable minutes allow, in steps of 5 km, at most 150."""
    minutes = np.maximum(facts.wants.tolerable.astype(np.float64) - 6, 1)
    # Inverse of `travel_minutes`: 60 d^2 + (1200 - 80 m) d - 500 m = 0 for m minutes after setting out.
    slope = 1200 - 80 * minutes
    distance = (-slope + np.sqrt(slope**2 + 4 * 60 * 500 * minutes)) / 120
    return np.asarray(np.clip(np.ceil(distance / 5) * 5, 5, 150), np.int64)


def _pick(choices: list[str] | tuple[str, ...], number: int) -> str:
    return choices[number % len(choices)]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
