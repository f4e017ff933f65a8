"""One process or many: what belongs to the main one only. `accelerate launch` and torchrun set RANK."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from accelerate import Accelerator

Value = TypeVar("Value")

_LAUNCHED: Final = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What the launcher tells its processes."""
_PATIENCE: Final = timedelta(hours=6)
"""How long processes wait for the main one, while it asks base or writes: longer than any of that takes."""


def is_main() -> bool:
    """Whether this process is the one that writes and reports; known before torch is loaded."""
    return os.environ.get("RANK", "0") == "0"


def accelerator() -> Accelerator:
    """The accelerator of this process: on a GPU where there is one, else on the CPU, alone or among others."""
    import torch  # noqa: PLC0415 - whoever only wants to know which process this is needs no torch
    from accelerate import Accelerator, InitProcessGroupKwargs  # noqa: PLC0415 - as above

    return Accelerator(
        cpu=not torch.cuda.is_available(), kwargs_handlers=[InitProcessGroupKwargs(timeout=_PATIENCE)]
    )


def same_everywhere(value: Value) -> Value:
    """The main process's value, in all: what each has computed itself may differ in the last bit."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return value
    from accelerate.utils import broadcast_object_list  # noqa: PLC0415 - as above

    found: list[Value] = broadcast_object_list([value])
    return found[0]


def go_on_alone() -> None:
    """Leave the other processes, which end here; whatever this one starts must not take itself for one of them."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return
    from accelerate import PartialState  # noqa: PLC0415 - as above

    PartialState().destroy_process_group()
    for name in _LAUNCHED:
        os.environ.pop(name, None)
