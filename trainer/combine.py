"""Several fine-tunes of one base in one adapter: task arithmetic and TIES, through peft.

arithmetic: the weighted sum of the adapters' changes (Ilharco et al., 2023, arXiv:2212.04089), exactly: peft's `cat`
puts the factors side by side, so that the rank is the sum of the ranks. peft's `linear` adds A and B apart and is
not that sum.

ties: of each change only the `density` largest entries are kept, and where the adapters disagree about a sign the
heavier side wins (Yadav et al., 2023, arXiv:2306.01708). peft's `ties_svd` does that on the full changes, layer by
layer, and brings the result back to a low rank; `ties` would do it on A and B apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from peft import PeftModel

from telemetry.errors import SettingsError
from trainer.adapted import ADAPTER, adapted_layers

Combination = Literal["arithmetic", "ties"]


def combine_adapters(
    base: Any,
    adapters: Sequence[Path],
    weights: Sequence[float],
    method: Combination = "arithmetic",
    *,
    density: float = 0.2,
) -> Any:
    """Base, in memory, with one adapter that combines those in the folders; save it with `lora.save_adapter`.

    The rank is the sum of theirs. `density` counts for ties only, 0.2 as its authors found good. Raises
    SettingsError where weights and adapters do not match in number, or an adapter is no low-rank one.
    """
    if len(adapters) != len(weights) or not adapters:
        raise SettingsError(
            f"{len(adapters)} adapters and {len(weights)} weights; expected one weight for each"
        )
    names = [f"adapter_{number}" for number in range(len(adapters))]
    model = PeftModel.from_pretrained(base, str(adapters[0]), adapter_name=names[0])
    for name, folder in zip(names[1:], adapters[1:], strict=True):
        model.load_adapter(str(folder), adapter_name=name)
    configs = [model.peft_config[name] for name in names]
    if any(layer.is_dora for layer in adapted_layers(model)):
        raise SettingsError(
            "a weight-decomposed adapter (dora) is no sum of products and cannot be combined",
            hint="Merge it, and interpolate between the models.",
        )
    options: dict[str, Any] = {"combination_type": "cat"}
    if method == "ties":
        rank = sum(config.r for config in configs)
        options = {
            "combination_type": "ties_svd",
            "svd_rank": rank,
            "density": density,
            "svd_full_matrices": False,
        }
    configs[0].use_rslora = False  # peft copies this one's settings, but scales the result by rank / rank
    model.add_weighted_adapter(names, list(weights), ADAPTER, **options)
    model.set_adapter(ADAPTER)
    for name in names:
        model.delete_adapter(name)
    return model
