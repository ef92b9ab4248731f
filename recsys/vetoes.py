"""Vetoes computed over arrays. A veto holds only where it is known to be true.

Truth has three values: a comparison with something that is not said is unknown, ``not`` leaves it unknown, ``and`` is
false where one part is, ``or`` true where one part is. ``known(FIELD)`` is never unknown.
"""

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsys.attributes import EMPLOYMENT, employment_kind, language_key
from recsys.catalogue import Catalogue
from recsys.expression import field_of, literals
from recsys.geo import chord_to_km, squared_chords
from recsys.postings import own_names, own_word
from recsys.queries import Queries

Flags = NDArray[np.bool_]
Rows = NDArray[np.int32]

_DAY: Final = 86_400.0
_SUMS: Final[dict[type, Callable[..., Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_ORDERS: Final[dict[type, Callable[..., Any]]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip


def vetoed(catalogue: Catalogue, queries: Queries, rows: Rows) -> Flags:
    """Which postings at ``rows`` (B, n), none -1, some veto of the board keeps from each of B requests: bool (B, n)."""
    barred = np.zeros(rows.shape, bool)
    asked = _Asked(catalogue, queries, rows)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for veto in catalogue.vetoes.values():
            barred |= asked.truth(veto.tree).yes
    return barred


@dataclass(frozen=True)
class _Truth:
    """Where something is true, and where it is false; neither where it is unknown. Both broadcast to (B, n)."""

    yes: Flags
    no: Flags

    @property
    def opposite(self) -> "_Truth":
        """False where this is true."""
        return _Truth(self.no, self.yes)


def _all(parts: list[_Truth]) -> _Truth:
    """True where all are, false where one is."""
    whole = parts[0]
    for part in parts[1:]:
        whole = _Truth(whole.yes & part.yes, whole.no | part.no)
    return whole


@dataclass(frozen=True)
class _Asked:
    """The fields of B requests and the postings at ``rows`` (B, n)."""

    catalogue: Catalogue
    queries: Queries
    rows: Rows

    def truth(self, node: ast.expr) -> _Truth:
        """A condition."""
        if isinstance(node, ast.BoolOp):
            parts = [self.truth(one) for one in node.values]
            return _all(parts) if isinstance(node.op, ast.And) else _all([part.opposite for part in parts]).opposite
        if isinstance(node, ast.UnaryOp):
            return self.truth(node.operand).opposite
        if isinstance(node, ast.Compare):
            return self._comparison(node)
        if isinstance(node, ast.Call):
            known = self._known(node.args[0])
            return _Truth(known, ~known)
        if isinstance(node, ast.Constant):
            value = np.full((1, 1), bool(node.value))
            return _Truth(value, ~value)
        flag = self._values(node)
        return _Truth(flag == 1, flag == 0)

    def _comparison(self, node: ast.Compare) -> _Truth:
        parts, left = [], node.left
        for order, right in zip(node.ops, node.comparators, strict=True):
            parts.append(self._pair(left, order, right))
            left = right
        return _all(parts)

    def _pair(self, left: ast.expr, order: ast.cmpop, right: ast.expr) -> _Truth:
        if isinstance(order, ast.In | ast.NotIn):
            texts = literals(right)
            field, words = (right, [_text(left)]) if texts is None else (left, texts)
            same, known = self._holds(field, words), self._known(field)
        elif _text(left) or _text(right):
            field, word = (right, _text(left)) if _text(left) else (left, _text(right))
            same, known = self._holds(field, [word]), self._known(field)
        else:
            a, b = self._number(left), self._number(right)
            return _Truth(*_decided(_ORDERS[type(order)](a, b), ~(np.isnan(a) | np.isnan(b))))
        if isinstance(order, ast.NotIn | ast.NotEq):
            same = ~same
        return _Truth(*_decided(same, known))

    def _number(self, node: ast.expr) -> NDArray[np.float64]:
        if isinstance(node, ast.BinOp):
            return np.asarray(_SUMS[type(node.op)](self._number(node.left), self._number(node.right)), np.float64)
        if isinstance(node, ast.UnaryOp):
            return -self._number(node.operand)
        if isinstance(node, ast.Constant):
            return np.full((1, 1), node.value, np.float64)
        return self._values(node).astype(np.float64)

    def _holds(self, node: ast.expr, words: list[str]) -> Flags:
        """Whether a field is, or holds, one of the words."""
        path, values = field_of(node) or (), self._values(node)
        find = self.catalogue.numbering.find
        if path[1] == "extra":
            same = np.isin(values, find("extra", [own_word(path[-1], word) for word in words]))
            return np.asarray(same.any(axis=-1))
        if path[-1] == "employment":
            kinds = [employment_kind(word) for word in words]
            bits = sum(1 << at for at, name in enumerate(EMPLOYMENT) if name in kinds)
            return np.asarray(values & np.uint8(bits) != 0)
        if path[-1] == "language":
            words = [language_key(word) for word in words]
        return np.isin(values, find(path[-1], words))

    def _known(self, node: ast.expr) -> Flags:
        path, values = field_of(node) or (), self._values(node)
        if np.issubdtype(values.dtype, np.floating):
            return np.asarray(~np.isnan(values))
        if path[1] == "extra":
            return np.asarray(np.any(values >= 0, axis=-1))
        return np.asarray(values != 0 if path[-1] == "employment" else values >= 0)

    def _values(self, node: ast.expr) -> NDArray[Any]:
        """A field as it is stored, for (B, n) or (B, 1)."""
        owner, *names = field_of(node) or ("",)
        if owner == "candidate":
            return self._of_candidate(names[0])[:, None]
        a, rows = self.catalogue.attributes, self.rows
        if names[0] == "extra":
            kind = self.catalogue.rules.extra[names[1]]
            column = own_names(self.catalogue.rules, kind).index(names[1])
            own: NDArray[Any] = (a.extra_words if kind == "words" else a.extra_numbers)[rows, column]
            return own
        if names[0] == "age_days":
            return np.asarray((self.queries.now[:, None] - a.posted[rows]) / _DAY)
        if names[0] == "km":
            return self._km()
        stored: NDArray[Any] = getattr(a, _STORED.get(names[0], names[0]))
        return np.asarray(stored[rows])

    def _of_candidate(self, name: str) -> NDArray[Any]:
        if name == "history":
            return np.asarray((self.queries.history >= 0).sum(axis=1), np.float64)
        return np.asarray(getattr(self.queries, name))

    def _km(self) -> NDArray[np.float32]:
        home, place = self.queries.home[:, None], self.catalogue.place[self.rows]
        chords = [squared_chords(place[:, :, slot], home)[..., 0] for slot in range(place.shape[2])]
        return chord_to_km(np.sqrt(np.fmin.reduce(chords)))


_STORED: Final = {"pay_low": "worth_low", "pay_high": "worth_high", "permit_needed": "permit"}


def _decided(value: Flags, known: Flags) -> tuple[Flags, Flags]:
    return value & known, ~value & known


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
