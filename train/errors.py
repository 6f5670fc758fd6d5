"""The tree of things that go wrong between a folder of pictures and finished weights.

TrainError
└── DataError           a data set cannot be used at all: no such file, not its format, no picture
    └── SampleError     one picture of it is broken; with `broken: skip` it is left out and counted
"""


class TrainError(Exception):
    """Training cannot begin or go on; the message is one line fit for a person."""


class DataError(TrainError):
    """A data set cannot be read, or holds nothing to learn from."""


class SampleError(DataError):
    """One picture of a data set is missing, truncated or labelled with impossible boxes."""
