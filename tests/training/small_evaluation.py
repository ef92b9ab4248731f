"""Measured values whose summary is known by construction."""

import numpy as np

from training.losses import CAPS, LISTED, POOL, SOON
from training.measured import Measured, Systems

SYSTEMS = Systems(
    names=("engine", "linear", "without text", "near", "alike", "popularity alone"),
    kinds=("engine", "ranker", "ablation", "single", "single", "baseline"),
    order="linear",
    whole=1,
)


def measured(queries: int = 240, dated: bool = True, **changed) -> Measured:
    """Places of answers that follow from a query's number.

    The engine has every answer at place 1 but those of the last third of the queries, which are at 11. "near" has them
    at 2 in the first third and nowhere else, "alike" at 2 in the last third and nowhere else.
    """
    number = np.arange(queries)
    third = number * 3 // max(queries, 1)
    place = np.zeros((len(SYSTEMS.names), queries), np.int32)
    place[:2] = np.where(third == 2, 11, 1)
    place[2] = 100
    place[3] = np.where(third == 0, 2, 0)
    place[4] = np.where(third == 2, 2, 0)
    place[5] = np.where(number % 4 == 0, 50, 0)
    top = np.tile(np.arange(10, dtype=np.int32), (len(SYSTEMS.names), queries, 1))
    top[3, :, 2:] = -1
    km = np.where(top >= 0, top * 10.0, np.nan).astype(np.float32)
    values = {
        "systems": SYSTEMS,
        "postings": 40,
        "dated": dated,
        "place": place,
        "top": top,
        "percentile": np.repeat(np.array([0.5, 0.5, 0.4, 0.3, 0.2, 0.99], np.float32)[:, None], queries, axis=1),
        "km": km,
        "chosen_percentile": np.full(queries, 0.6, np.float32),
        "chosen_km": np.where(number % 2, 5.0, np.nan).astype(np.float32),
        "stage": np.where(third == 2, np.where(number % 2, SOON, POOL), np.where(number == 0, CAPS, LISTED)),
        "history": third.astype(np.int32) * 2,
        "seen": number % 2 == 0,
        "region": np.where(third == 0, "North", np.where(third == 1, "", "South")).astype(object),
    } | changed
    return Measured(**{name: value.astype(np.int8) if name == "stage" else value for name, value in values.items()})
