"""Expressions over a posting and a candidate: read by Python's own parser, and refused unless every part is known here.

Nothing is ever evaluated by Python. What passes is a tree of comparisons, ``and``, ``or``, ``not``, ``in``, ``known``
and arithmetic over fields whose kinds are known, so that ``recsys.vetoes`` can compute it over whole arrays.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["number", "word", "words", "truth"]

#: Fields of a posting. Pay is a year's, in the board's currency; ``km`` is from the candidate's home.
POSTING: Final[dict[str, Kind]] = {
    "seniority": "number", "pay_low": "number", "pay_high": "number", "age_days": "number", "km": "number",
    "remote": "truth", "permit_needed": "truth", "language": "word", "company": "word", "industry": "word",
    "occupation": "word", "region": "word", "employment": "words",
}  # fmt: skip
#: Fields of a candidate; ``history`` counts the postings chosen, up to ``events.history``.
CANDIDATE: Final[dict[str, Kind]] = {
    "seniority": "number", "pay": "number", "reach_km": "number", "history": "number", "remote_ok": "truth",
}  # fmt: skip

_LONGEST: Final = 2_000
_LARGEST: Final = 10**300
_ORDERS: Final = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_SUMS: Final = (ast.Add, ast.Sub, ast.Mult, ast.Div)


class ExpressionError(ValueError):
    """An expression that is none: one line that names the column."""


@dataclass(frozen=True)
class Expression:
    """A checked condition.

    Attributes:
        text: as it was written.
        tree: of it; holds nothing but what this file lets pass.
    """

    text: str
    tree: ast.expr


def parse(text: str, extra: Mapping[str, Kind]) -> Expression:
    """Check a condition.

    Args:
        text: for example ``posting.seniority >= 4 and candidate.seniority < 2``.
        extra: the customer's own fields, as ``posting.extra.NAME``.

    Raises:
        ExpressionError: it is not one; says where.
    """
    if len(text) > _LONGEST:
        raise ExpressionError(f"has {len(text)} characters, the limit is {_LONGEST}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(f"column {error.offset or 1}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError):
        raise ExpressionError("cannot be read: too deep, or it holds the character NUL") from None
    try:
        kind = _kind(tree, extra)
    except RecursionError:
        raise ExpressionError("is nested too deeply") from None
    if kind != "truth":
        raise _wrong(tree, f"the whole has to be a condition, not a {kind}")
    return Expression(text, tree)


def field_of(node: ast.expr) -> tuple[str, ...] | None:
    """The path of a field, such as ("posting", "extra", "shift"); None for anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) and names else None


def literals(node: ast.expr) -> list[str] | None:
    """The texts of a tuple or list of texts; None for anything else."""
    if not isinstance(node, ast.Tuple | ast.List):
        return None
    texts = [one.value for one in node.elts if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return texts if len(texts) == len(node.elts) else None


def _wrong(node: ast.expr, what: str) -> ExpressionError:
    return ExpressionError(f"column {node.col_offset + 1}: {what}")


def _kind(node: ast.expr, extra: Mapping[str, Kind]) -> Kind:
    """The kind of a node, all below it checked."""
    if isinstance(node, ast.BoolOp):
        for one in node.values:
            _expect(one, "truth", extra)
        return "truth"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        return _expect(node.operand, "truth" if isinstance(node.op, ast.Not) else "number", extra)
    if isinstance(node, ast.BinOp) and isinstance(node.op, _SUMS):
        _expect(node.left, "number", extra)
        return _expect(node.right, "number", extra)
    if isinstance(node, ast.Compare):
        return _compare_kind(node, extra)
    if isinstance(node, ast.Call):
        return _call_kind(node, extra)
    if isinstance(node, ast.Attribute):
        return _field_kind(node, extra)
    if isinstance(node, ast.Constant):
        return _constant_kind(node)
    raise _wrong(node, "this is not allowed here; use comparisons, and, or, not, in, known(...), + - * / and fields")


def _constant_kind(node: ast.Constant) -> Kind:
    value = node.value
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, str) and value.strip():
        return "word"
    if isinstance(value, int | float) and abs(value) < _LARGEST:
        return "number"
    raise _wrong(node, "neither a number below 1e300, a text in quotes with something in it, True nor False")


def _expect(node: ast.expr, wanted: Kind, extra: Mapping[str, Kind]) -> Kind:
    found = _kind(node, extra)
    if found != wanted:
        raise _wrong(node, f"a {wanted} is needed here, this is a {found}")
    return found


def _compare_kind(node: ast.Compare, extra: Mapping[str, Kind]) -> Kind:
    left = node.left
    for operator, right in zip(node.ops, node.comparators, strict=True):
        if isinstance(operator, ast.In | ast.NotIn):
            _check_in(left, right, extra)
        elif isinstance(operator, _ORDERS):
            _expect(left, "number", extra)
            _expect(right, "number", extra)
        elif isinstance(operator, ast.Eq | ast.NotEq):
            if _expect(right, _kind(left, extra), extra) in ("words", "truth"):
                raise _wrong(left, "only numbers and words can be equal; a list has `in`, a condition stands alone")
            if isinstance(left, ast.Constant) == isinstance(right, ast.Constant) and _kind(left, extra) == "word":
                raise _wrong(left, "a field of words is compared with a text in quotes")
        else:
            raise _wrong(left, "this comparison is not allowed")
        left = right
    return "truth"


def _check_in(left: ast.expr, right: ast.expr, extra: Mapping[str, Kind]) -> None:
    """A field in a list of texts, or a text in a field that holds several."""
    if literals(right) is not None:
        if field_of(left) is None or _kind(left, extra) != "word":
            raise _wrong(left, "only a field that is one word can be in a list of texts")
    elif not (isinstance(left, ast.Constant) and isinstance(left.value, str)):
        raise _wrong(right, "`in` needs FIELD in [texts], or a text in quotes before a field of several words")
    else:
        _expect(right, "words", extra)


def _call_kind(node: ast.Call, extra: Mapping[str, Kind]) -> Kind:
    if not isinstance(node.func, ast.Name) or node.func.id != "known":
        raise _wrong(node, "only known(FIELD) can be called")
    if len(node.args) != 1 or node.keywords or field_of(node.args[0]) is None:
        raise _wrong(node, "known takes one field")
    _kind(node.args[0], extra)
    return "truth"


def _field_kind(node: ast.expr, extra: Mapping[str, Kind]) -> Kind:
    path = field_of(node)
    if path is not None:
        owner, names = ".".join(path[:-1]), {"posting": POSTING, "candidate": CANDIDATE, "posting.extra": extra}
        if owner in names:
            known = names[owner]
            if path[-1] in known:
                return known[path[-1]]
            there = ", ".join(known) or "none; filters.extra names them"
            raise _wrong(node, f"{owner} has no field {path[-1]!r}; it has {there}")
    raise _wrong(node, "fields are posting.NAME, posting.extra.NAME and candidate.NAME")
