"""The languages that are known by name, and what is peculiar to each."""

from indexes.errors import InvalidInput, nearest

CODES = {
    "arabic": "ar", "armenian": "hy", "basque": "eu", "burmese": "my", "catalan": "ca",
    "chinese": "zh", "czech": "cs", "danish": "da", "dutch": "nl", "english": "en",
    "esperanto": "eo", "estonian": "et", "finnish": "fi", "french": "fr", "german": "de",
    "greek": "el", "hebrew": "he", "hindi": "hi", "hungarian": "hu", "indonesian": "id",
    "irish": "ga", "italian": "it", "japanese": "ja", "khmer": "km", "korean": "ko", "lao": "lo",
    "lithuanian": "lt", "multilingual": "mul", "nepali": "ne", "norwegian": "no", "persian": "fa",
    "polish": "pl", "portuguese": "pt", "romanian": "ro", "russian": "ru", "serbian": "sr",
    "sesotho": "st", "spanish": "es", "swedish": "sv", "tamil": "ta", "thai": "th",
    "turkish": "tr", "vietnamese": "vi", "yiddish": "yi", "yoruba": "yo",
}  # fmt: skip
"""English name to ISO 639-1 code; multilingual, words as they are, to the code of ISO 639-2."""

_ALSO = {"nb": "norwegian", "nn": "norwegian", "farsi": "persian", "myanmar": "burmese"}
_NAMES = {code: name for name, code in CODES.items()} | _ALSO

UNSTEMMED = frozenset({
    "burmese", "chinese", "hebrew", "japanese", "khmer", "korean", "lao", "multilingual", "thai",
    "vietnamese", "yoruba",
})  # fmt: skip
"""Languages without a Snowball algorithm; every other name is that of one."""

FOLDING = {"turkish": "turkish", "persian": "persian", "yoruba": "unmarked"}
"""Languages that `folding` has rules of their own for."""


def named(language: str) -> str:
    """Return the English name of a language given by name, code or tag ("de", "German", "de-AT").

    Raises:
        InvalidInput: a language that is not known; the message suggests the nearest.
    """
    given = language.strip().lower()
    for key in (given, given.replace("_", "-").partition("-")[0]):
        if key in CODES or key in _NAMES:
            return _NAMES.get(key, key)
    raise InvalidInput(
        f"no analysis for the language {nearest(given, [*CODES, *_NAMES])}; "
        "for any other there is 'multilingual', without stop words and stems"
    )
