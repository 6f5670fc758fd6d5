"""Text without the secrets that addresses carry."""

from __future__ import annotations

import re
from collections.abc import Mapping

MASK = "***"

# Parts of names whose values are secrets: ?token=, &X-Amz-Signature=, api_key:, ...
_SECRET_NAME = re.compile(
    r"token|secret|passw|passphrase|passcode|\bpass$|_pass$|pas$|pwd|pw$|credential|signature"
    r"|\bsig$|_sig$|auth(?!ors?$)|session|jwt|access.?key|key$|key[_-]",
    re.IGNORECASE,
)

# user:password@ up to the last @ of the authority, for people forget to write %40, also where the
# user is an e-mail address.
_USERINFO = re.compile(r"(://[^\s/?#:]*?(?::|%3a))[^\s/?#]*(?=@)", re.IGNORECASE)
# A password with an unescaped / ? or #: what follows the colon cannot be a port, and an @ comes.
_BROKEN_USERINFO = re.compile(r"(://[^\s/?#@:\[]*:)(?!\d{0,5}(?:[/?#]|$))[^\s/?#@]*[/?#]\S*(?=@)")
# A password with a blank in it; a colon before a blank is a sentence's.
_SPACED_USERINFO = re.compile(
    r"(://[^\s/?#@:\[]*:)(?!\d{0,5}[\s,'\"])[^\s/?#@]+[ ][^\n/?#@'\"]*(?=@)"
)
# A sign behind the value is the sentence's: "http://h/?token=x: refused".
_QUERY = re.compile(r"([?&;#])([^\s=&;#?/]+)=([^\s&;#'\"<>]*[^\s&;#'\"<>:,)])")
# Cameras that take it in the path: /user=admin_password=secret_channel=1_stream=0.sdp
_IN_PATH = re.compile(
    r"(://\S*?[/_](?:password|passwd|pass|pwd)=)(?:(?!_[a-z]+=)[^\s&;#?/'\"<>])+", re.IGNORECASE
)
# What lets anyone send to a streaming service in its owner's name: the last part of its path, long
# and with more digits than a camera's name has.
_STREAM_KEY = re.compile(
    r"(rtmps?://[^\s/]+/(?:[^\s/?#'\"]+/)+)(?=(?:[\w-]*?\d){4})[\w-]{16,}", re.IGNORECASE
)
# Receivers of webhooks are known by a secret in their path: /api/webhook/<id>.
_HOOK = re.compile(r"(https?://[^\s'\"]*?(?:hooks?\b|/key/))([^\s?#'\"]+)", re.IGNORECASE)
_LONG_PART = re.compile(r"(?<![\w-])(?=[\w-]*\d)[\w-]{16,}(?![\w-])")


def redact(text: str) -> str:
    """The text with passwords, keys and secret-looking query values of its URLs masked.

    User names stay: they say which account to look at.

    >>> redact("cannot open 'rtsp://admin:hunter2@door/1?token=abc&fps=5'")
    "cannot open 'rtsp://admin:***@door/1?token=***&fps=5'"
    """
    text = _STREAM_KEY.sub(rf"\g<1>{MASK}", redact_passwords(text))
    return _HOOK.sub(lambda hook: hook[1] + _LONG_PART.sub(MASK, hook[2]), text)


def redact_passwords(text: str) -> str:
    """As `redact`, but what stands in a path for whom it is to reach stays.

    >>> redact_passwords("http://me:geheim@host/hooks/0123456789abcdef?key=x")
    'http://me:***@host/hooks/0123456789abcdef?key=***'
    """
    for secret in (_USERINFO, _BROKEN_USERINFO, _SPACED_USERINFO, _IN_PATH):
        text = secret.sub(rf"\g<1>{MASK}", text)
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
