"""Addresses shown to people carry no secrets."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.redact import MASK, redact, redact_tree

# Upper case in passwords only, so that finding one in the output can be no accident.
WORDS = st.text(string.ascii_lowercase, min_size=1, max_size=8)
SECRETS = st.text(string.ascii_uppercase + string.digits + "!$%:@-_.~", min_size=1, max_size=12)
QUERY_SECRETS = st.text(string.ascii_uppercase + "%+/=.-_~", min_size=1, max_size=30)
SECRET_NAMES = st.sampled_from(
    [
        "token",
        "access_token",
        "key",
        "api_key",
        "apikey",
        "password",
        "passwd",
        "pwd",
        "pass",
        "sig",
        "signature",
        "X-Amz-Signature",
        "X-Amz-Credential",
        "AWSAccessKeyId",
        "secret",
        "auth",
        "Authorization",
        "client_secret",
        "sessionid",
        "jwt",
    ]
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("no address: at@all", "no address: at@all", id="no address"),
        pytest.param("rtsp://a:b@c/d", "rtsp://a:***@c/d", id="password"),
        pytest.param("rtsp://a:b@x@c/d", "rtsp://a:***@c/d", id="password with an at sign"),
        pytest.param("rtsp://a:b/x@c/d", "rtsp://a:***@c/d", id="password with a slash"),
        pytest.param("rtsp://:b@c/d", "rtsp://:***@c/d", id="password without a user"),
        pytest.param("rtsp://a@c/d", "rtsp://a@c/d", id="a user alone stays"),
        pytest.param("http://h:80/a@2x.png", "http://h:80/a@2x.png", id="a port is no password"),
        pytest.param("http://[::1]:80/a@b", "http://[::1]:80/a@b", id="nor is an IPv6 host"),
        pytest.param(
            "'rtsp://a:b@c/', 'http://d:e@f/'",
            "'rtsp://a:***@c/', 'http://d:***@f/'",
            id="two in a sentence",
        ),
        pytest.param("http://h/?u=rtsp://a:b@c", "http://h/?u=rtsp://a:***@c", id="nested"),
        pytest.param("http://h/?fps=5&token=x", "http://h/?fps=5&token=***", id="query"),
        pytest.param("http://h/#access_token=x", "http://h/#access_token=***", id="fragment"),
        pytest.param("http://h/?key=x: no (y)", "http://h/?key=***: no (y)", id="in a sentence"),
        pytest.param("/v?author=x&compass=n", "/v?author=x&compass=n", id="harmless names"),
        pytest.param(
            "rtsp://me@a.com:b@c/d", "rtsp://me@a.com:***@c/d", id="e-mail address as user"
        ),
        pytest.param("rtsp://me@a.com:554/d", "rtsp://me@a.com:554/d", id="e-mail address, port"),
        pytest.param("rtsp://a:b x@c/d", "rtsp://a:***@c/d", id="password with a blank"),
        pytest.param(
            "http://c:80 asks x@y", "http://c:80 asks x@y", id="a port in a sentence is no password"
        ),
        pytest.param("rtsp://c: ask x@y", "rtsp://c: ask x@y", id="nor is the sentence itself"),
        pytest.param("http://a%3Ab@c/", "http://a%3A***@c/", id="colon written as %3A"),
        pytest.param("rtsp://a:123456/b@c", "rtsp://a:***@c", id="too long for a port"),
        pytest.param(
            "rtsp://h:554/user=a_password=b_channel=1_stream=0.sdp?x",
            "rtsp://h:554/user=a_password=***_channel=1_stream=0.sdp?x",
            id="password in the path",
        ),
        pytest.param(
            "rtsp://h/password=b&user=a", "rtsp://h/password=***&user=a", id="at the path's begin"
        ),
        pytest.param(
            "http://h/?loginuse=a&loginpas=b&pw=c",
            "http://h/?loginuse=a&loginpas=***&pw=***",
            id="short names",
        ),
        pytest.param("srt://h:9?passphrase=b", "srt://h:9?passphrase=***", id="passphrase"),
        pytest.param(
            "rtmp://a.example.com/live2/abcd-1234-efgh-5678",
            "rtmp://a.example.com/live2/***",
            id="stream key",
        ),
        pytest.param(
            "https://hooks.example.com/services/T0/B0/AbCdEfGh12345678: refused",
            "https://hooks.example.com/services/T0/B0/***: refused",
            id="webhook",
        ),
        pytest.param("http://h/api/webhook/gate-in", "http://h/api/webhook/gate-in", id="its name"),
        pytest.param(
            "rtmp://h/live/warehouse-north-camera-12",
            "rtmp://h/live/warehouse-north-camera-12",
            id="a stream's name",
        ),
    ],
)
def test_secrets_are_masked_and_the_rest_stays(text: str, shown: str) -> None:
    assert redact(text) == shown


@given(user=WORDS, password=SECRETS, host=WORDS, before=WORDS, after=WORDS)
def test_no_password_survives(user: str, password: str, host: str, before: str, after: str) -> None:
    text = f"{before} rtsp://{user}:{password}@{host}/live {after}"
    assert redact(text) == f"{before} rtsp://{user}:{MASK}@{host}/live {after}"


@given(name=SECRET_NAMES, value=QUERY_SECRETS, host=WORDS, plain=WORDS)
def test_no_secret_query_value_survives(name: str, value: str, host: str, plain: str) -> None:
    text = f"https://{host}/a?id={plain}&{name}={value}&t={plain}"
    assert redact(text) == f"https://{host}/a?id={plain}&{name}={MASK}&t={plain}"


@given(st.text(alphabet=st.sampled_from(string.ascii_letters + ":/?#@&=[]%* '"), max_size=60))
def test_masking_twice_is_masking_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(st.text(alphabet=st.characters(exclude_characters="?&;#:"), max_size=60))
def test_text_without_an_address_is_untouched(text: str) -> None:
    assert redact(text) == text


def test_values_under_secret_names_are_masked_in_plain_data() -> None:
    data = {"sinks": [{"uri": "mqtt://a:b@c", "password": "x", "port": 1883}], "limit": None}
    assert redact_tree(data) == {
        "sinks": [{"uri": "mqtt://a:***@c", "password": MASK, "port": 1883}],
        "limit": None,
    }
