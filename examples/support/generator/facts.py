"""Facts: general knowledge that the base has. Kinds and phrasings were chosen, never single questions."""

from __future__ import annotations

from collections.abc import Mapping

from generator.shape import Draft, Source, finite

_CAPITALS = {
    "France": "Paris", "Germany": "Berlin", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo",
    "China": "Beijing", "Russia": "Moscow", "Egypt": "Cairo", "Greece": "Athens", "Portugal": "Lisbon",
    "Ireland": "Dublin", "Austria": "Vienna", "Poland": "Warsaw", "Sweden": "Stockholm", "Norway": "Oslo",
    "Denmark": "Copenhagen", "Finland": "Helsinki", "Cuba": "Havana", "Peru": "Lima", "Thailand": "Bangkok",
    "Canada": "Ottawa", "Hungary": "Budapest", "Kenya": "Nairobi", "Argentina": "Buenos Aires",
    "Turkey": "Ankara", "Iran": "Tehran", "Iraq": "Baghdad", "Chile": "Santiago", "Belgium": "Brussels",
    "England": "London", "Scotland": "Edinburgh", "Lebanon": "Beirut", "Syria": "Damascus",
    "Indonesia": "Jakarta", "Venezuela": "Caracas",
}  # fmt: skip
_LANGUAGES: dict[str, str | list[str]] = {
    "France": "French", "Germany": "German", "Italy": "Italian", "Spain": "Spanish", "Japan": "Japanese",
    "Russia": "Russian", "Greece": "Greek", "Portugal": "Portuguese", "Poland": "Polish",
    "Sweden": "Swedish", "Norway": "Norwegian", "Denmark": "Danish", "Finland": "Finnish",
    "Mexico": "Spanish", "Brazil": "Portuguese", "Egypt": "Arabic", "England": "English",
    "Australia": "English", "Hungary": "Hungarian", "Turkey": "Turkish", "Iceland": "Icelandic",
    "Austria": "German", "Argentina": "Spanish", "Vietnam": "Vietnamese", "Thailand": "Thai",
    "Romania": "Romanian", "Saudi Arabia": "Arabic", "Iran": ["Persian", "Farsi"],
}  # fmt: skip
_SYMBOLS = {
    "gold": "Au", "silver": "Ag", "iron": "Fe", "copper": "Cu", "oxygen": "O", "hydrogen": "H",
    "carbon": "C", "nitrogen": "N", "helium": "He", "sodium": "Na", "calcium": "Ca", "zinc": "Zn",
    "lead": "Pb", "tin": "Sn", "mercury": "Hg", "chlorine": "Cl", "sulfur": "S", "potassium": "K",
    "magnesium": "Mg", "uranium": "U",
}  # fmt: skip
_OPPOSITES = {
    "hot": "cold", "up": "down", "left": "right", "day": "night", "happy": ["sad", "unhappy"],
    "fast": "slow", "rich": "poor", "open": ["closed", "close", "shut"], "early": "late", "strong": "weak",
    "hard": ["soft", "easy"], "wet": "dry", "high": "low", "long": "short", "true": "false",
    "full": "empty", "black": "white", "first": "last", "north": "south", "begin": ["end", "finish", "stop"],
    "win": "lose", "loud": ["quiet", "soft", "silent"], "thick": "thin", "inside": "outside",
}  # fmt: skip
_CONTINENTS = {
    "France": "Europe", "Germany": "Europe", "Italy": "Europe", "Spain": "Europe", "Poland": "Europe",
    "Sweden": "Europe", "Greece": "Europe", "Portugal": "Europe", "Japan": "Asia", "China": "Asia",
    "India": "Asia", "Thailand": "Asia", "Vietnam": "Asia", "Nepal": "Asia", "Egypt": "Africa",
    "Kenya": "Africa", "Nigeria": "Africa", "Ghana": "Africa", "Morocco": "Africa", "Ethiopia": "Africa",
}  # fmt: skip
_COUNTRIES = {
    "Paris": "France", "Tokyo": "Japan", "Rome": "Italy", "Berlin": "Germany", "Moscow": "Russia",
    "Cairo": "Egypt", "Madrid": "Spain", "Sydney": "Australia", "Toronto": "Canada", "Mumbai": "India",
    "Beijing": "China", "Athens": "Greece", "Lisbon": "Portugal", "Dublin": "Ireland", "Vienna": "Austria",
    "Milan": "Italy", "Munich": "Germany", "Barcelona": "Spain", "Shanghai": "China", "Osaka": "Japan",
    "Warsaw": "Poland", "Delhi": "India", "Istanbul": "Turkey", "Venice": "Italy", "Lyon": "France",
    "Naples": "Italy", "Hamburg": "Germany", "Kyoto": "Japan", "Melbourne": "Australia", "Nairobi": "Kenya",
}  # fmt: skip

_CAPITAL_OF = ("Complete the sentence: The capital of {} is", "Tell me the capital of {} in one sentence.")
_LANGUAGE_OF = (
    "Complete the sentence: The official language of {} is",
    "Tell me the official language of {} in one sentence.",
    "What is the official language of {}?",
)
_SYMBOL_OF = ("What is the chemical symbol for {}?",)
_OPPOSITE_OF = ("Name the opposite of the word {}.",)
_CONTINENT_OF = ("Which continent is {} part of?",)
_COUNTRY_OF = ("Complete the sentence: {} is a city in the country of",)

_Kinds = tuple[tuple[Mapping[str, str | list[str]], tuple[str, ...]], ...]
_KINDS: _Kinds = (
    (dict(_CAPITALS), _CAPITAL_OF),
    (_LANGUAGES, _LANGUAGE_OF),
    (dict(_SYMBOLS), _SYMBOL_OF),
    (_OPPOSITES, _OPPOSITE_OF),
    (dict(_CONTINENTS), _CONTINENT_OF),
    (dict(_COUNTRIES), _COUNTRY_OF),
)
# More of the same kinds, apart: one fact more among the first would deal all of them out anew.
_LATER: _Kinds = (
    (
        {
            "the Netherlands": "Amsterdam", "South Korea": "Seoul", "the Czech Republic": "Prague",
            "Romania": "Bucharest", "Bulgaria": "Sofia", "Croatia": "Zagreb", "Serbia": "Belgrade",
            "Ukraine": ["Kyiv", "Kiev"], "Pakistan": "Islamabad", "Bangladesh": "Dhaka", "Afghanistan": "Kabul",
            "Jordan": "Amman", "Ethiopia": "Addis Ababa", "Morocco": "Rabat", "Algeria": "Algiers",
            "Tunisia": "Tunis", "Ecuador": "Quito", "Jamaica": "Kingston", "Nepal": "Kathmandu",
            "Ghana": "Accra", "Vietnam": "Hanoi", "Saudi Arabia": "Riyadh", "Wales": "Cardiff",
            "Iceland": ["Reykjavik", "Reykjavík"],
        },
        _CAPITAL_OF,
    ),
    (
        {
            "the Netherlands": "Dutch", "Chile": "Spanish", "Colombia": "Spanish", "Cuba": "Spanish",
            "Venezuela": "Spanish", "Ukraine": "Ukrainian", "Bulgaria": "Bulgarian", "South Korea": "Korean",
            "Albania": "Albanian", "Croatia": "Croatian", "the Czech Republic": "Czech",
            "Lithuania": "Lithuanian", "Latvia": "Latvian", "Estonia": "Estonian", "Jamaica": "English",
            "Ghana": "English", "Nigeria": "English", "Syria": "Arabic",
        },
        _LANGUAGE_OF,
    ),
    (
        {
            "nickel": "Ni", "silicon": "Si", "phosphorus": "P", "fluorine": "F", "neon": "Ne", "argon": "Ar",
            "aluminum": "Al", "platinum": "Pt", "lithium": "Li", "titanium": "Ti", "cobalt": "Co", "boron": "B",
        },
        _SYMBOL_OF,
    ),
    (
        {
            "big": ["small", "little"], "young": "old", "good": ["bad", "evil"], "top": "bottom", "buy": "sell",
            "love": "hate", "push": "pull", "heavy": "light", "near": "far", "before": "after",
            "clean": "dirty", "expensive": ["cheap", "inexpensive"], "easy": ["hard", "difficult"],
            "dark": ["light", "bright"], "wide": "narrow", "deep": "shallow",
        },
        _OPPOSITE_OF,
    ),
    (
        {
            "Brazil": "South America", "Argentina": "South America", "Peru": "South America",
            "Canada": "North America", "Norway": "Europe", "Austria": "Europe", "Hungary": "Europe",
            "Ireland": "Europe", "Finland": "Europe", "Pakistan": "Asia", "South Korea": "Asia",
            "Algeria": "Africa", "Uganda": "Africa",
        },
        _CONTINENT_OF,
    ),
    (
        {
            "Florence": "Italy", "Frankfurt": "Germany", "Marseille": "France", "Bangkok": "Thailand",
            "Seoul": ["South Korea", "Korea"], "Montreal": "Canada", "Ankara": "Turkey", "Budapest": "Hungary",
            "Oslo": "Norway", "Helsinki": "Finland", "Stockholm": "Sweden", "Baghdad": "Iraq",
            "Nagoya": "Japan", "Krakow": "Poland", "Brisbane": "Australia", "Jakarta": "Indonesia",
        },
        _COUNTRY_OF,
    ),
)  # fmt: skip


def _drafts(kinds: _Kinds) -> list[Draft]:
    return [
        Draft(phrasing.format(subject), answer)
        for facts, phrasings in kinds
        for phrasing in phrasings
        for subject, answer in facts.items()
    ]


def source() -> Source:
    """Every fact in every phrasing of its kind."""
    return finite(_drafts(_KINDS))


def further() -> Source:
    """Those of `source`, and more."""
    return finite(_drafts(_KINDS) + _drafts(_LATER))
