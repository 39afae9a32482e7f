"""Text in, terms out: words, case folding, stop words, stems.

`Analysis` is the settings, `Analyzer` does the work; the same analyzer makes the terms of documents
and queries and finds the words to highlight, so that what matched is what is shown.
"""

from encoders.analysis.analyzer import Analysis, Analyzer

__all__ = ["Analysis", "Analyzer"]
