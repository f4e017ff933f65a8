"""The tensors of a model folder by name and shape, out of its safetensors files' headers: no weight is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from telemetry.errors import AttestationError

Shapes = Mapping[str, tuple[int, ...]]
INDEX: Final = "model.safetensors.index.json"
_LONGEST_HEADER: Final = 100_000_000  # bytes; the format's own limit


def shapes_in(folder: Path, pattern: str = "*.safetensors") -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor in the folder's files that match `pattern`.

    Raises AttestationError for a file that is cut off or no safetensors file, and for a name that two files have.
    """
    found: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob(pattern)):
        for name, shape in header_of(path).items():
            if name in found:
                raise AttestationError(
                    f"{path} has a tensor {name!r} that another file of {folder} has too",
                    hint="Two sets of weights lie in this folder; leave one.",
                )
            found[name] = shape
    return found


def header_of(path: Path) -> dict[str, tuple[int, ...]]:
    """Name and shape of the tensors in one safetensors file, after the format's description.

    The file starts with the header's length (8 bytes, little endian), then the header in JSON, then the tensors.
    Raises AttestationError where it is not that, or shorter than its header says.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or not 2 <= length <= min(size - 8, _LONGEST_HEADER):
            raise _unreadable(path, size, "its first bytes are not the length of a header")
        try:
            header = json.loads(file.read(length))
            entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
            shapes = {name: tuple(int(n) for n in entry["shape"]) for name, entry in entries.items()}
            ends = max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise _unreadable(path, size, f"its header cannot be read ({error!r})") from error
    if 8 + length + ends != size:
        raise _unreadable(path, size, f"its header speaks of {8 + length + ends:,} bytes")
    return shapes


def missing_shards(folder: Path) -> list[str]:
    """The weight files that the folder's index names and that are not there."""
    index = folder / INDEX
    if not index.is_file():
        return []
    try:
        files = set(json.loads(index.read_bytes())["weight_map"].values())
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise AttestationError(f"{index} is no index of weight files: {error!r}") from error
    if elsewhere := sorted(str(name) for name in files if Path(str(name)).name != str(name)):
        # What lies elsewhere stands in no manifest, and would be loaded all the same.
        raise AttestationError(f"{index} names weights outside of its folder: {', '.join(elsewhere)}")
    return sorted(str(name) for name in files if not (folder / str(name)).is_file())


def _unreadable(path: Path, size: int, why: str) -> AttestationError:
    return AttestationError(
        f"{path} ({size:,} bytes) is no complete safetensors file: {why}",
        hint="A download that broke off, or a pointer of Git LFS in place of the file. Fetch it again.",
    )
