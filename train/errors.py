"""The tree of things that go wrong between a folder of pictures and finished weights.

TrainError
├── DataError           a data set cannot be used at all: no such file, not its format, no picture
│   └── SampleError     one picture of it is broken; with `broken: skip` it is left out and counted
├── CheckpointError     a checkpoint cannot be written, read, or is of another training
├── DivergedError       the loss is no number any more
└── DistributedError    the processes that should train together do not find each other
"""


class TrainError(Exception):
    """Training cannot begin or go on; the message is one line fit for a person."""


class DataError(TrainError):
    """A data set cannot be read, or holds nothing to learn from."""


class SampleError(DataError):
    """One picture of a data set is missing, truncated or labelled with impossible boxes."""


class CheckpointError(TrainError):
    """A checkpoint cannot be written or read, or does not belong to this training."""


class DivergedError(TrainError):
    """The loss became infinite or NaN; the last checkpoint is from before that."""


class DistributedError(TrainError):
    """The processes that should train together do not find each other."""
