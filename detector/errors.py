"""The tree of things that go wrong with a model.

DetectorError
├── WeightsError    a weights file is missing, damaged, for another network or not to be fetched
└── DeviceError     the device asked for is not there, or cannot do what was asked
"""


class DetectorError(Exception):
    """A model cannot be built or run; the message is one line fit for a person."""


class WeightsError(DetectorError):
    """A weights file is missing, damaged, for another network, or cannot be fetched."""


class DeviceError(DetectorError):
    """The device or precision asked for cannot be had."""
