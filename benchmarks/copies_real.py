"""What is found in boards as they are: how many, and some of them to look at."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.config import CopySettings, PlaceSettings
from recsys.copies import groups
from recsys.geo import city_points
from recsys.schema import Tables
from recsys.sketch import Sketches, likeness, place_numbers, sketches
from recsys.text import posting_texts, posting_titles

_LISTED: Final = 12  # groups of a board


def board_sketches(tables: Tables) -> Sketches:
    """Sketches of a board's postings, in their order."""
    postings, locations = tables.postings, tables.locations
    rows = np.arange(len(postings), dtype=np.int32)
    edge = PlaceSettings().cell_degrees
    places = place_numbers(locations, city_points(locations), rows, postings["remote"].to_numpy(np.int8), edge)
    return sketches(postings, posting_titles(postings), posting_texts(postings), places)


def real_sections(boards: Mapping[str, Tables]) -> Iterator[str]:
    """One section for each board."""
    for name, tables in boards.items():
        sketched = board_sketches(tables)
        group = groups(sketched, CopySettings())
        sizes = np.bincount(group, minlength=len(group))
        several = np.flatnonzero(sizes > 1)
        equal, found = _equal_pairs(tables.postings, group)
        yield f"## Real repeats: `configs/{name}.yaml`\n"
        held = int(sizes[several].sum())
        yield (
            f"{len(group)} postings with ids of their own; {len(several)} groups hold {held} of them, the largest "
            f"{int(sizes.max())}: {held - len(several)} are left out of lists. Of {equal} pairs that are equal in all "
            f"columns but id, address, dates and place, {found} are joined.\n"
        )
        yield from _listed(tables.postings, sketched, group, several)


def _equal_pairs(postings: pd.DataFrame, group: NDArray[np.int32]) -> tuple[int, int]:
    """Pairs that are equal in all that the table says but id, dates and address, and how many of them are joined."""
    columns = [name for name in postings.columns if name not in ("posting_id", "date_posted", "valid_through", "url")]
    kind = postings.groupby(columns, dropna=False, sort=False).ngroup().to_numpy()
    equal, joined = (_pairs(pd.Series(kind)), _pairs(pd.Series(list(zip(kind, group.tolist(), strict=True)))))
    return equal, joined


def _pairs(kinds: pd.Series) -> int:
    count = kinds.value_counts().to_numpy()
    return int((count * (count - 1) // 2).sum())


def _listed(
    postings: pd.DataFrame, sketched: Sketches, group: NDArray[np.int32], several: NDArray[np.intp]
) -> Iterator[str]:
    """The groups that are least alike inside, then some of the others, evenly spread."""
    least = np.array([_least_alike(sketched, np.flatnonzero(group == one)) for one in several])
    order = np.lexsort((several, least))
    half = _LISTED // 2
    others = order[half:][np.linspace(0, max(len(order) - half - 1, 0), half).astype(int)] if len(order) > half else []
    yield f"The {half} groups whose texts are least alike, then {half} of the others:\n"
    yield "| title | employer | postings | posted | texts alike at least |\n|---|---|---|---|---|"
    for at in [*order[:half], *others]:
        rows = np.flatnonzero(group == several[at])
        cells = [postings[name].iloc[rows] for name in ("title", "company", "posting_id", "date_posted")]
        titles, employers, ids = ("; ".join(dict.fromkeys(cell.str.replace("|", "/"))) for cell in cells[:3])
        dates = pd.to_datetime(cells[3].dropna().sort_values(), unit="s").dt.strftime("%Y-%m-%d")
        yield f"| {titles} | {employers} | {ids} | {', '.join(dict.fromkeys(dates)) or '-'} | {least[at]:.2f} |"
    yield ""


def _least_alike(sketched: Sketches, rows: NDArray[np.intp]) -> float:
    texts = sketched.texts[rows]
    return float(likeness(texts[:, None], texts[None]).min())
