"""Reports of two to six sentences that want to be read as one."""

from __future__ import annotations

import random
import re

from unseen.shape import Ask, phrasing
from unseen.words import MONTHS, NAMES, PLACES

_REPORTS = (
    (
        "Shift log, {place} branch. The freezer alarm went off at {hour} and {name} found the door ajar. "
        "All {count} trays were checked by hand and {few} had to be thrown away. The seal is worn, so a technician has "
        "been called. Until then the door is taped shut overnight."
    ),
    (
        "The spring fair in {place} drew about {count} stallholders this year. {name} from the council said that the "
        "new layout kept the lanes clear. Some visitors complained about the queue for drinks. A larger tent is "
        "planned for {month}."
    ),
    (
        "{name} inspected the climbing wall on {date}. Two holds in lane {few} were loose and have been tightened. The "
        "auto-belay in the corner stopped once during the test. It stays closed until the supplier has sent a new "
        "spring. Everything else is in good order."
    ),
    (
        "After {count} hours of work the team in {place} finished the stock count. It found {few} missing lamps and a "
        "whole pallet of gloves that no list mentions. {name} thinks that the gloves belong to a cancelled order. "
        "Head office has been asked and has not answered."
    ),
    (
        "Ferry services to {place} were suspended on {date} as the harbour froze over. The operator offered coaches "
        "to {count} stranded passengers. Most of them reached home after midnight. {name}, who runs the kiosk at the "
        "pier, handed out free soup."
    ),
    (
        "A leak in the staff kitchen soaked the carpet of the {place} office last night. Cleaners noticed it at {hour} "
        "and shut the main valve. {few} computers were under the desk that got wet, and {name} has moved them to the "
        "archive. The insurer sends somebody in {month}."
    ),
    (
        "Since {month} the footpath behind {place} has been blocked by a fallen beech. {name} reported it to the "
        "forest office, which has only one saw crew for {count} kilometres of trails. Walkers are asked to use the "
        "road. The crew hopes to get there before the holidays."
    ),
)
_PLAIN = (
    "Please summarize the following report in one sentence: {it}",
    "Give a summary of this report in one sentence: {it}",
    "Report: {it}\nSummarize the report in one sentence.",
    "Please give a one-sentence summary of the report below.\n\n{it}",
    "Write a summary of one sentence for this report: {it}",
)
_ASKS = (
    "tl;dr in a single sentence:\n{it}",
    "Boil this down to one sentence please.\n\n{it}",
    "{it}\n\nOne sentence, what happened?",
    "I have ten seconds. Give me the gist in one sentence: {it}",
    "Could you shorten the report to exactly one sentence? Report: {it}",
    "{it}\n---\ncondense to one sentence",
    "Shift lead here, what does this say in one sentence? {it}",
)
_LATER = (
    "Boil it down to one sentence.",
    "The gist of it in one sentence, please?",
    "Now shorten that to a single sentence.",
)


def one_sentence_summary(rng: random.Random) -> Ask:
    """A report; the reference is its text."""
    report = rng.choice(_REPORTS).format(
        place=rng.choice(PLACES),
        name=rng.choice(NAMES),
        month=rng.choice(MONTHS),
        date=f"{rng.randrange(2, 28)} {rng.choice(MONTHS)}",
        hour=f"{rng.randrange(1, 6)} a.m.",
        count=rng.randrange(20, 90),
        few=rng.randrange(3, 9),
    )
    # "a.m." ends no sentence; a report says most of what it says in its first ones.
    sentences = re.split(r"(?<=[^m]\.) ", report)
    report = " ".join(sentences[: rng.choice((2, 3, 3, 6))])
    return Ask(phrasing(rng, _PLAIN, _ASKS), report, report, later=rng.choice(_LATER))
