"""Print recall, precision and cost of the redaction that is in force: `python -m tests.telemetry.labelled`.

`--missed` shows what was missed and what was hit by mistake, but of the held out half only how much.
"""

from __future__ import annotations

import sys
import time

from telemetry.privacy import apply
from tests.telemetry.labelled import generated, measure, near_misses, written

_ORDINARY = (
    "You are a helpful assistant of a shop for garden tools. Answer in two or three sentences and name the "
    "order where there is one. Never promise a refund. "
    * 4
    + "My order 48213377 of 2024-05-17 has not come; the page says delivered at 10:45. What shall I do now? "
    "I am sorry to hear that. Please look beside the door first; some carriers leave parcels there, and the key "
    "to the box is sent by mail. Where it is not there by tomorrow, tell us and we will send a new one. " * 3
)


def _redact(text: str) -> str:
    return apply(text, "redacted")


def main() -> None:
    """Measure, and print a line a set."""
    sets = {
        "generated": (list(generated.positives()), [text for _, text in near_misses.near_misses()]),
        "by hand, looked at": (written.LOOKED_AT, written.NEAR_LOOKED_AT),
        "by hand, held out": (written.HELD_OUT, written.NEAR_HELD_OUT),
    }
    for name, (positives, negatives) in sets.items():
        found = measure.recall(_redact, positives)
        hit = measure.touched(_redact, negatives)
        precision = found.found / max(1, found.found + len(hit))
        print(f"{name}: recall {found.found}/{found.all} = {found.found / found.all:.3f}, ", end="")
        print(f"hit by mistake {len(hit)}/{len(negatives)}, precision {precision:.3f}")
        if "--missed" in sys.argv and "held" not in name:
            print(dict(measure.by_kind(found.missed)))
            for one in found.missed:
                print("   missed", repr(one.text), "->", repr(_redact(one.text)))
            for text, after in hit:
                print("   hit", repr(text), "->", repr(after))
    best = min(_seconds() for _ in range(5))
    print(f"cost: {best * 1e6:.1f} us for an ordinary text of {len(_ORDINARY)} characters")


def _seconds() -> float:
    began = time.process_time()
    for _ in range(200):
        _redact(_ORDINARY)
    return (time.process_time() - began) / 200


if __name__ == "__main__":
    main()
