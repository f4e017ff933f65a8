"""What judges ask base's real engine: likelihoods as the model itself has them, and second answers."""

from __future__ import annotations

import pytest

from belay.launcher.demo import ALIAS
from evaluator.judge.judges.case import Case
from evaluator.judge.judges.client import JudgeClient
from evaluator.judge.judges.likelihood import Likelihoods
from evaluator.judge.judges.yardstick import SecondAnswers
from telemetry.events import Message
from tests.e2e.conftest import Trained

pytestmark = [pytest.mark.slow, pytest.mark.alone]

EARLIER = (
    Message(role="system", content="Be brief."),
    Message(role="user", content="Hello!"),
    Message(role="assistant", content="Hello. How can I help?"),
)
ANSWERS = (
    "The capital of Norway is Oslo.",
    "The capital of Norway is Bern.",
    "Thank you for contacting us! Your parcel is on its way.",
)


def test_the_engine_tells_what_the_model_itself_thinks_of_an_answer(trained: Trained) -> None:
    """The same by the model's own forward pass, over the tokens that its template puts behind the conversation."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(trained.base)
    model = transformers.AutoModelForCausalLM.from_pretrained(trained.base, dtype=torch.bfloat16)
    told = Likelihoods(JudgeClient(trained.control_url, ALIAS))
    means = []
    for answer in ANSWERS:
        case = Case("facts", "What is the capital of Norway?", answer, earlier=EARLIER)
        turns = [*(m.model_dump() for m in EARLIER), {"role": "user", "content": case.prompt}]
        before = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        known = tokenizer(before, add_special_tokens=False).input_ids
        ids = tokenizer(before + answer, add_special_tokens=False).input_ids
        with torch.inference_mode():
            logits = model(torch.tensor([ids])).logits[0].float().log_softmax(-1)
        own = [float(logits[at - 1, ids[at]]) for at in range(len(known), len(ids))]
        found = told.of(case).likelihood
        assert found is not None
        assert found.tokens == len(own)
        assert found.mean == pytest.approx(sum(own) / len(own), abs=0.15), "two implementations in bfloat16"
        assert found.lowest == pytest.approx(min(own), rel=0.1, abs=0.3)
        means.append(found.mean)
    assert means == sorted(means, reverse=True)


def test_base_gives_a_second_answer_as_it_gave_the_first(trained: Trained) -> None:
    asked = {"temperature": 0.0, "max_tokens": 12}
    cases = [
        Case("facts", "What is the capital of Norway?", "", interaction=f"i-{n}", parameters=asked)
        for n in range(2)
    ]
    seconds = SecondAnswers(JudgeClient(trained.control_url, ALIAS))
    first, second = (seconds.to(case).text for case in cases)
    assert first == second
    assert first is not None
    assert "Oslo" in first
