"""Which script and which language a text is written in, from its characters and its commonest words. Pure."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from types import MappingProxyType
from typing import Final

from langdetect import DetectorFactory, LangDetectException, detect_langs

# langdetect draws n-grams at random; with a seed the same text always gets the same languages.
DetectorFactory.seed = 7

_LETTER: Final = re.compile(r"[A-Za-z]")
_WORD: Final = re.compile(r"[^\W\d_]{2,}")  # a single letter may be a variable
_FENCED: Final = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_READ: Final = 2000  # characters; more of a text says nothing new of its language
_LEAST_LETTERS: Final = 20  # a shorter text may be a name, a number or a loan word

# Function words, most of which no other language of the table has.
_FUNCTION_WORDS: Final = MappingProxyType(
    {
        "en": "the and of to is that it for was with are this you not have be from or at which your their can what",
        "fr": "le la les des est et un une dans pour que qui pas vous nous sont avec sur au du ce cette je mais ou en",
        "de": "der die das und ist nicht ein eine zu den mit von auf für im dem sich wir sie ich es auch werden wird",
        "es": "el la los las de que y en un una por con para es su se del al lo como más pero está son esta usted",
        "it": "il lo gli di che è e un una per con non del della sono nel alla anche come più ma questo questa si",
        "pt": "o os as de que e em um uma para com não do da no na por mais como mas foi são ao é seu sua você",
        "nl": "de het een en van is dat niet op te voor met zijn aan ik je wij ook maar bij deze naar wordt er",
        "sv": "och att det som en på är av för med den till inte har jag du vi ett om men kan var ska från",
        "da": "og at det som en på er af for med den til ikke har jeg du vi et om men kan var skal fra blev",
        "pl": "i w na z do się nie jest to że o jak za od ale po co przez dla są być może tylko który jego",
        "tr": "ve bir bu için ile da de çok ne gibi olan daha kadar ama olarak sonra mi değil var ben siz",
        "id": "yang dan di dengan untuk dari ini itu tidak pada adalah ke dalam akan saya anda juga atau karena",
        "vi": "là và của không có được một cho người những với các trong này để khi đã tôi bạn rất",
        "fi": "ja on ei se että oli hän mutta ovat joka kun niin myös tai jos ole sen voi mitä ovat",
        "ro": "și de la în nu este un o cu pe care pentru din mai că sunt au fost să sau ca prin",
        "cs": "a je se na v že to s z do není jsem ale jako by za pro jsou po co nebo tak",
        "sw": "ya na wa kwa ni katika la za kuwa hii yake kama hiyo pia sana lakini watu yao",
    }
)
_LANGUAGES_OF: Final = {
    word: tuple(code for code, words in _FUNCTION_WORDS.items() if word in words.split())
    for words in _FUNCTION_WORDS.values()
    for word in words.split()
}
# Scripts that (nearly) one language alone is written in.
_OWN_SCRIPT: Final = MappingProxyType(
    {
        "kana": "ja", "han": "zh", "hangul": "ko", "thai": "th", "greek": "el", "hebrew": "he", "tamil": "ta",
        "telugu": "te", "kannada": "kn", "gujarati": "gu", "gurmukhi": "pa", "bengali": "bn", "malayalam": "ml",
    }
)  # fmt: skip
_SHARED_SCRIPT: Final = MappingProxyType(
    {"cyrillic": ("ru", "uk", "bg", "mk"), "arabic": ("ar", "fa", "ur"), "devanagari": ("hi", "mr", "ne")}
)
_SCRIPT_NAMES: Final = MappingProxyType({"cjk": "han", "hiragana": "kana", "katakana": "kana"})
LANGUAGES: Final = MappingProxyType(
    {
        "english": "en", "french": "fr", "german": "de", "spanish": "es", "italian": "it", "portuguese": "pt",
        "dutch": "nl", "swedish": "sv", "danish": "da", "polish": "pl", "turkish": "tr", "indonesian": "id",
        "vietnamese": "vi", "finnish": "fi", "romanian": "ro", "czech": "cs", "swahili": "sw", "japanese": "ja",
        "chinese": "zh", "mandarin": "zh", "korean": "ko", "thai": "th", "greek": "el", "hebrew": "he",
        "tamil": "ta", "telugu": "te", "kannada": "kn", "gujarati": "gu", "punjabi": "pa", "bengali": "bn",
        "malayalam": "ml", "russian": "ru", "ukrainian": "uk", "bulgarian": "bg", "arabic": "ar", "persian": "fa",
        "farsi": "fa", "urdu": "ur", "hindi": "hi", "marathi": "mr", "nepali": "ne", "norwegian": "no",
        "hungarian": "hu", "croatian": "hr", "catalan": "ca",
    }
)  # fmt: skip
"""The languages that a prompt may name in English, with their codes (ISO 639-1)."""


def script_of(text: str) -> str | None:
    """The script of most letters, such as `latin`, `han`, `kana`; None where there are no letters.

    >>> script_of("It is Paris."), script_of("\u5317\u4eac\u662f\u9996\u90fd"), script_of("12 + 3")
    ('latin', 'han', None)
    """
    read = text[:_READ]
    if read.isascii():  # most texts, and much faster
        return "latin" if _LETTER.search(read) else None
    counts = Counter(_script(letter) for letter in read if letter.isalpha())
    if not counts:
        return None
    # Japanese is written in both; what has kana at all is no Chinese.
    if counts["kana"] and counts["kana"] + counts["han"] > sum(counts.values()) / 2:
        return "kana"
    return min(counts, key=lambda name: (-counts[name], name))


def language_of(text: str) -> str | None:
    """The code of the text's language where its script or its function words leave little doubt, else None.

    Latin script needs two function words of the language, a twelfth of all words, and half as many again as any
    other language has. Cheap (no model), so that it can be asked of every answer.

    >>> language_of("The parcel is with your neighbour."), language_of("Oslo"), language_of("Le colis est dans la rue.")
    ('en', None, 'fr')
    """
    script = script_of(text)
    if script is not None and script in _OWN_SCRIPT:
        return _OWN_SCRIPT[script]
    if script != "latin":
        return None
    words = _WORD.findall(_FENCED.sub(" ", text[:_READ].casefold()))  # code has no language
    votes: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for word in words:
        for code in (codes := _LANGUAGES_OF.get(word, ())):
            votes[code] += 1 / len(codes)  # type: ignore[assignment]  # a Counter adds up fractions as well
            hits[code] += 1
    best, other = ([*votes.most_common(2), ("", 0), ("", 0)])[:2]
    sure = hits[best[0]] >= 2 and hits[best[0]] * 12 >= len(words) and best[1] >= 1.5 * other[1]
    return best[0] if sure else None


def may_be_in(text: str, code: str) -> bool:
    """Whether `text` may be written in the language `code`; False only where another one is clear.

    The script decides where it can, then langdetect (Shuyo 2010), whose first guess has to be sure. A text of fewer
    than 20 letters, or of a language that neither knows, may be anything.
    """
    letters = sum(map(str.isalpha, text[:_READ]))
    script = script_of(text)
    if script is None or letters < (_LEAST_LETTERS if script == "latin" else 2):
        return True
    if (wanted := _script_of_language(code)) != script:
        return {wanted, script} == {"kana", "han"} and letters < _LEAST_LETTERS
    if script in _OWN_SCRIPT:
        return True
    try:
        found = detect_langs(text[:_READ])
    except LangDetectException:
        return True
    likely = {one.lang.partition("-")[0]: one.prob for one in found}
    near = {"no": ("no", "da", "sv"), "da": ("da", "no"), "id": ("id", "ms"), "hr": ("hr", "sl", "sr")}
    return any(likely.get(one, 0.0) >= 0.1 for one in near.get(code, (code,))) or found[0].prob < 0.9


def _script_of_language(code: str) -> str:
    own = next((script for script, language in _OWN_SCRIPT.items() if language == code), None)
    shared = next((script for script, codes in _SHARED_SCRIPT.items() if code in codes), None)
    return own or shared or "latin"


@functools.lru_cache(maxsize=8192)
def _script(letter: str) -> str:
    first = unicodedata.name(letter, "unknown").split()[0].lower()
    return _SCRIPT_NAMES.get(first, first)
