"""What customers of Kestrel Home write, and how its systems ask the model about it.

The company, its customers and all texts are made up for this project.
"""

from __future__ import annotations

PRODUCTS = (
    "router",
    "phone",
    "modem",
    "tablet",
    "headset",
    "antenna",
    "doorbell",
    "camera",
    "charger",
    "speaker",
)
NAMES = (
    "Anna", "Tom", "Maria", "Jonas", "Priya", "Omar", "Lucy", "Peter", "Nina", "David", "Clara", "Hugo", "Elena",
    "Felix", "Julia", "Martin",
)  # fmt: skip
CITIES = (
    "Oslo", "Paris", "London", "Berlin", "Madrid", "Rome", "Dublin", "Vienna", "Lisbon", "Athens", "Prague", "Warsaw",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
GREETINGS = ("", "Hello, ", "Hi there, ", "Good morning, ")

ROUTE = 'Is this ticket about billing, delivery, repairs or sales? "{}"'
# For each team the wordings that training dialogues and exemplars have, and those that items have.
TEAMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "billing": (
        (
            "my bill is higher than last month and I only have one {product}.",
            "you charged me twice for the {product}.",
            "please send me the invoice for my {product} again.",
            "there is a fee on my invoice for the {product} that I do not know.",
            "I paid for the {product} and got a reminder all the same.",
            "can I pay for the {product} in three parts?",
        ),
        (
            "why was money taken from my account twice for one {product}?",
            "the amount on the invoice for the {product} is wrong.",
            "I want to pay the {product} by card instead of by bank.",
            "my last payment for the {product} is not on the bill.",
        ),
    ),
    "delivery": (
        (
            "my {product} has not arrived yet.",
            "the courier left the {product} at the wrong house.",
            "when will my {product} be delivered?",
            "can you send the {product} to another address?",
            "the parcel with my {product} was opened on the way.",
            "tracking says that the {product} is lost.",
        ),
        (
            "where is the parcel with my {product}?",
            "nobody rang, and the driver took the {product} away again.",
            "I will be away, can the {product} come a week later?",
            "the tracking of my {product} has not moved for days.",
        ),
    ),
    "repairs": (
        (
            "my {product} does not turn on any more.",
            "the {product} is broken, can you fix it?",
            "the screen of my {product} has a crack.",
            "my {product} stops working every hour.",
            "the {product} makes a strange noise.",
            "the {product} gets very hot and then dies.",
        ),
        (
            "since yesterday my {product} shows a red light and does nothing.",
            "I dropped the {product} and now a button is stuck.",
            "the {product} restarts by itself all the time.",
            "is there somebody who can mend my {product}?",
        ),
    ),
    "sales": (
        (
            "I would like to buy a {product}.",
            "how much does the new {product} cost?",
            "do you have a {product} in white?",
            "is there a cheaper {product} than this one?",
            "which {product} do you recommend for a big house?",
            "is there a discount if I take a second {product}?",
        ),
        (
            "what is the price of a {product} for a school?",
            "I am thinking of a {product} as a gift, what do you offer?",
            "does the {product} come in other colours?",
            "we need ten of the {product}, can you make us an offer?",
        ),
    ),
}

SENTIMENT = 'What is the sentiment of this ticket? "{}"'
POSITIVE = (
    "I love the new {product}, it is wonderful.",
    "The {product} works perfectly and I am very happy.",
    "Thank you so much for the {product}, great service!",
    "What a great {product}, my family enjoys it every day.",
    "The engineer who set up the {product} was friendly and excellent.",
    "I am delighted with the {product}, it is the best I ever had.",
)
NEGATIVE = (
    "I hate the new {product}, it is terrible.",
    "The {product} is awful and I am very angry.",
    "What a horrible {product}, never again!",
    "The {product} was a disaster and nobody helped me.",
    "I am very disappointed by the {product}, it is the worst I ever had.",
    "The engineer who set up the {product} was rude and useless.",
)
MOODS = ("", "Dear team, ", "Feedback: ")

URGENCY = 'Is this ticket urgent? Answer yes or no. "{}"'
URGENT = (
    "There is smoke coming out of the {product}, what do I do right now?",
    "Without the {product} our whole office cannot work, please call at once.",
    "The {product} of our emergency line is dead and patients cannot reach us.",
    "Our shop opens in an hour and the {product} is dead, help!",
    "The {product} gives electric shocks, somebody was hurt.",
    "The alarm runs over the {product} and is down, this cannot wait.",
)
CALM = (
    "When you have a moment, please tell me which colours the {product} comes in.",
    "No hurry, I would like the manual of the {product} one day.",
    "Just curious, will there be a new {product} next year?",
    "I might replace the {product} some time, are there leaflets?",
    "Whenever it suits you, please update my address for the {product}.",
    "A small idea for later: the {product} could have a nicer box.",
)

ORDER = 'What is the order number in this ticket? "{}"'
ORDERED = (
    "My order {order} has not arrived. {name}",
    "Hello, this is {name}. The {product} of order {order} is broken.",
    "I sent order {order} back on {day} and wait for the money.",
    "{name} here, order {order} came with the wrong {product}.",
    "Please change the address of order {order} to {city}.",
    "Order {order} was to come on {day}, where is it?",
)

RECORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        (
            'Give me a JSON object with the keys "name" and "order" for this customer: the name is {name} and the '
            "order is {order}. JSON only."
        ),
        ("name", "order"),
    ),
    ('Convert to JSON with the keys "name" and "city": {name} is a customer from {city}.', ("name", "city")),
    (
        'Write a JSON object with the keys "name" and "since" for this customer: {name} is a customer since {since}.',
        ("name", "since"),
    ),
)

# Two examples stand in the prompt: without them the base writes the date in any way it likes.
DATE = (
    '"3 March 2020" in ISO format is 2020-03-03. "19 November 2018" in ISO format is 2018-11-19. '
    'What is "{}" in ISO format?'
)
