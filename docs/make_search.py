"""Writes docs/search.md: prose, and requests with the answers that the bundle of ``configs/jobviews.yaml`` gives.

python docs/make_search.py --bundle BUNDLE
"""

# ruff: noqa: E501 - the page's lines are long

import argparse
import asyncio
import io
import json
import shlex
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import httpx

import jobrec
from recsys.bundle import open_bundle
from recsys.encode import EncoderConfig, load_encoder
from serving.http import lists
from serving.http.app import create_app
from serving.http.settings import HttpSettings, LaneSettings
from serving.live.replay import Replay
from serving.live.unstored import profile_reader
from serving.store import Store
from serving.store.migration import migrate

COMMAND = 'search --bundle BUNDLE --words "custmer service repres" --candidate 11493 --filter latitude=41.88 --filter longitude=-87.63 --filter within_km=80 -k 6'
PATH = "/v1/search?q=registerd+nurs&k=3&candidate=11493"

PAGE = """# Search

Words and filters find postings; the order knows who asks, and the words stay decisive.

## As a command

    jobrec {command}

```
{printed}
```

`--not-personal` leaves profile and history out. `--filter` is as in [filters.md](filters.md).

## Over HTTP

    GET {path}

```json
{answer}
```

Filters are further parameters, as for lists; `POST /v1/search` takes all that filters can say (`q`, `candidate`,
`filters`, `k`, `personal`, `explain`, `min_position`). `personal=false` leaves profile and history out. Where the encoder is away the
words decide alone and `by_meaning` is false. In Python: `recsys.search.wording` reads what was typed, `recsys.search.search`
answers many searches at once.

## What happens

**Words.** Texts are cut into words without regard to case, form of letters and plural; `c++`, `c#` and `.net` stay what they
are, a hyphen parts words, and those that say nothing are left out. The bundle holds an inverted index of open postings
(`recsys/wordindex.py`): BM25 in Lucene's form, computed by bm25s when training ends, a word of the title counted four
times, of employer and skills twice. What arrives later is weighed by the same idf and found at once with the rest of it;
what is gone or changed is not.

**Slips.** A word that no posting uses becomes the nearest one that some do: one insertion, deletion, substitution or
exchange of neighbours from four letters on, two from eight on, of equals the one that most postings use. The last word may
be the beginning of one. Words with digits are left alone. The answer tells what was searched for instead, and what nobody
uses. A slip that gives another known word is not noticed.

**Order.** The postings that hold most of the words (`search.words`) and those whose text is most alike (`search.vectors`)
compete. A search means the middle of what was typed and of its core, without what stands in brackets or behind a dash
(`recsys/meaning.py`). Relevance is a mean of the cosine, with weight `search.likeness`, and of BM25 as a share of the most that the words
could reach; it depends on nothing else that is found. For a candidate the engine's own score is added with weight
`search.personal`, both standardised over the list: among the postings that share a word with the search, and among those
that share none. How the two kinds take turns is for the relevance alone, so a posting that shares nothing does not come
forward because it is near or liked. The reasons name the rarest words that a posting says, or that its meaning brought it,
and then what speaks for it in the candidate's own order. Equals stand by posting id. Copies, vetoes, what was answered before and the caps on
employers count as in every list.

**Filters** narrow inside retrieval, so a search gives `k` postings whenever `k` match.

**Match and counts.** A posting matches if the words that it holds make up the share `search.needed` of what all words
weigh (by idf), it passes the filters and may be shown; copies count once. Lists may go on with postings that are alike but do
not match. Counts are over what matches, by region and employer (the ten commonest, as the board writes them), employment,
level and pay (bands `search.pay_bands` of the highest pay a year, in the board's currency). The filter on employment, level
or pay is lifted while that facet is counted, so that another value can be chosen.

Each search goes to the log of decisions as `jobrec:search`, with the words as they were typed; `jobrec replay` makes it again.

Figures: [search-figures.md](search-figures.md).
"""


def command(bundle: Path) -> str:
    """What the command prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        status = jobrec.main([str(bundle) if word == "BUNDLE" else word for word in shlex.split(COMMAND)])
    if status:
        raise SystemExit(f"jobrec {COMMAND} ended with {status}")
    return printed.getvalue().rstrip()


PATIENT = LaneSettings(threads=1, queue=4, seconds=120)  # the first text waits for the model to be read


async def get(bundle: Path, path: str) -> Any:
    """What a service over the bundle answers at the moment where its data ends."""
    opened = open_bundle(bundle)
    as_of = float(opened.manifest["as_of"])
    encoder = load_encoder(EncoderConfig.model_validate(opened.manifest["encoder"]["config"]))
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/store.db"
        migrate(url)
        with Store.open(url) as store:
            state = Replay(opened, store, 0, profile_reader(opened, encoder, store)).state
            service: Any = SimpleNamespace(state=lambda position=None: state, keys=dict)
            app = create_app(service, HttpSettings(open=True, texts=PATIENT))
            transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
            with patch.object(lists, "time", SimpleNamespace(time=lambda: as_of)):
                async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                    answer = await client.get(path)
            app.state.desk.lanes.close()
    return answer.json()


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--bundle", type=Path, required=True)
    args = parser.parse_args()
    found = asyncio.run(get(args.bundle, PATH))
    left_out = ("request_id", "ranker", "policy", "position", "indexed", "at", "bundle")
    short = {name: value for name, value in found.items() if name not in left_out}
    short["facets"] = {name: counts[:3] for name, counts in short["facets"].items()}
    answer = json.dumps(short, indent=1, ensure_ascii=False)
    page = PAGE.format(command=COMMAND, printed=command(args.bundle), path=PATH, answer=answer)
    (Path(__file__).parent / "search.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
