"""General knowledge of kinds that the brief's items have not, and capitals of countries that they leave out."""

from __future__ import annotations

import random
from collections.abc import Mapping

from unseen.shape import Ask

_Answers = Mapping[str, str | list[str]]
_CAPITALS: _Answers = {
    "Uruguay": "Montevideo", "Mongolia": ["Ulaanbaatar", "Ulan Bator"], "Slovakia": "Bratislava",
    "Slovenia": "Ljubljana", "Estonia": "Tallinn", "Latvia": "Riga", "Lithuania": "Vilnius", "Malta": "Valletta",
    "Cyprus": "Nicosia", "Malaysia": "Kuala Lumpur", "the Philippines": "Manila", "Colombia": ["Bogota", "Bogotá"],
    "Paraguay": ["Asuncion", "Asunción"], "Costa Rica": ["San Jose", "San José"], "Senegal": "Dakar",
    "Uganda": "Kampala", "Zambia": "Lusaka", "Zimbabwe": "Harare", "Namibia": "Windhoek", "Qatar": "Doha",
    "Oman": "Muscat", "New Zealand": "Wellington", "India": ["New Delhi", "Delhi"], "Armenia": "Yerevan",
    "Azerbaijan": "Baku", "Australia": "Canberra", "Nigeria": "Abuja", "Cambodia": "Phnom Penh",
    "Angola": "Luanda", "Sudan": "Khartoum", "Mali": "Bamako", "Rwanda": "Kigali", "Albania": "Tirana",
}  # fmt: skip
_AUTHORS: _Answers = {
    "Hamlet": "Shakespeare", "Don Quixote": "Cervantes", "War and Peace": "Tolstoy", "the Odyssey": "Homer",
    "Pride and Prejudice": "Austen", "Nineteen Eighty-Four": "Orwell", "Oliver Twist": "Dickens",
    "The Hobbit": "Tolkien", "Frankenstein": "Shelley", "Dracula": "Stoker", "Faust": "Goethe",
    "Moby-Dick": "Melville", "Romeo and Juliet": "Shakespeare", "Crime and Punishment": ["Dostoevsky", "Dostoyevsky"],
}  # fmt: skip
_MONEY: _Answers = {
    "Japan": "yen", "the United Kingdom": ["pound", "pounds", "sterling"], "the United States": ["dollar", "dollars"],
    "India": ["rupee", "rupees"], "Mexico": ["peso", "pesos"], "Switzerland": ["franc", "francs"],
    "China": ["yuan", "renminbi"], "South Korea": "won", "Russia": ["ruble", "rouble", "rubles", "roubles"],
    "Poland": ["zloty", "złoty"], "Germany": ["euro", "euros"], "Canada": ["dollar", "dollars"],
    "Denmark": ["krone", "kroner"], "Brazil": "real",
}  # fmt: skip
_YOUNG: _Answers = {
    "cow": ["calf", "calves"], "dog": ["puppy", "pup", "puppies"], "cat": ["kitten", "kittens"],
    "horse": ["foal", "colt", "filly"], "sheep": ["lamb", "lambs"], "frog": ["tadpole", "tadpoles"],
    "bear": ["cub", "cubs"], "goat": ["kid", "kids"], "duck": ["duckling", "ducklings"],
    "kangaroo": ["joey", "joeys"], "lion": ["cub", "cubs"], "hen": ["chick", "chicks"],
}  # fmt: skip
_SINGLE: _Answers = {
    "which planet is the largest in our solar system": "Jupiter",
    "which planet sits closest to the sun": "Mercury",
    "how many legs does a spider have": ["eight", "8"],
    "how many legs does an ant have": ["six", "6"],
    "at how many degrees celsius does water boil at sea level": "100",
    "which metal is liquid at room temperature": "mercury",
    "what material is paper mostly made from": ["wood", "trees", "pulp"],
    "which animal gives us wool": ["sheep", "lamb"],
    "what is glass mainly made of": ["sand", "silica"],
    "which colour appears when blue and yellow paint are mixed": "green",
    "which colour appears when red and yellow paint are mixed": "orange",
    "how many days does a leap year have": "366",
    "which ocean lies between Europe and America": ["Atlantic"],
    "what is the highest mountain on earth": "Everest",
    "which gas do plants take in from the air": ["carbon dioxide", "CO2"],
    "how many minutes are in two hours": "120",
    "who painted the Mona Lisa": ["Leonardo", "da Vinci"],
    "which organ pumps blood through the body": "heart",
    "what do bees make": "honey",
    "which instrument has 88 keys": "piano",
}  # fmt: skip
_KINDS: tuple[tuple[_Answers, tuple[str, ...]], ...] = (
    (_CAPITALS, (
        "Which city is {}'s capital?", "capital city of {}?", "{}: which town does its government sit in?",
        "My form wants the capital for {}, what goes there?", "I keep forgetting {}'s capital. It is called?",
        "supplier is registered in the capital of {} but left the city blank, which city would that be",
    )),
    (_AUTHORS, (
        "Whose book is {}?", "Who is the author of {}?", "{} was written by whom?",
        "Quiz night: name the writer behind {}.", "which writer gave us {}",
    )),
    (_MONEY, (
        "What money do people pay with in {}?", "Which currency is used in {}?", "currency of {}?",
        "We got a supplier quote from {}, which currency will it be in?",
        "If I travel to {}, what currency do I need in my wallet?",
    )),
    (_YOUNG, (
        "What do you call a baby {}?", "a young {} is known as a what?", "What's the word for the young of a {}?",
        "My kid asks what a little {} is called.",
    )),
    (_SINGLE, ("{}?", "Do you happen to know {}?", "Crossword help: {}?", "{}, in a word or two?")),
)  # fmt: skip


def facts(rng: random.Random) -> Ask:
    """A question with one right answer. Kinds come by how many facts they have."""
    weights = [len(answers) for answers, _ in _KINDS]
    answers, phrasings = rng.choices(_KINDS, weights)[0]
    subject = rng.choice(list(answers))
    text = rng.choice(phrasings).format(subject)
    return Ask(text[0].upper() + text[1:] if rng.random() < 0.7 else text, answers[subject])
