"""A summary is of the text that a prompt brings, not of the prompt: prompts and answers as they may come."""

import pytest

from evaluator.verifiers.summaries import one_sentence

NOTICE = (
    "The library on Mill Street closes for three weeks in May because the roof has to be replaced. "
    "Books may be returned at the town hall, and nobody pays for being late in that time."
)
ABOUT_IT = "The library on Mill Street closes for three weeks in May while its roof is replaced."
PROMPTS = {
    "colon": f"Please put this notice into one sentence: {NOTICE}",
    "label": f"Text: {NOTICE}\nTask: say it in a single sentence.",
    "quotes": f'I need a one-sentence summary of the following text. "{NOTICE}"',
    "blank line": f"Write a short summary, exactly one sentence, of the notice below.\n\n{NOTICE}",
}
ABOUT_THE_PROMPT = (
    "Please provide a one-sentence summary of the following text.",
    "The text below is a notice that has to be put into one sentence.",
    "You asked me to write a summary of a notice in exactly one sentence.",
    "The task is to say a text in a single sentence.",
    "This is a short summary of the following notice in one sentence.",
)


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_a_sentence_of_the_text_passes(prompt):
    assert one_sentence(ABOUT_IT, None, prompt, {}).value == 1.0


@pytest.mark.parametrize("answer", ABOUT_THE_PROMPT)
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_a_sentence_about_the_prompt_is_none_of_its_text(prompt, answer):
    found = one_sentence(answer, None, prompt, {})
    assert (found.value, found.basis) == (0.0, "prompt")


def test_the_words_that_ask_may_lend_a_name_and_a_figure():
    prompt = f"Summarise Petra's notice number 4 in one sentence: {NOTICE}"
    assert (
        one_sentence(
            f"In notice 4 Petra says that {ABOUT_IT[0].lower()}{ABOUT_IT[1:]}", None, prompt, {}
        ).value
        == 1.0
    )
    assert (
        one_sentence(ABOUT_IT.replace("Mill Street", "Mill Street by Oskar"), None, prompt, {}).value == 0.0
    )
