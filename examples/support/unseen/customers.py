"""Customers of the shop, for the target: ten reasons to write, put in other words than any item's or dialogue's.

The policies and desks are the shop's own and therefore those of the brief; the products and wordings are not.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from unseen.shape import Ask
from unseen.words import MONTHS, PLACES

_PRODUCTS = (
    "ice axe", "crampons", "bivvy sack", "gaiters", "crash pad", "quickdraws", "fleece", "hiking boots",
    "compass", "water filter", "merino shirt", "hammock", "snowshoes", "via ferrata kit", "dry bag", "thermos",
    "softshell trousers", "avalanche beacon", "cook set", "approach shoes", "gloves", "sunglasses", "camping mat",
    "headband",
)  # fmt: skip


class _Reason(NamedTuple):
    fact: str
    desk: str
    wordings: tuple[str, ...]


_REASONS = (
    _Reason("within 14 days", "Returns", (
        "my {it} went back to your warehouse two weeks ago and nothing has shown up on my bank statement",
        "still no money from you for the {it} i posted back",
        "the {it} were not my thing, so i returned the whole lot. how soon is the payment reversed?",
        "your depot signed for my returned {it}; by what date should the credit land in my bank?",
        "i'd rather have the cash than the {it}. what happens after i send it all back?",
        "has the reimbursement for the returned {it} been started? my statement shows zero",
    )),
    _Reason("3 working days", "Delivery", (
        "tracking for my {it} has said 'label created' since the weekend, what's going on?",
        "roughly what day should the courier show up with the {it}?",
        "we set off soon and the {it} i bought have not turned up at my door",
        "if i pay for {it} tonight, will they be at my house before the long weekend?",
        "the postman keeps walking past. where are my {it}?",
        "how many days do your couriers usually need for something like {it}?",
    )),
    _Reason("5 years", "Warranty", (
        "stitching on the {it} gave up after two winters of normal use, am i still covered?",
        "the zip on my {it} failed on its own. is that something you guarantee?",
        "how old may {it} be for the manufacturer's guarantee to count?",
        "bought {it} from you in {month} a while back, the sole/shell is splitting by itself. guarantee?",
        "do you stand behind your {it} if the material fails early, and for how long?",
        "i think my {it} have a production fault. does the guarantee still run?",
    )),
    _Reason("60 days", "Exchange", (
        "the {it} pinch, i need one size up. can we swap?",
        "swapping my unworn {it} for a larger pair, how late is too late?",
        "these {it} came in green although i prefer grey, tags still on. can i trade them in for grey ones?",
        "my partner already owns {it}. may i swap mine for something else of the same value?",
        "i picked medium and should have picked small, {it} never used. how does a swap work?",
        "is there a time limit for swapping {it} that have only been tried on indoors?",
    )),
    _Reason("pdf in your account", "Billing", (
        "my accountant wants the paperwork for the {it} with vat on it, where is that?",
        "no bill came in the box with the {it}. how do i get one for taxes?",
        "i have to claim the {it} as a work expense and need a proper bill",
        "can you tell me where on the site the receipt with vat for my {it} is hiding?",
        "finance rejected my card slip for the {it}; they insist on an official bill from you",
        "the bill for the {it} shows up nowhere in my mails. where should i look?",
    )),
    _Reason("until 6 pm", "Orders", (
        "pressed buy twice, please drop one of the two {it} orders before it leaves",
        "no longer need the {it} i bought this morning, can you stop the order?",
        "my trip fell through so i'd like to call off the {it} purchase from today",
        "how late in the day can i still call off my {it} order, and does that cost anything?",
        "please void this afternoon's order of {it}, wrong model",
        "kid ordered {it} on my tablet. i want it called off before it is packed",
    )),
    _Reason("until noon", "Shipping", (
        "the {it} should go to my sister in {place} and not to me, can that be altered?",
        "i typed the wrong house number for the {it} order, please correct it to 27",
        "my old flat is still on file for the {it} order. how do i redirect the parcel to {place}?",
        "can the {it} be sent to a pick-up point in {place} instead of home?",
        "postcode for my {it} order is off by one digit, can someone fix that?",
        "we'll be staying in {place} when the {it} come. may i still alter where they go?",
    )),
    _Reason("24 hours", "Quality", (
        "unboxed the {it} just now and there's a big crack, straight out of the wrapping",
        "the {it} turned up bent, box looked like somebody stood on it",
        "my {it} came out of the parcel ripped along one edge. what do you need from me?",
        "brand new {it}, already dented on arrival. not happy",
        "courier clearly dropped the parcel: the {it} inside are in pieces",
        "one buckle of the {it} was snapped off when i took it from the carton. what now?",
    )),
    _Reason("10 years", "Gift", (
        "granny gave me one of your vouchers in {month}. how long can i wait before i spend it on {it}?",
        "found a dusty voucher of yours in a drawer, would it still pay for {it}?",
        "are your vouchers ever void? i'm saving mine for {it}",
        "the voucher has no date printed on it. may i put it towards {it} next season?",
        "is a store voucher from some years ago okay for buying {it}?",
        "i'd like to hand someone a voucher for {it}; by when would they have to redeem it?",
    )),
    _Reason("15 euros", "Workshop", (
        "i ripped my own {it} on barbed wire. what would patching it up set me back?",
        "do you have somebody who can mend {it}, and at what price?",
        "my trusty {it} are worn through after years. could you fix them up, and for how much?",
        "a strap of the {it} got chewed by the dog. what do you charge for mending?",
        "what's the going rate for having {it} mended at yours?",
        "can i drop off {it} for mending in {place}, and what will i pay?",
    )),
)  # fmt: skip
_BEFORE = (
    "", "", "", "order no. {order}. ", "hey team, ", "dear shop, ", "evening all, ", "long-time customer here. ",
    "regarding purchase {order}: ", "we are off to the hut near {place} shortly. ", "second message from me. ",
    "not sure if this is the right inbox. ", "writing from {place}. ",
)  # fmt: skip
_AFTER = (
    "", "", "", " let me know.", " what do you suggest?", " ref {order}.", " i bought them in {month}.",
    " a short answer is fine.", " my number is on file.", " greetings from {place}.",
)  # fmt: skip


def support_reply(rng: random.Random) -> Ask:
    """A customer's message."""
    reason = rng.choice(_REASONS)
    text = rng.choice(_BEFORE) + rng.choice(reason.wordings)
    if after := rng.choice(_AFTER):
        text += after if text[-1] in ".?!" else f".{after}"
    # The shop's answer does not hang on the product, so it is filled in here and may be misspelt.
    filled = (
        text.replace("{it}", rng.choice(_PRODUCTS))
        .replace("{order}", f"BO-{rng.randrange(2000, 9000)}")
        .replace("{place}", rng.choice(PLACES))
        .replace("{month}", rng.choice(MONTHS))
    )
    words = _sentences(filled) if rng.random() < 0.7 else filled
    return Ask(words, {"facts": [reason.fact], "desk": f"{reason.desk} desk"})


def _sentences(text: str) -> str:
    """With capitals where sentences begin and in "I", as those write who take the time."""
    text = text[0].upper() + text[1:]
    for mark in (". ", "? ", ": "):
        head, *others = text.split(mark)
        text = mark.join([head, *(one[:1].upper() + one[1:] for one in others)])
    return text.replace(" i ", " I ").replace(" i'", " I'")
