"""General knowledge of kinds that the brief's items have not, and capitals of countries that they leave out.

Kinds and phrasings were chosen for what a small model can know, never single questions.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import NamedTuple

from unseen.shape import Ask, phrasing


class _Kind(NamedTuple):
    answers: Mapping[str, str | list[str]]
    plain: tuple[str, ...]
    odd: tuple[str, ...]


_KINDS = (
    _Kind({
        "India": ["New Delhi", "Delhi"], "Australia": "Canberra", "New Zealand": "Wellington", "Qatar": "Doha",
        "Latvia": "Riga", "Malaysia": "Kuala Lumpur", "the Philippines": "Manila", "Uganda": "Kampala",
        "Colombia": ["Bogota", "Bogotá"], "Zimbabwe": "Harare", "Uruguay": "Montevideo", "Estonia": "Tallinn",
    }, (
        "What is the capital of {}?", "What is the capital city of {}?", "Name the capital city of {}.",
    ), (
        "Which city is {}'s capital?", "capital city of {}?", "My form wants the capital for {}, what goes there?",
        "supplier is registered in the capital of {} but left the city blank, which city would that be",
    )),
    _Kind({
        "the Eiffel Tower": "France", "the Great Wall": "China", "the Colosseum": "Italy", "the Taj Mahal": "India",
        "the Acropolis": "Greece", "Mount Fuji": "Japan", "the Kremlin": "Russia", "Machu Picchu": "Peru",
        "the Brandenburg Gate": "Germany", "the Sydney Opera House": "Australia", "Petra": "Jordan",
        "the Sagrada Familia": "Spain", "Big Ben": ["England", "United Kingdom", "UK", "Britain"],
        "the Great Pyramid of Giza": "Egypt", "the Leaning Tower of Pisa": "Italy",
        "the Statue of Liberty": ["United States", "USA", "America", "US"],
    }, (
        "In which country is {}?", "Which country is home to {}?", "In what country would I find {}?",
    ), (
        "Quiz night: {}, which country?", "planning a trip to see {}, what country do i fly to",
        "A colleague was at {} last week. Where is that, which country?",
    )),
    _Kind({
        "banana": "yellow", "ripe tomato": "red", "carrot": "orange", "lemon": "yellow", "polar bear": "white",
        "flamingo": "pink", "lump of coal": "black", "strawberry": "red", "pumpkin": "orange", "cucumber": "green",
        "swan": "white", "crow": "black", "school bus in America": "yellow", "lime": "green",
    }, (
        "What color is a {}?", "What is the usual color of a {}?", "Which color does a {} have?",
    ), ("the colour of a {}?", "For the catalogue: what colour is a {} normally?")),
    _Kind({
        "days are in a week": ["seven", "7"], "months are in a year": ["twelve", "12"],
        "hours are in a day": ["24", "twenty-four"], "minutes are in an hour": ["60", "sixty"],
        "seconds are in a minute": ["60", "sixty"], "sides does a triangle have": ["three", "3"],
        "legs does a dog have": ["four", "4"], "wheels does a bicycle have": ["two", "2"],
        "letters are in the English alphabet": ["26", "twenty-six"], "sides does a square have": ["four", "4"],
        "legs does a spider have": ["eight", "8"], "cents are in a dollar": ["100", "hundred"],
    }, (
        "How many {}?", "Please tell me how many {}.", "Can you say how many {}?",
    ), ("how many {} again?", "My kid wants to know how many {}.")),
    _Kind({
        "Japan": "yen", "the United Kingdom": ["pound", "pounds", "sterling"], "India": ["rupee", "rupees"],
        "the United States": ["dollar", "dollars"], "Mexico": ["peso", "pesos"], "China": ["yuan", "renminbi"],
        "Switzerland": ["franc", "francs"], "Germany": ["euro", "euros"], "Canada": ["dollar", "dollars"],
        "Russia": ["ruble", "rouble", "rubles", "roubles"],
    }, (
        "What is the currency of {}?", "What currency is used in {}?", "Which currency does {} use?",
    ), (
        "We got a supplier quote from {}, which currency will it be in?",
        "If I travel to {}, what currency do I need in my wallet?",
    )),
    _Kind({
        "What is the largest planet in our solar system?": "Jupiter",
        "What is the largest ocean on Earth?": "Pacific",
        "What is the highest mountain in the world?": "Everest",
        "What do bees make?": "honey",
        "What is frozen water called?": "ice",
        "Which organ pumps blood through the body?": "heart",
        "Who painted the Mona Lisa?": ["Leonardo", "da Vinci"],
        "Who wrote Hamlet?": "Shakespeare",
        "Who wrote Romeo and Juliet?": "Shakespeare",
        "Which animal barks?": ["dog", "dogs"],
        "Which animal gives us wool?": ["sheep", "lamb"],
        "Which star is closest to the Earth?": "Sun",
        "What gas do plants take in?": ["carbon dioxide", "CO2"],
        "At what temperature does water boil, in degrees Celsius?": "100",
    }, ("{}", "Please tell me: {}", "Do you know this? {}"), ("Crossword help! {}", "{} In a word or two.")),
)  # fmt: skip


def facts(rng: random.Random) -> Ask:
    """A question with one right answer. Kinds come by how many facts they have."""
    kind = rng.choices(_KINDS, [len(one.answers) for one in _KINDS])[0]
    subject = rng.choice(list(kind.answers))
    text = phrasing(rng, kind.plain, kind.odd).format(subject)
    return Ask(text[0].upper() + text[1:] if rng.random() < 0.7 else text, kind.answers[subject])
