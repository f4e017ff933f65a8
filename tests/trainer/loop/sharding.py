"""Weights that are sharded as FSDP shards them, in a process group of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor


@contextmanager
def one_process() -> Iterator[Any]:
    """A device mesh over this process alone."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        yield init_device_mesh("cpu", (1,))
    finally:
        torch.distributed.destroy_process_group()


def shard_free_weights(model: Any, mesh: Any) -> None:
    """Make every weight that is trained a DTensor, spread over the mesh by rows."""
    free = [
        (module, name, weight)
        for module in model.modules()
        for name, weight in module.named_parameters(recurse=False)
        if weight.requires_grad
    ]
    for module, name, weight in free:
        setattr(module, name, torch.nn.Parameter(distribute_tensor(weight.detach(), mesh, [Shard(0)])))
