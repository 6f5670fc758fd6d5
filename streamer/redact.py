"""Text without the secrets that addresses carry."""

from __future__ import annotations

import re
from collections.abc import Mapping

MASK = "***"

# Parts of names whose values are secrets: ?token=, &X-Amz-Signature=, api_key:, ...
_SECRET_NAME = re.compile(
    r"token|secret|passw|\bpass$|_pass$|pwd|credential|signature|\bsig$|_sig$|auth(?!ors?$)|session|jwt"
    r"|access.?key|key$|key[_-]",
    re.IGNORECASE,
)

# user:password@ up to the last @ of the authority, for people forget to write %40.
_USERINFO = re.compile(r"(://[^\s/?#@:\[]*:)[^\s/?#]*(?=@)")
# A password with an unescaped / ? or #: what follows the colon cannot be a port, and an @ comes.
_BROKEN_USERINFO = re.compile(r"(://[^\s/?#@:\[]*:)(?!\d*(?:[/?#]|$))[^\s/?#@]*[/?#]\S*(?=@)")
_QUERY = re.compile(r"([?&;#])([^\s=&;#?/]+)=([^\s&;#'\"<>]+)")


def redact(text: str) -> str:
    """The text with passwords and secret-looking query values of its URLs masked.

    User names stay: they say which account to look at.

    >>> redact("cannot open 'rtsp://admin:hunter2@door/1?token=abc&fps=5'")
    "cannot open 'rtsp://admin:***@door/1?token=***&fps=5'"
    """
    text = _USERINFO.sub(rf"\g<1>{MASK}", text)
    text = _BROKEN_USERINFO.sub(rf"\g<1>{MASK}", text)
    return _QUERY.sub(_mask_secret, text)


def redact_tree(data: object) -> object:
    """Plain data (mappings, lists, scalars) with every string redacted, keys untouched.

    >>> redact_tree({"sources": ["http://a:b@c/"], "api_key": "xyz"})
    {'sources': ['http://a:***@c/'], 'api_key': '***'}
    """
    if isinstance(data, str):
        return redact(data)
    if isinstance(data, Mapping):
        return {key: _redact_entry(str(key), value) for key, value in data.items()}
    if isinstance(data, list):
        return [redact_tree(item) for item in data]
    return data


def _redact_entry(key: str, value: object) -> object:
    if isinstance(value, str) and _SECRET_NAME.search(key):
        return MASK
    return redact_tree(value)


def _mask_secret(match: re.Match[str]) -> str:
    lead, name, value = match.groups()
    return f"{lead}{name}={MASK if _SECRET_NAME.search(name) else value}"
