"""``jobrec search``: words and filters, over a bundle."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from serving import options

Answer = dict[str, Any]


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Register the command."""
    one = command("search", _search, "postings by words and filters, in a candidate's order")
    one.add_argument("--words", required=True, help="what is looked for; slips are corrected")
    one.add_argument("--candidate", help="a candidate of the bundle; left out: nobody who is known")
    options.of_bundle(one)
    options.filters(one)
    options.personal(one)


def _search(args: argparse.Namespace) -> Answer:
    from dataclasses import asdict

    from recsys.encode import EncoderConfig, load_encoder
    from recsys.meaning import meanings
    from recsys.request import Request
    from recsys.search import search, wording
    from serving.ask import Asking
    from serving.filter_query import filters_of_words
    from serving.profile import profile_from_texts

    filters, asking = filters_of_words(args.filter), Asking(args.bundle, args.cache)
    scorer, now = asking.scorer, asking.moment(args.now)
    engine = scorer.engine
    asked = wording(engine.catalogue, args.words)
    encoder = load_encoder(EncoderConfig.model_validate(scorer.encoder["config"]), args.cache)

    def encode(texts: Sequence[str]) -> Any:  # as the service reads a text
        return engine.queries([Request(profile=profile_from_texts(encoder, one), now=now) for one in texts]).whole

    vectors = meanings([asked.text], encode)
    personal = args.candidate is not None and args.personal
    queries = engine.queries([Request(now=now)]) if args.candidate is None else scorer.queries([args.candidate], now)
    queries = queries if personal else queries.impersonal()  # what was answered and muted stays hidden
    found = search(engine, queries, [asked], vectors, args.k, filters, personal, explain=True)[0]
    print("\n".join(_lines(engine, asked, found)))
    return {"searched_for": asked.text, "corrected": asked.corrected, "unknown": asked.unknown, **asdict(found)}


def _lines(engine: Any, asked: Any, found: Any) -> list[str]:
    """The answer for people."""
    from serving.ask import headings

    lines = [f"searched for: {asked.text}"] if asked.corrected else []
    lines += [f"no posting uses {', '.join(asked.unknown)}"] if asked.unknown else []
    lines.append(f"{found.matching} postings match")
    for hit, heading in zip(found.hits, headings(engine, [one.posting_id for one in found.hits]), strict=True):
        lines.append(f"{hit.rank:3d}. {heading}  {hit.relevance:.3f}  {'; '.join(hit.reasons)}")
    for name, counts in found.facets.items():
        if counts:
            lines.append(f"{name}: " + ", ".join(f"{one.value} {one.count}" for one in counts))
    return lines
