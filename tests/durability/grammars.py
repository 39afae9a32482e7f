"""Filters and recipes by their grammar, with something out of place now and then."""

import json
from collections.abc import Sequence
from random import Random

from garble import SNAGS

_FIELDS = (
    "year",
    "a.b.c",
    "`content type`",
    "tags",
    "`x``y`",
    "é",
    "author.name",
    "ok",
    "_",
    "`and`",
)
_VALUES = (
    '"en"',
    "'x'",
    "1",
    "-2.5",
    "2e3",
    "true",
    "False",
    "null",
    '"\\u00e9"',
    "9" * 30,
    '"\\ud800"',
    "1e400",
)
_SIGNS = ("==", "!=", "<", "<=", ">", ">=", "=", "in", "not in")


def filter_of(good: Sequence[bytes], random: Random) -> bytes:
    """Write a filter by its grammar, with something out of place now and then."""

    def pick(among: Sequence[str]) -> str:
        odd = random.random() < 0.01
        return random.choice(SNAGS).decode(errors="replace") if odd else random.choice(among)

    def comparison() -> str:
        sign = pick(_SIGNS)
        if sign in ("in", "not in") and random.random() < 0.8:
            values = ", ".join(pick(_VALUES) for _ in range(random.randrange(4)))
            return f"{pick(_FIELDS)} {sign} [{values}]"
        sides = [pick(_FIELDS), pick(_VALUES)]
        random.shuffle(sides)
        more = f" {pick(_SIGNS)} {pick(_VALUES)}" if random.random() < 0.1 else ""
        return f"{sides[0]} {sign} {sides[1]}{more}"

    def either(depth: int) -> str:
        way = random.random()
        if depth == 0 or way < 0.3:
            return comparison()
        if way < 0.45:
            return f"not {either(depth - 1)}"
        if way < 0.65:
            return f"({either(depth - 1)})"
        word = random.choice((" and ", " or ", " and\n"))
        return word.join(either(depth - 1) for _ in range(random.choice((2, 2, 3))))

    depth = random.choice((1, 2, 3, 5))
    deep = random.choice((0, 0, 0, 0, 0, 30, 49, 51, 3000))
    return ("not (" * deep + either(depth) + ")" * deep).encode()


_KEYS = ("sources", "chunking", "fields", "representations", "systems", "search", "nothing")
_INNER = {
    "chunking": ("by", "size", "overlap", "tokenizer"),
    "fields": ("docno", "text", "title", "metadata"),
    "representations": ("bm25", "dense", "mine", "hybrid", "A b"),
    "systems": ("short", "all", "bm25", "hybrid"),
    "search": ("system", "per"),
}
_OPTIONS = (
    *(
        "encoder",
        "index",
        "k1",
        "b",
        "analysis",
        "metric",
        "kind",
        "precision",
        "max_length",
        "prompts",
    ),
    *(
        "model",
        "device",
        "retrieve",
        "fuse",
        "settings",
        "depth",
        "constant",
        "dimension",
        "backend",
    ),
)
_TOML_VALUES = (
    *(
        '"bm25"',
        '"dense:x/y"',
        '"bm25:german"',
        '"short"',
        '"sentences:200"',
        '"COSINE"',
        '"parent"',
        '""',
    ),
    *(
        "1",
        "0",
        "-1",
        "0.5",
        "nan",
        "-inf",
        "1e999",
        "true",
        "[]",
        "{}",
        "2020-01-01",
        "07:32:00",
        "9" * 30,
    ),
    *(
        '["bm25", "dense"]',
        '["short", "all"]',
        "[1, [2]]",
        "{ k1 = 1.2 }",
        '{ kind = "flat" }',
        '["all", "all"]',
    ),
    *(
        '"~nobody/x"',
        '"dense:~nobody/x"',
        '"a\\u0000b"',
        '"precomputed:x.npy"',
        '"' + "x" * 300 + '"',
    ),
)


def recipe_of(good: Sequence[bytes], random: Random) -> bytes:
    """Write a recipe: known keys, values of every type."""

    def value(depth: int = 2) -> str:
        if depth and random.random() < 0.25:
            pairs = (
                f"{random.choice(_OPTIONS)} = {value(depth - 1)}"
                for _ in range(random.randrange(4))
            )
            return "{ " + ", ".join({p.partition(" ")[0]: p for p in pairs}.values()) + " }"
        return random.choice(_TOML_VALUES)

    lines = []
    for key in random.sample(_KEYS, random.randrange(1, 5)):
        if key in _INNER and random.random() < 0.7:
            inner = random.sample(_INNER[key], random.randrange(1, len(_INNER[key])))
            lines += [f"{key}.{json.dumps(name)} = {value()}" for name in inner]
        else:
            lines.append(f"{key} = {value()}")
    return "\n".join(lines).encode()
