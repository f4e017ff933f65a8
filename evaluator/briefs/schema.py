"""What a capability brief may say: its keys, their types, and what must hold between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from evaluator.verifiers import VERIFIERS
from evaluator.verifiers.options import check_options
from telemetry.errors import BriefError
from telemetry.events import TokenPrice
from telemetry.mistakes import did_you_mean

UNFILLED = "TODO"
"""What stands where somebody has still to decide; a brief that holds it is not finished, and does not load."""

PROPOSED = "To be reviewed:"
"""What stands before a sentence that a program wrote for people to replace; the brief loads, and its check says so."""

SHARES_OFF = 0.005
"""How far the shares may be from adding up to 1: people round."""

Kind = Literal["knowledge", "reasoning", "reading", "format", "style", "code"]
Unseen = Literal["prompt", "learned", "agreement", "likelihood", "endpoint"]
FactsChange = Literal["never", "yearly", "monthly", "weekly", "daily"]


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; somebody reviews a rollout by it")
    if text.lstrip().startswith(UNFILLED):
        raise ValueError("still to be filled in")
    return text


Said = Annotated[str, AfterValidator(_said)]
"""A sentence of people for people: there, and not a reminder to write it."""
Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$")]


class Settings(BaseModel):
    """A frozen setting that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JudgeEndpoint(Settings):
    """A model that judges, behind the OpenAI API at `url`. It grades from 1 to `best`; scores are (grade-1)/(best-1).

    `rubric` says what a good answer is. The key is read from the environment variable `api_key_env`. Of what users
    send it is asked about the fraction `sample`. `output` is how it is to answer, in `max_tokens` at most: in `text`
    that ends in a grade line, or held to a `json_schema` where the server can. `deadline_s` bounds a judgement from the
    first request to the last byte; 120 s where it is None. Beyond `budget_per_hour` requests nobody is asked.
    `no_grade` is the score of an answer that it was asked about online and would not grade, settled here before any
    answer is seen; None leaves such an answer unscored. Where both arms answered it compares the two, in both orders,
    if `pairwise`, instead of grading each: the better one has 1, the other 0, a tie .5 and .5, and the capability's
    threshold is one of these scores. What its tokens cost by `price` is shown; no judgement depends on it. Beside the
    fraction `anchors` of what it judges online it is asked about an answer that it scored in the audit, so that it is
    seen where it changed; 0 asks it never.
    """

    url: Url
    model: Said
    rubric: Said
    best: int = Field(default=10, ge=2)
    api_key_env: str | None = None
    sample: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    output: Literal["text", "json_schema"] = "text"
    max_tokens: Annotated[int, Field(ge=16, le=32_768)] = 512
    deadline_s: Annotated[float, Field(gt=0.0)] | None = None
    budget_per_hour: Annotated[int, Field(gt=0)] | None = None
    no_grade: Annotated[float, Field(ge=0.0, le=1.0)] | None = 0.0
    pairwise: bool = False
    price: TokenPrice | None = None
    anchors: Annotated[float, Field(ge=0.0, le=1.0)] = 0.05


class AskBase(Settings):
    """What base's own engine is asked of what users send, besides answering it; each of a fraction of interactions.

    `likelihood`: how likely it finds the answers, for the judge of that name, and for the learned one as a feature.
    `again`: a second answer to the same request, by which `agreement` then measures both arms. Whether an interaction
    is in the fraction follows from its id, as for a model's `sample`. `deadline_s` bounds a question; beyond
    `budget_per_hour` questions nobody is asked.
    """

    likelihood: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    again: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    deadline_s: Annotated[float, Field(gt=0.0)] = 30.0
    budget_per_hour: Annotated[int, Field(gt=0)] | None = None


class JudgeSettings(Settings):
    """What scores the capability: a verifier (a program) with its options, or a model at an endpoint.

    A verifier judges the items by their references. What users send has none: `unseen` names what judges it, the first
    that can. `prompt` works out what the prompt itself asks; `learned` was taught by the audit and needs base's answer
    too; `agreement` is likeness to base's answer; `likelihood` is how likely base finds the answer; `endpoint` is the
    model, for which a verifier may stand beside it. `base` says what base's engine is asked for them.
    """

    verifier: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    endpoint: JudgeEndpoint | None = None
    unseen: tuple[Unseen, ...] = ("prompt", "learned")
    base: AskBase | None = None

    @field_validator("verifier")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None and name not in VERIFIERS:
            raise ValueError(
                f"no verifier {name!r}{did_you_mean(name, VERIFIERS)}; there are {', '.join(VERIFIERS)}"
            )
        return name

    @model_validator(mode="after")
    def _one(self) -> JudgeSettings:
        both = self.verifier is not None and self.endpoint is not None and "endpoint" in self.unseen
        if (self.verifier is None) == (self.endpoint is None) and not both:
            raise ValueError(
                "a judge is either a 'verifier' or an 'endpoint': give exactly one of the two, "
                "or both where 'unseen' names the endpoint"
            )
        if "endpoint" in self.unseen and self.endpoint is None:
            raise ValueError("'unseen' names the endpoint, and there is none")
        if len(set(self.unseen)) != len(self.unseen):
            raise ValueError(f"'unseen' names a judge twice: {', '.join(self.unseen)}")
        if (mistake := self._base_wrong()) is not None:
            raise ValueError(mistake)
        if self.verifier is None and self.options:
            raise ValueError("'options' are a verifier's; an endpoint has its own keys")
        if self.verifier is not None and (wrong := check_options(self.verifier, self.options)):
            raise ValueError("; ".join(wrong))
        return self

    def _base_wrong(self) -> str | None:
        """What does not fit between `unseen` and what base's engine is asked."""
        likelihood, again = (None, None) if self.base is None else (self.base.likelihood, self.base.again)
        if "likelihood" in self.unseen and likelihood is None:
            return "'unseen' names likelihood: say in 'base' of which fraction, such as `base: {likelihood: 0.5}`"
        if "likelihood" in self.unseen and {"learned", "endpoint"} & set(self.unseen):
            return (
                "'unseen' names likelihood beside learned or endpoint: nobody measured how far it errs, and its scores "
                "would count as theirs"
            )
        if likelihood is not None and not {"likelihood", "learned"} & set(self.unseen):
            return "'base.likelihood' is for the judges likelihood and learned, and 'unseen' names neither"
        if again is not None and "agreement" not in self.unseen:
            return "'base.again' is the yardstick of agreement, which 'unseen' does not name"
        return None


class BenchmarkSettings(Settings):
    """A public benchmark that measures the capability too: an lm-eval task by lm-eval's own name, or MT-Bench.

    `metric` is one of the task's own (its first where None), `fewshot` how many examples stand before a question
    (the task's own number where None); with `chat_template` the model's chat template is applied. `limit` asks only
    so many of its items, drawn by a fixed seed. `threshold` and `chance` are as the capability's: the capability's
    threshold where None; 1 in so many choices, or 0 without choices, where None. MT-Bench needs a `judge`; its
    threshold is on the scale from 0 to 1, of which one grade in ten is 1/9, and its answers have `max_tokens`
    (1,024 where None).
    """

    lm_eval: str | None = None
    mt_bench: str | None = None
    metric: str | None = None
    fewshot: Annotated[int, Field(ge=0)] | None = None
    chat_template: bool = False
    limit: Annotated[int, Field(gt=0)] | None = None
    threshold: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    chance: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    judge: JudgeEndpoint | None = None

    @model_validator(mode="after")
    def _one(self) -> BenchmarkSettings:
        if (self.lm_eval is None) == (self.mt_bench is None):
            raise ValueError("a benchmark is either 'lm_eval' or 'mt_bench': give exactly one of the two")
        if self.mt_bench is not None and self.judge is None:
            raise ValueError("MT-Bench is graded by a model: give 'judge' with its url, model and rubric")
        return self

    @property
    def name(self) -> str:
        """How the brief's reader calls it: the task's name, or `mt_bench/CATEGORY`."""
        return self.lm_eval or f"mt_bench/{self.mt_bench}"


class Capability(Settings):
    """One category of tasks that users rely on.

    `share` is its fraction of production traffic. `threshold` is the largest drop tolerated, in score
    points on [0, 1]. `items` is a JSONL file of benchmark items beside the brief; `exemplars` are user
    prompts that teach the tagger, in the brief as a list or as the name of a text file beside it, one prompt
    a line. `chance` is what guessing scores: a base not above it is at the floor. `quality` says in words how good
    the answers have to stay; `benchmarks` measure the capability besides the items.

    Three keys are for `belay advise` alone: `kind` is what a good answer mostly takes (facts that the model knows,
    several steps of thought, reading what stands in the prompt, a format, a style, code); `facts_change` is how
    often the facts behind the answers change; `cites` says that an answer has to name its source.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    role: Literal["target", "adjacent"] = "adjacent"
    why: Said
    quality: str = ""
    share: Annotated[float, Field(gt=0.0, le=1.0)]
    at_5_percent_loss: Said
    at_15_percent_loss: Said
    threshold: Annotated[float, Field(gt=0.0, lt=1.0)]
    critical: bool = False
    chance: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    items: str
    exemplars: Annotated[tuple[Said, ...], Field(min_length=1)]
    judge: JudgeSettings
    max_tokens: int = Field(default=64, gt=0)
    benchmarks: tuple[BenchmarkSettings, ...] = ()
    kind: Kind | None = None
    facts_change: FactsChange | None = None
    cites: bool = False

    @field_validator("quality")
    @classmethod
    def _filled(cls, text: str) -> str:
        return _said(text) if text else text

    @model_validator(mode="after")
    def _distinct(self) -> Capability:
        names = [benchmark.name for benchmark in self.benchmarks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"benchmarks named twice: {', '.join(twice)}")
        if self.role == "target" and "likelihood" in self.judge.unseen:
            raise ValueError(
                "likelihood judges no target: a fine-tune is there to say what base finds unlikely; "
                "it may be a feature of the learned judge"
            )
        return self


class Outline(NamedTuple):
    """What the capabilities of one brief have to agree on."""

    name: str
    role: str
    share: float


def contradictions(capabilities: Sequence[Outline]) -> list[str]:
    """What does not fit together in a brief with these capabilities, one line each."""
    found = []
    names = [c.name for c in capabilities]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        found.append(f"capabilities named twice: {', '.join(twice)}")
    targets = [c.name for c in capabilities if c.role == "target"]
    if len(targets) != 1:
        found.append(f"exactly one capability must have role 'target', found {len(targets)}: {targets}")
    total = sum(c.share for c in capabilities)
    if abs(total - 1.0) > SHARES_OFF:
        each = ", ".join(f"{c.name} {c.share:g}" for c in capabilities)
        found.append(f"shares of traffic must add up to 1, they add up to {total:.3f}: {each}")
    return found


class Brief(Settings):
    """The whole brief. Shares add up to 1; exactly one capability is the target.

    Beside the brief lie `training` (JSONL dialogues), `lm_eval_tasks` (a folder of local lm-eval task files) and
    `judge_suite` (JSONL of answers known to be good or bad, which the judge must still tell apart).
    `mt_bench_questions` is MT-Bench's question file.
    """

    name: Said
    version: Said
    owner: Said
    summary: Said
    capabilities: tuple[Capability, ...]
    training: str
    system_prompt: str | None = None
    lm_eval_tasks: str | None = None
    mt_bench_questions: str | None = None
    judge_suite: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Brief:
        wrong = contradictions([Outline(c.name, c.role, c.share) for c in self.capabilities])
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    @property
    def target(self) -> Capability:
        """The capability that fine-tuning is for."""
        return next(c for c in self.capabilities if c.role == "target")

    def capability(self, name: str) -> Capability:
        """The capability called `name`; BriefError where the brief has none."""
        for found in self.capabilities:
            if found.name == name:
                return found
        known = [c.name for c in self.capabilities]
        raise BriefError(f"the brief names no capability {name!r}; it has {', '.join(known)}")
