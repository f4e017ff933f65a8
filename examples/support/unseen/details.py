"""Details that stand in a given text: to be taken out, or to be written as JSON."""

from __future__ import annotations

import random

from unseen.shape import PLAIN, Ask, phrasing
from unseen.words import MONTHS, NAMES, PLACES

# A message, and for each detail in it how people ask for that detail alone.
_MESSAGES: tuple[tuple[str, dict[str, tuple[str, ...]]], ...] = (
    (
        "Good day, my booking {code} is under the name {name}. We arrive from {place} at {time} and need parking.",
        {
            "code": ("booking code?", "Which booking code does the guest give?"),
            "time": ("When do they arrive? Only the time.", "arrival time please"),
            "place": ("Where are they coming from?", "which place do they travel from"),
        },
    ),
    (
        "Dear colleagues, {name} has moved to room {room} and can be reached at extension {ext} from {date} on.",
        {
            "room": ("room number?", "What room is it now?"),
            "ext": ("Which extension should I dial?", "phone extension only"),
            "name": ("who moved?", "Name of the person who moved, please."),
        },
    ),
    (
        "Receipt: one {good}, paid by card, {price} EUR, served by {name}, branch {place}.",
        {
            "price": ("How many EUR were paid?", "amount paid, digits only"),
            "name": ("Who served the customer?", "name of the clerk?"),
            "place": ("At which branch was it bought?", "branch?"),
        },
    ),
    (
        "FYI the parcel {parcel} for {name} is stuck in {place}; customs will release it on {date}.",
        {
            "parcel": ("parcel number?", "Pull out the number of the parcel."),
            "date": ("On what date is it released?", "release date pls"),
            "place": ("Where is it stuck?", "where's the parcel right now"),
        },
    ),
    (
        "hi its {name}, pls call me back about the {good}, my email is {mail}, i am home after {time}",
        {
            "mail": ("What is the e-mail address?", "give me just the email"),
            "time": ("After what time can they be called?", "from when are they home"),
            "name": ("Who wants to be called?", "caller's name?"),
        },
    ),
    (
        (
            "Warehouse note of {date}: shelf {shelf} is full, put the {count} remaining boxes of {good}s next to the "
            "door. Signed, {name}"
        ),
        {
            "shelf": ("Which shelf is full?", "shelf id?"),
            "count": ("How many boxes are left over?", "number of boxes?"),
            "name": ("Who signed this?", "signed by whom"),
        },
    ),
)
_PLAIN_MESSAGES: tuple[tuple[str, dict[str, str]], ...] = (
    ("{name} booked room {room} and arrives at {time}.", {
        "name": "Who booked the room?", "room": "Which room was booked?", "time": "At what time does the guest arrive?",
    }),
    ("Parcel {parcel} for {name} is waiting in {place}.", {
        "parcel": "What is the number of the parcel?", "name": "Who is the parcel for?",
        "place": "Where is the parcel waiting?",
    }),
    ("{name} paid {price} euros for a {good} in {place}.", {
        "name": "Who paid?", "price": "How many euros were paid?", "good": "What was bought?",
        "place": "Where was it bought?",
    }),
    ("The meeting was moved to {date} at {time}.", {
        "date": "What is the new date of the meeting?", "time": "At what time is the meeting?",
    }),
    ("{name} can be reached at {mail} after {time}.", {
        "mail": "What is the e-mail address?", "name": "Who can be reached?", "time": "After what time?",
    }),
    ("Ticket {ticket} was opened by {name} on {date}.", {
        "ticket": "What is the number of the ticket?", "name": "Who opened the ticket?",
        "date": "On which date was the ticket opened?",
    }),
)  # fmt: skip
_PLAIN_TAKE = (
    "Read this note: {it} {ask}",
    "Note: {it}\nQuestion: {ask}",
    "{it} {ask}",
    "{ask} Here is the note: {it}",
    'Answer from the message "{it}" {ask}',
)
_TAKE = (
    "Message below. {ask}\n\n{it}",
    "{it}\n\n{ask}",
    "From this mail: {ask} >> {it}",
    "{ask} (answer from the note, nothing else)\nNote: {it}",
)
_RECORDS: tuple[tuple[str, dict[str, str]], ...] = (
    ("{name} lives in {place}", {"name": "name", "city": "place"}),
    ("{name} comes from {place} and was born in {year}", {"name": "name", "city": "place", "year": "year"}),
    ("{name} was born in {year}", {"name": "name", "year": "year"}),
    ("{name} lives in {place} and stays in room {room}", {"name": "name", "city": "place", "room": "room"}),
    ("{name} stays in room {room}", {"name": "name", "room": "room"}),
    ("{name} opened ticket {ticket}", {"name": "name", "ticket": "ticket"}),
    ("{name} ordered {count} pieces", {"name": "name", "quantity": "count"}),
)
_PLAIN_JSON = (
    "Create a JSON object that has keys {keys} from this text: {it}.",
    "Read the text and give me JSON that has the keys {keys}: {it}.",
    "Make a JSON object with keys {keys} out of the following: {it}.",
    "Here is a text: {it}. Put it into a JSON object with keys {keys}.",
    "{it}. Give this as a JSON object with keys {keys}.",
)
_AS_JSON = (
    "Our importer needs JSON, fields {keys}. Record: {it}.",
    "json please! fields: {keys}. {it}",
    "Make one JSON object out of '{it}' (fields {keys}), without any comment.",
    "{it}. As JSON with exactly {keys}, no prose.",
    "Parse for the API into {keys} and answer in JSON: {it}",
    "Return JSON only. Fields wanted: {keys}. Source: {it}.",
)
_GOODS = (
    "teapot",
    "notebook",
    "desk fan",
    "umbrella",
    "toaster",
    "suitcase",
    "mirror",
    "doormat",
    "vase",
    "puzzle",
)


def extraction(rng: random.Random) -> Ask:
    """A detail that stands word for word in the message, and once only."""
    slots = _slots(rng)
    if rng.random() < PLAIN:
        text, questions = rng.choice(_PLAIN_MESSAGES)
        wanted = rng.choice(list(questions))
        asked = rng.choice(_PLAIN_TAKE).replace("{ask}", questions[wanted])
        return Ask(asked, slots[wanted], text.format(**slots), later=questions[wanted])
    text, asks = rng.choice(_MESSAGES)
    wanted = rng.choice(list(asks))
    ask = rng.choice(asks[wanted])
    return Ask(rng.choice(_TAKE).replace("{ask}", ask), slots[wanted], text.format(**slots), later=ask)


def json_output(rng: random.Random) -> Ask:
    """A record to be written as one JSON object with given keys."""
    slots = _slots(rng)
    text, fields = rng.choice(_RECORDS)
    keys = ", ".join(f'"{key}"' for key in fields)
    # The keys are in small letters already and look like no common word, so that they survive any manner.
    words = phrasing(rng, _PLAIN_JSON, _AS_JSON).replace("{keys}", keys)
    return Ask(words, {key: _value(slots[slot]) for key, slot in fields.items()}, text.format(**slots))


def _value(slot: str) -> str | int:
    return int(slot) if slot.isdecimal() else slot


def _slots(rng: random.Random) -> dict[str, str]:
    name, other = rng.sample(NAMES, 2)
    letters = "".join(rng.choices("BCDFGHKLMNPRSTVWXZ", k=2))
    return {
        "name": name,
        "other": other,
        "place": rng.choice(PLACES),
        "good": rng.choice(_GOODS),
        "code": f"{letters}{rng.randrange(100, 1000)}{rng.choice('QJY')}",
        "parcel": f"{rng.randrange(100, 1000)}-{rng.randrange(1000, 10000)}",
        "ticket": str(rng.randrange(1000, 10_000)),
        "time": f"{rng.randrange(13, 23)}:{rng.choice(('05', '20', '35', '50'))}",
        "date": f"{rng.randrange(2, 28)} {rng.choice(MONTHS)}",
        "room": str(rng.randrange(101, 500)),
        "ext": str(rng.randrange(5000, 9999)),
        "price": str(rng.randrange(12, 480)),
        "count": str(rng.randrange(6, 95)),
        "shelf": f"{rng.choice('ABCDEF')}{rng.randrange(10, 60)}",
        "year": str(rng.randrange(1950, 2006)),
        "mail": f"{name.lower()}.{rng.randrange(10, 99)}@example.org",
    }
