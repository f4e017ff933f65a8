"""Where things lie that several tests read, so that no test counts the folders above itself."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"  # real data and a real Kafka, where they are; never needed
BRIEF = ROOT / "examples" / "support" / "brief.yaml"
