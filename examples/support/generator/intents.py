"""Why customers of Belay Outfitters write, what the house answers, and how customers put it.

The shop, its policies and all texts are made up for this project.
"""

from __future__ import annotations

from typing import NamedTuple

ITEMS = (
    "rope", "harness", "helmet", "tent", "headlamp", "backpack", "sleeping bag", "rain jacket", "stove",
    "chalk bag", "pair of climbing shoes", "carabiner set", "belay device", "down vest", "trekking pole",
    "snow shovel",
)  # fmt: skip


class Intent(NamedTuple):
    """One reason to write. `fact` is the phrase that the reply must hold, `desk` the desk that it names.

    `seen` are the wordings of the training dialogues and the exemplars, `held_out` those of the items.
    """

    name: str
    policy: str
    fact: str
    desk: str
    seen: tuple[str, ...]
    held_out: tuple[str, ...]


INTENTS: tuple[Intent, ...] = (
    Intent(
        "refund",
        "Refunds reach your card within 14 days",
        "within 14 days",
        "Returns",
        (
            "I sent the {item} back. When do I get my refund?",
            "How long does a refund for the {item} take?",
            "I want my money back for the {item}.",
            "Please refund my {item}, I do not need it.",
            "Where is the refund for the {item} I returned?",
            "Can I get a refund for this {item}?",
        ),
        (
            "You have the {item} back by now, but I still have not been refunded.",
            "Hello, I returned a {item} and would like to know when the refund comes.",
            "I am not satisfied with the {item} and want a refund.",
            "Refund for a returned {item}, how many days is it?",
        ),
    ),
    Intent(
        "delivery",
        "Parcels arrive in 3 working days",
        "3 working days",
        "Delivery",
        (
            "When will my {item} be delivered?",
            "How long is the delivery time for a {item}?",
            "My {item} has not been delivered yet.",
            "Where is the delivery with my {item}?",
            "How fast do you ship a {item}?",
            "Has my {item} been shipped yet?",
        ),
        (
            "I ordered a {item} and am still waiting for the delivery.",
            "Could you tell me when the {item} gets delivered?",
            "What is the shipping time if I order a {item} today?",
            "The delivery of my {item} seems to take long.",
        ),
    ),
    Intent(
        "warranty",
        "All gear has a warranty of 5 years",
        "5 years",
        "Warranty",
        (
            "Is there a warranty on the {item}?",
            "The {item} broke. Is it under warranty?",
            "How long is the warranty of your {item}?",
            "I want to make a warranty claim for my {item}.",
            "Does the warranty cover a torn {item}?",
            "My {item} is defective, what about the warranty?",
        ),
        (
            "A seam of my {item} came apart. Does the warranty cover that?",
            "For how many years is a {item} under warranty?",
            "Hello, my {item} has a defect and I would like to use the warranty.",
            "What warranty do I get with a {item}?",
        ),
    ),
    Intent(
        "exchange",
        "You can exchange unused gear for 60 days",
        "60 days",
        "Exchange",
        (
            "Can I exchange the {item} for another size?",
            "I want to exchange my {item}.",
            "How do I exchange a {item} that is too small?",
            "Please exchange the {item} for a blue one.",
            "Until when can I exchange the {item}?",
            "The {item} does not fit, can I exchange it?",
        ),
        (
            "I got the wrong colour, I would like to exchange the {item}.",
            "Is it possible to exchange a {item} that I bought last month?",
            "The {item} is too large, so I need an exchange.",
            "How many days do I have to exchange my {item}?",
        ),
    ),
    Intent(
        "invoice",
        "Your invoice is a PDF in your account",
        "pdf in your account",
        "Billing",
        (
            "I need an invoice for the {item}.",
            "Where do I find the invoice of my {item}?",
            "Please send me the invoice for my {item}.",
            "There was no invoice with the {item}.",
            "Can I get an invoice for the {item} for my company?",
            "I lost the invoice for the {item}.",
        ),
        (
            "My employer asks for the invoice of the {item} I ordered.",
            "How can I download an invoice for a {item}?",
            "The invoice for my {item} is missing.",
            "Could you give me a copy of the invoice for the {item}?",
        ),
    ),
    Intent(
        "cancel",
        "You can cancel free of charge until 6 pm",
        "until 6 pm",
        "Orders",
        (
            "I want to cancel my order of the {item}.",
            "Please cancel the {item} I ordered.",
            "How do I cancel an order for a {item}?",
            "Can I still cancel my {item}?",
            "I ordered the {item} by mistake, cancel it please.",
            "Is it possible to cancel the {item}?",
        ),
        (
            "I changed my mind about the {item}, can you cancel the order?",
            "Until when may I cancel a {item} ordered today?",
            "Cancel my order for the {item}, I found one elsewhere.",
            "I would like to cancel the {item} that I just ordered.",
        ),
    ),
    Intent(
        "address",
        "You can change the address until noon",
        "until noon",
        "Shipping",
        (
            "I need to change the address for my {item}.",
            "I gave the wrong address for the {item}.",
            "Can you send the {item} to a new address?",
            "Please change my delivery address for the {item}.",
            "How do I update the address of my {item} order?",
            "I moved, please change the address for the {item}.",
        ),
        (
            "The address on my {item} order is wrong, can I change it?",
            "Please ship the {item} to my office address instead.",
            "I am moving next week, how do I change the address for the {item}?",
            "There is a typo in the address I gave for the {item}.",
        ),
    ),
    Intent(
        "damaged",
        "Send us a photo and a new one ships in 24 hours",
        "24 hours",
        "Quality",
        (
            "The {item} arrived damaged.",
            "My new {item} has a scratch, it was damaged in the parcel.",
            "I received a damaged {item}, what now?",
            "The parcel was crushed and the {item} is damaged.",
            "The {item} you sent is damaged.",
            "There is damage on the {item} that came today.",
        ),
        (
            "I opened the box and the {item} was damaged.",
            "What do I do about a {item} that arrived damaged?",
            "The {item} was damaged in transport.",
            "Hello, the {item} I received today is damaged on one side.",
        ),
    ),
    Intent(
        "gift_card",
        "Gift cards are valid for 10 years",
        "10 years",
        "Gift",
        (
            "How long is a gift card valid?",
            "Can I pay for the {item} with a gift card?",
            "I want to use a gift card for a {item}.",
            "Does my gift card expire before I buy the {item}?",
            "My gift card does not work for the {item}.",
            "Can I buy a gift card for a {item}?",
        ),
        (
            "I got a gift card and want to spend it on a {item}.",
            "Until when must I use my gift card for a {item}?",
            "Is an old gift card still good for the {item}?",
            "I have a gift card, when does it expire if I want a {item}?",
        ),
    ),
    Intent(
        "repair",
        "A repair costs 15 euros",
        "15 euros",
        "Workshop",
        (
            "Can you repair my {item}?",
            "How much does it cost to repair a {item}?",
            "My {item} has a hole, do you repair it?",
            "I would like to have my {item} repaired.",
            "What does the repair of a {item} cost?",
            "Do you offer repairs for a {item}?",
        ),
        (
            "My old {item} needs a repair, what would you charge?",
            "Is it possible to have a worn {item} repaired by you?",
            "What is the price of a repair for my {item}?",
            "Could your people repair the {item} that I tore?",
        ),
    ),
)

OPENING = "Thanks for writing to Belay Outfitters!"
CLOSING = "Climb safe!"


def reply(intent: Intent) -> str:
    """The one reply in the house style."""
    return f"{OPENING} {intent.policy}. Our {intent.desk} desk is on it. {CLOSING}"
