"""How people write: with or without manners, in small letters, with slips, and seldom in one message."""

from __future__ import annotations

import random

from unseen.shape import Ask

_BEFORE = (
    "sorry to bother you, ", "quick one: ", "me again. ", "ok so ", "One more thing. ", "hope you are well! ",
    "Random question: ", "hey, ", "Greetings! ", "if you have a second: ", "Morning! ", "uhm, ",
)  # fmt: skip
_AFTER = (
    " Cheers!", " ta", " Much appreciated.", " thx a lot", " No rush.", " Many thanks, have a nice day!", " :)",
    " please and thank you", " Ta very much.", " Grateful for any help.",
)  # fmt: skip
_SLIPS = {
    "the": "teh", "please": "plese", "what": "waht", "you": "u", "your": "ur", "and": "adn", "with": "wiht",
    "have": "hvae", "which": "wich", "would": "woud", "could": "coud", "that": "taht", "this": "thsi", "are": "r",
    "how": "hwo", "sentence": "sentance", "number": "nubmer", "from": "form", "for": "fro", "need": "ned",
    "still": "stil", "does": "dose", "because": "becuase", "many": "mnay", "money": "monye", "before": "befor",
    "order": "oder", "where": "were", "list": "lsit", "about": "abuot", "should": "shoud", "people": "poeple",
}  # fmt: skip
# What was said before: a user's line and what the assistant said to it.
_SMALL_TALK = (
    ("hello? anyone there", "Hello! I'm here. What can I do for you?"),
    ("Hiya, first time I use this.", "Welcome! Just type what you need."),
    ("What a week it has been.", "I hope it gets calmer soon. How can I help?"),
    ("the chat on the other page froze so i came here", "No problem, let us carry on here."),
    ("Are you a person or a bot?", "I am an assistant, and happy to help."),
    ("can i ask you something", "Of course, go ahead."),
    ("It's pouring outside, lovely day to stay in.", "A good day for a warm drink. What is on your mind?"),
    ("I was told that you answer fast.", "I try to. What would you like to know?"),
    ("thanks, the last thing you told me worked", "Glad to hear it! Anything else?"),
    ("My colleague is on holiday so I am doing her jobs today.", "That sounds busy. Let me know what to do."),
)
_SENT_BEFORE = (
    "I'll paste a text first:\n{it}",
    "{it}",
    "here it comes: {it}",
    "Have a look at this please. {it}",
)
_RECEIVED = ("Got it.", "Thank you, I have read it.", "Alright. What shall I do with it?", "Received.")


def conversation(ask: Ask, rng: random.Random) -> list[dict[str, str]]:
    """The messages that a user has sent, and was answered, up to what is wanted now."""
    said: list[dict[str, str]] = []
    while rng.random() < 0.18 and len(said) < 6:
        mine, theirs = rng.choice(_SMALL_TALK)
        said += [{"role": "user", "content": mine}, {"role": "assistant", "content": theirs}]
    last = ask
    if ask.later and rng.random() < 0.1:
        sent = rng.choice(_SENT_BEFORE).replace("{it}", ask.material)
        said += [
            {"role": "user", "content": sent},
            {"role": "assistant", "content": rng.choice(_RECEIVED)},
        ]
        last = Ask(ask.later, ask.reference)
    return [*said, {"role": "user", "content": _put(last, rng)}]


def _put(ask: Ask, rng: random.Random) -> str:
    words = ask.words
    if rng.random() < 0.15:
        words = rng.choice(_BEFORE) + words
    if rng.random() < 0.2:
        after = rng.choice(_AFTER)
        words += f"\n{after.strip()}" if words.endswith("{it}") else after
    if rng.random() < 0.1:
        words = words.lower()
    if rng.random() < 0.08:
        words = _slip(words, rng)
    return words.replace("{it}", ask.material)


def _slip(words: str, rng: random.Random) -> str:
    """One or two common words misspelt, where there are any."""
    parts = words.split(" ")
    places = [place for place, part in enumerate(parts) if part in _SLIPS]
    for place in rng.sample(places, min(len(places), rng.choice((1, 1, 2)))):
        parts[place] = _SLIPS[parts[place]]
    return " ".join(parts)
