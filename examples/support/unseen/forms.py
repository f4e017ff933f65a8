"""Tasks of form: lists of so many entries, and small Python functions."""

from __future__ import annotations

import random

from unseen.shape import Ask, phrasing

_COUNTS = (("three", 3), ("3", 3), ("four", 4), ("4", 4))
_THINGS = (
    "trail snacks", "knots", "musical instruments", "kitchen tools", "breakfast foods", "ball games", "spices",
    "board games", "kinds of cheese", "sea creatures", "card games", "things to pack for a hike", "dances",
    "kinds of pasta", "garden tools", "birds", "household chores", "soups", "dog breeds", "fabrics", "herbs",
    "kinds of weather", "winter sports", "drinks", "sandwich fillings", "camp songs", "desserts", "gemstones",
)  # fmt: skip
_PLAIN = (
    "Make a numbered list of {n} {things}. Only the list, please.",
    "Please write a numbered list with {n} {things} and no other text.",
    "Create a short numbered list of {n} {things}.",
    "I want a numbered list of {n} {things}, just the list.",
    "A numbered list of {n} {things}, please.",
)
_NUMBERED = (
    "For the new landing page: {n} {things}, numbered, nothing else.",
    "{n} {things} please, each on its own line with a number in front",
    "I need {n} {things}. Number them 1, 2, 3 and so on.",
    "Come up with {n} {things} and number each of them.",
    "Can I have a list with numbers, {n} {things}, no introduction?",
    "numbered list, {n} entries, topic: {things}",
    "Editor here. Put {n} {things} under each other as 1., 2., ...",
)
_BULLETED = (
    "{n} {things} as bullet points, please.",
    "Bullet list with {n} {things}, no further text.",
    "Just bullets: {n} {things}",
)
_CODE = (
    "Could someone code up {name} in Python? It {does}.",
    "python helper wanted: {name}, which {does}. just the code",
    "We lack a {name} in our Python utils, it {does}. Please send the def.",
    "Implement {name} for me (Python). What it does: it {does}.",
    "def {name}: please complete this in python so that it {does}",
    "I'm stuck with Python, show me how {name} would look if it {does}.",
    "Quick snippet please, language Python, name it {name}, purpose: it {does}.",
)
_FUNCTIONS = (
    ("clamp", "takes a value, a lower and an upper limit and squeezes the value between them", 3),
    ("initials", "takes a full name and gives back its initials", 1),
    ("discount", "takes a price and a percentage and gives the reduced price", 2),
    ("grams_to_ounces", "turns grams into ounces", 1),
    ("title_case", "gives a text with every word capitalised", 1),
    ("strip_spaces", "removes all blanks from a text", 1),
    ("middle", "gives the element in the centre of a list", 1),
    ("hypotenuse", "gives the longest side of a right triangle from the two others", 2),
    ("digit_sum", "adds up the digits of an integer", 1),
    ("is_weekend", "tells if the name of a day is Saturday or Sunday", 1),
    ("mask_email", "hides the part of an e-mail address before the @", 1),
    ("count_upper", "tells how many capitals a text has", 1),
    ("longest_word", "picks the longest word out of a sentence", 1),
    ("every_other", "keeps each second element of a list", 1),
    ("flatten", "turns nested lists into one flat list", 1),
    ("has_duplicates", "tells if any element occurs more than once", 1),
    ("volume_of_box", "takes length, width and height and gives the volume", 3),
    ("tip", "takes a bill and a rate and gives the tip", 2),
    ("slugify", "makes a title fit for a URL", 1),
    ("percent_of", "takes a part and a whole and gives the percentage", 2),
    ("speed", "takes a distance and a time and gives km per hour", 2),
    ("is_vowel", "tells if a single letter is a vowel", 1),
    ("merge_dicts", "takes two dicts and gives one with the entries of both", 2),
    ("invert_dict", "swaps keys and values of a dict", 1),
    ("rotate_left", "takes a list and a shift and rotates the list", 2),
    ("pounds_to_kilos", "turns pounds into kilograms", 1),
    ("add_vat", "takes a net price and gives it with 20% VAT", 1),
    ("chunk", "takes a list and a size and cuts the list into pieces of that size", 2),
    ("safe_divide", "takes two numbers and gives their ratio, or None when the second is 0", 2),
    ("pad_left", "takes a text and a width and fills up with blanks on the left", 2),
)


def list_format(rng: random.Random) -> Ask:
    """A list of so many entries; one in ten with bullets."""
    bulleted = rng.random() < 0.1
    word, count = rng.choice(_COUNTS)
    asked = rng.choice(_BULLETED) if bulleted else phrasing(rng, _PLAIN, _NUMBERED)
    text = asked.format(n=word, things=rng.choice(_THINGS))
    return Ask(text[0].upper() + text[1:], {"n": count, "style": "bulleted" if bulleted else "numbered"})


def small_code(rng: random.Random) -> Ask:
    """A small function, named and described. The name is material: it has to be right to the letter."""
    name, does, arguments = rng.choice(_FUNCTIONS)
    words = rng.choice(_CODE).format(name="{it}", does=does)
    return Ask(words, {"function": name, "arguments": arguments, "contains": ["return"]}, material=name)
