"""Which of the processes that train together this one is, and what they tell each other.

`torchrun` starts them and says so in the environment; without it there is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from detector.device import choose_compute
from train.errors import DistributedError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class World:
    """The processes that train together.

    Attributes:
        rank: of this one, from 0; the first alone writes files.
        size: how many there are.
        local_rank: of this one on its machine: the number of its GPU.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def add(self, *tensors: Tensor) -> None:
        """Every process's tensors become the sum over all, in place; blocks."""
        if self.size > 1:
            for tensor in tensors:
                dist.all_reduce(tensor)

    def gather(self, value: T) -> list[T]:
        """Every process's value, in the order of ranks; blocks."""
        if self.size == 1:
            return [value]
        values = [value] * self.size
        dist.all_gather_object(values, value)
        return values

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            dist.barrier()


def choose_device(name: str, world: World) -> torch.device:
    """The device of this process: each has a GPU of its own.

    Args:
        name: "auto", "cpu", "cuda" or "cuda:N".
        world: of this process.

    Raises:
        ValueError: `name` is no such word.
        DeviceError: the device is not there.
    """
    if world.size > 1 and name in ("auto", "cuda"):
        name = f"cuda:{world.local_rank}" if torch.cuda.is_available() else "cpu"
    return choose_compute(name, "fp32").device


@contextmanager
def joined(world: World, device: torch.device) -> Iterator[None]:
    """Membership among the processes that `torchrun` started; nothing where this is alone.

    Raises:
        DistributedError: the others cannot be reached, or one of them ended meanwhile.
    """
    if world.size == 1:
        yield
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)  # objects are gathered through the current one
    try:
        dist.init_process_group(backend, rank=world.rank, world_size=world.size)
    except (RuntimeError, ValueError) as error:
        raise DistributedError(
            f"process {world.rank} of {world.size}: cannot reach the others over {backend}: "
            f"{str(error).splitlines()[0]}; start all of them with torchrun"
        ) from error
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):
            raise
        raise DistributedError(
            f"process {world.rank} of {world.size}: another one ended; its own message says why"
        ) from error
    finally:
        dist.destroy_process_group()


def world_of(environment: Mapping[str, str]) -> World:
    """As `torchrun` says, before anything is joined.

    Raises:
        DistributedError: the environment is half set.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    given = [environment.get(name) for name in names]
    if given[1] is None:
        return World()
    try:
        rank, size, local = (int(value or "") for value in given)
    except ValueError as error:
        raise DistributedError(
            f"environment: expected numbers in {', '.join(names)}, got {given}; start with torchrun"
        ) from error
    return World(rank, size, local)
