"""Writes `requirements/licences.txt`: the licence of every package of the lock, as it says itself.

`python scripts/licences.py`, after a change of the lock. What a package does not say stands in `READ`, with what it was
read from.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, metadata

from pins import REQUIREMENTS, pins

READ = {
    # The licence files that come with them; their metadata names none.
    "axe-playwright-python": "MIT",
    "oss-harmony": "Apache-2.0",
    "setuptools": "MIT",
    # "License" in its metadata is ISC; its classifier says "OSI Approved" alone.
    "prometheus-fastapi-instrumentator": "ISC",
    # "License" in their metadata; the engine for the CPU alone needs them, and no code of ours does.
    "intel-cmplr-lib-ur": "Intel End User License Agreement for Developer Tools",
    "intel-openmp": "Intel End User License Agreement for Developer Tools",
}
"""Licences that somebody had to look up."""


def licence_of(name: str) -> str:
    """What an installed package says its licence is; empty where it says nothing that could be used."""
    if name in READ:
        return READ[name]
    said = metadata(name)
    if expression := said.get("License-Expression"):
        return str(expression)
    classifiers = [
        c.split(" :: ")[-1] for c in said.get_all("Classifier") or [] if c.startswith("License ::")
    ]
    if classifiers:
        return "; ".join(classifiers)
    lines = (said.get("License") or "").strip().splitlines()
    return lines[0][:100] if lines else ""


def main() -> None:
    """Write the list."""
    lines = []
    for name, version in sorted((pin.name, pin.version) for pin in pins("lock.txt")):
        try:
            lines.append(f"{name} {version}: {licence_of(name) or 'unknown'}\n")
        except PackageNotFoundError:
            raise SystemExit(f"{name} is not installed: `make setup`, then run this again") from None
    (REQUIREMENTS / "licences.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
