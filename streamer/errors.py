"""The tree of things that go wrong between a source and a sink.

StreamerError
├── SourceError              a stream cannot be read (any further)
│   ├── SourceOpenError      it never gave a frame: missing, unreadable, not a picture or video
│   │   └── SourceSpecError  what names it makes no sense; also a ValueError
│   └── SourceTimeoutError   it stopped answering; also a TimeoutError
├── SinkError                results cannot be written (any further)
└── ChannelClosed            a signal: nobody reads or writes there any more
"""


class StreamerError(Exception):
    """Any failure of the streaming half; the message is one line fit for a person."""


class SourceError(StreamerError):
    """A stream cannot be read any further."""


class SourceOpenError(SourceError):
    """A stream could not be opened, so no frame of it exists."""


class SourceSpecError(SourceOpenError, ValueError):
    """What names a stream makes no sense, whatever is there."""


class SourceTimeoutError(SourceError, TimeoutError):
    """A stream stopped answering."""


class SinkError(StreamerError):
    """Results cannot be written any further."""


class ChannelClosed(StreamerError):
    """The channel is closed; a reader has had everything that was accepted."""
