"""The part of a text that answers a query, with the words that matched."""

from collections import Counter
from dataclasses import dataclass

from encoders.analysis import Analyzer
from retrieval.limits import SNIPPET_CHARACTERS_MAX

LENGTH_CHARACTERS = 240


@dataclass(frozen=True, slots=True)
class Snippet:
    """An excerpt and the (start, end) of each highlighted word in it; `str` marks them with **."""

    text: str
    highlights: tuple[tuple[int, int], ...] = ()

    def __str__(self) -> str:
        return self.marked("**", "**")

    def marked(self, before: str, after: str) -> str:
        """Return the text with every highlight between `before` and `after`."""
        parts, position = [], 0
        for start, end in self.highlights:
            parts += [self.text[position:start], before, self.text[start:end], after]
            position = end
        return "".join([*parts, self.text[position:]])


def cut(text: str, query: str, analyzer: Analyzer, *, length: int = LENGTH_CHARACTERS) -> Snippet:
    """Return the window of about `length` characters with the most distinct words of the query.

    Among equal windows the first wins; without any match it is the beginning of the text. Of a
    very long text only the beginning is looked at.
    """
    text = " ".join(text[:SNIPPET_CHARACTERS_MAX].split())
    wanted = set(analyzer.terms(query))
    matches = [match for match in analyzer.matches(text) if match[2] in wanted]
    start = _best_start(text, matches, length)
    end = len(text)
    if end - start > length:
        space = text.rfind(" ", start, start + length + 1)
        end = space if space > start else start + length
    left, right = "… " if start else "", " …" if end < len(text) else ""
    shift = len(left) - start
    inside = [(a + shift, b + shift) for a, b, _ in matches if start <= a and b <= end]
    return Snippet(f"{left}{text[start:end]}{right}", _joined(inside))


def _joined(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Join spans that overlap: terms of scripts without spaces do."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def _best_start(text: str, matches: list[tuple[int, int, str]], length: int) -> int:
    if len(text) <= length or not matches:
        return 0
    best, best_first, j = 0, matches[0][0], 0
    inside: Counter[str] = Counter()
    for i, (first, _, term) in enumerate(matches):
        j = max(i, j)  # the window moves on: each match enters and leaves it once
        while j < len(matches) and matches[j][1] <= first + length:
            inside[matches[j][2]] += 1
            j += 1
        if len(inside) > best:
            best, best_first = len(inside), first
        if i < j:
            inside[term] -= 1
            if not inside[term]:
                del inside[term]
    # Some words before the first match make it readable, unless the end of the text is near.
    start = max(0, min(best_first - length // 6, len(text) - length))
    return 0 if start == 0 else text.find(" ", start - 1, best_first) + 1 or best_first
