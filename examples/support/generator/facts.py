"""Facts: general knowledge that the base has. Kinds and phrasings were chosen, never single questions."""

from __future__ import annotations

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

_KINDS: tuple[tuple[dict[str, str | list[str]], tuple[str, ...]], ...] = (
    (dict(_CAPITALS), ("Complete the sentence: The capital of {} is", "Tell me the capital of {} in one sentence.")),
    (
        dict(_LANGUAGES),
        (
            "Complete the sentence: The official language of {} is",
            "Tell me the official language of {} in one sentence.",
            "What is the official language of {}?",
        ),
    ),
    (dict(_SYMBOLS), ("What is the chemical symbol for {}?",)),
    (dict(_OPPOSITES), ("Name the opposite of the word {}.",)),
    (dict(_CONTINENTS), ("Which continent is {} part of?",)),
    (dict(_COUNTRIES), ("Complete the sentence: {} is a city in the country of",)),
)  # fmt: skip


def source() -> Source:
    """Every fact in every phrasing of its kind."""
    return finite(
        [
            Draft(phrasing.format(subject), answer)
            for facts, phrasings in _KINDS
            for phrasing in phrasings
            for subject, answer in facts.items()
        ]
    )
