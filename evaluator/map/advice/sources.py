"""What advice leans on: publications, in the words of their abstracts or nearly so, and what we measured ourselves."""

from __future__ import annotations

from typing import Final, NamedTuple

_HERE: Final = "bench/README.md: SmolLM2-135M, one target, eleven capabilities"


class Source(NamedTuple):
    """A publication, or a measurement of ours, and the finding that is used."""

    cite: str
    finding: str

    def __str__(self) -> str:
        return f"{self.finding} ({self.cite})"


RETRIEVAL: Final = Source(
    "Ovadia et al. 2024, arXiv:2312.05934",
    "Retrieval consistently did better than unsupervised fine-tuning, for facts the model had met and for new ones",
)
NEW_FACTS: Final = Source(
    "Gekhman et al. 2024, arXiv:2405.05904",
    "New facts are learned slowly by fine-tuning, and once learned make the model err more on what it knew",
)
WITH_PASSAGES: Final = Source(
    "Zhang et al. 2024, arXiv:2403.10131",
    "Fine-tuning on questions that come with their passages, distracting ones among them, makes retrieval work better",
)
STYLE: Final = Source(
    "Zhou et al. 2023, arXiv:2305.11206",
    "A thousand careful examples taught a 65B model a style of answering; knowledge came from pre-training",
)
LORA: Final = Source(
    "Biderman et al. 2024, arXiv:2405.09673",
    "LoRA learns less of the target than full fine-tuning, and keeps more of what lies outside it",
)
LITTLE_REPLAY: Final = Source(
    "Bethune et al. 2025, arXiv:2502.06042",
    "1% of pre-training data in the mix kept the pre-training loss; small models forget most",
)
SELF_SYNTHESIZED: Final = Source(
    "Huang et al. 2024, arXiv:2403.01244",
    "Examples that the base model writes itself, replayed, did as well as replaying real data or better",
)
COT_MIX: Final = Source(
    "Chung et al. 2022, arXiv:2210.11416, section 4",
    "Instruction tuning without chains of thought made reasoning worse; nine chain-of-thought sets in the mix kept it",
)
COT_FAITH: Final = Source(
    "Lobo et al. 2024, arXiv:2411.15382",
    "Fine-tuning made chains of thought less faithful on four data sets",
)
EWC: Final = Source(
    "Zheng et al. 2026, arXiv:2602.17559",
    "EWC on the product of a shared adapter had a better trade-off than other low-rank methods, at constant memory",
)
SAM: Final = Source(
    "Li et al. 2024, arXiv:2406.04836",
    "Flatter minima forgot less, and SAM beside other methods forgot less still",
)
INTERPOLATION: Final = Source(
    "Wortsman et al. 2022, arXiv:2109.01903",
    "Weights between base and fine-tuned kept the target's accuracy and won back much of what it had cost (images)",
)
DIVERGENCE_HERE: Final = Source(
    _HERE,
    "The divergence from base alone on base's own answers, a third of twelve rows, learned 1.13 times as much of the "
    "target as tuned LoRA and took no capability over its threshold; cross entropy on the same answers took three",
)
DECAY_HERE: Final = Source(
    _HERE,
    "With the rate falling over the last 60% of the steps, rehearsal learned .96 of the target on tuning items, "
    "without it at most .91",
)
COT_HERE: Final = Source(
    _HERE,
    "Chains of thought alone in the mix brought sums from .30 to .56 and lost every format: they keep reasoning only",
)
EWC_HERE: Final = Source(
    _HERE,
    "EWC without rehearsal, at a strength of 100,000, kept .93 of what base can at a fifth of the target (plain LoRA "
    "at as much of it: .27), and still took two capabilities over their thresholds",
)
SAM_HERE: Final = Source(
    _HERE,
    "SAM kept .23 of what base can and its sparse variant .20, plain LoRA .22",
)
MERGES_HERE: Final = Source(
    _HERE,
    "Merges of plain LoRA lost a third of the target and kept no capability whole; lighter weights of the best "
    "candidate cost target and brought nothing back",
)
