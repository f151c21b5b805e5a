# SPDX-License-Identifier: Apache-2.0
"""The reader of EC2's metadata service: tokens, faults of every kind, words about them, and what it never does."""
import pytest

import metadata
from conftest import STARTUP, events, taints, wait_event, wait_for
from notices import TAINT, begin, reads, rounds, service

NOTICE = '{"action": "terminate", "time": "2036-01-01T00:00:00Z"}'


def is_tainted(api):
    api.wait(lambda: TAINT in taints(api), "the taint")


def test_few_requests(reads, service):
    """One in each round, the recommendation in each sixth, one token for all of them."""
    reads()
    rounds(service, 30)
    asked, advised = service.count("GET", metadata.INTERRUPTION), service.count("GET", metadata.REBALANCE)
    assert asked // 6 <= advised <= asked // 6 + 1
    assert service.count("PUT") == 1
    with service.lock:
        headers = service.requests[0][2]
    assert headers["X-aws-ec2-metadata-token-ttl-seconds"] == "21600" and "Authorization" not in headers


def test_a_token_that_is_not_good_any_more(reads, service, api):
    reads()
    service.expire()
    service.interrupt()
    is_tainted(api)
    assert service.count("PUT") == 2 and not events(api, "MetadataAway")


def test_tokens_that_are_never_good(begin, service, api):
    """One new token in a round, and rounds with pauses."""
    refused = service.fault("refuse", path="meta-data", status=401)
    begin()
    assert "401" in wait_event(api, "MetadataAway")["message"]
    assert service.count("PUT") <= refused.hits <= 2 * service.count("PUT")
    refused.end()
    service.interrupt()
    is_tainted(api)


HOPS = "httpPutResponseHopLimit: 2"


@pytest.mark.parametrize("kind, path, how, words", [
    ("hang", "token", {}, [HOPS, "interruption.hostNetwork"]),
    ("refuse", "token", {"status": 403}, ["turned off", "httpEndpoint: enabled", "403"]),
    ("refuse", "token", {"status": 404}, ["not EC2's metadata service", "--metadata-endpoint"]),
    ("refuse", "token", {"status": 400}, ["400"]),
    ("refuse", "", {"status": 429}, ["429"]),
    ("refuse", "meta-data", {"status": 503}, ["503", "interruption notice"]),
    ("refuse", "rebalance", {"status": 500}, ["500", "rebalance recommendation"]),
    ("answer", "token", {"body": ""}, ["session token"]),
    ("answer", "token", {"body": "a\r\nX-Evil: 1"}, ["session token"]),
    ("answer", "token", {"body": "x" * 1025}, ["session token"]),
    ("answer", "token", {"body": b"\xff\x00\xfe"}, ["session token"]),
    ("answer", "instance-action", {"body": "<html>hello</html>"}, ["interruption notice"]),
    ("answer", "instance-action", {"body": b"\x00\xff{["}, ["interruption notice"]),
    ("answer", "instance-action", {"body": '{"action": "terminate"}'}, ["no 'time'"]),
    ("answer", "instance-action", {"body": '{"action": "terminate", "time": "soon"}'}, ["'soon' is no time"]),
    ("answer", "instance-action", {"body": NOTICE.replace("terminate", "x\\u001b[31m")}, ["no 'action'"]),
    ("answer", "instance-action", {"body": "{" * 9000}, ["interruption notice"]),
    ("answer", "instance-action", {"body": " " * 17000 + NOTICE}, ["interruption notice"]),
    ("endless", "instance-action", {}, ["interruption notice"]),
    ("reset", "", {}, ["is this an EC2 instance"]),
    ("noise", "", {}, ["is this an EC2 instance"]),
])
def test_a_fault_is_told_once_with_its_cure_and_passes(begin, service, api, kind, path, how, words):
    fault = service.fault(kind, path=path, **how)
    _, run = begin()
    told = wait_event(api, "MetadataAway")
    assert told["type"] == "Warning" and all(w in told["message"] for w in ["spot notices cannot be read", *words]), told
    if kind != "hang":
        wait_for(lambda: fault.hits >= 6, "more tries")
    assert run.log().count("event=MetadataAway") == 1 and run.log().count("Z warning ") == 1, run.log()
    assert TAINT not in taints(api)
    fault.end()
    wait_event(api, "MetadataBack")
    service.interrupt()
    is_tainted(api)


def test_hops_are_no_cure_once_there_was_a_token(begin, service, api):
    service.fault("hang", path="meta-data")
    begin()
    told = wait_event(api, "MetadataAway")["message"]
    assert "no answer in time" in told and HOPS not in told


def test_nobody_listens(begin, service, api):
    service.away()
    begin()
    told = wait_event(api, "MetadataAway")["message"]
    assert "cannot reach" in told and service.url in told and "is this an EC2 instance" in told
    service.back()
    service.interrupt()
    is_tainted(api)


def test_what_passes_at_once_is_no_news(reads, service, api):
    reads()
    service.fault("refuse", status=503, times=2)
    service.interrupt()
    is_tainted(api)
    assert not events(api, "MetadataAway") and not events(api, "MetadataBack")


def test_a_slow_service(begin, service, api):
    service.fault("slow", seconds=0.1)
    service.interrupt()
    begin()
    is_tainted(api)
    assert not events(api, "MetadataAway")


def test_the_rest_goes_on_while_the_service_hangs(begin, service, api):
    hanging = service.fault("hang")
    _, run = begin(taints=[STARTUP])
    api.wait(lambda: not taints(api), "the start-up taint's end")
    wait_for(lambda: hanging.hits, "a request that hangs")
    run.end(seconds=10)


def test_no_redirect_is_followed(begin, service, api):
    with metadata.Metadata() as other:
        other.interrupt()
        service.fault("refuse", status=302, location=other.url + metadata.TOKEN)
        begin()
        assert "302" in wait_event(api, "MetadataAway")["message"]
        assert not other.requests and TAINT not in taints(api)


def test_no_proxy_is_used(service, gateway, carved, api):
    """Whoever sets one for the cluster's traffic does not mean this; the stand-in API server is kept out of it."""
    carved(None)
    proxy = "http://127.0.0.1:1"
    gateway("--interruption", "--metadata-endpoint", service.url.replace("127.0.0.1", "localhost"),
            "--metadata-interval", "20ms", environment={
                "http_proxy": proxy, "all_proxy": proxy, "HTTP_PROXY": proxy, "no_proxy": "127.0.0.1"})
    service.interrupt()
    is_tainted(api)


def test_version_6_of_ip(gateway, carved, api):
    with metadata.Metadata("::1") as service_6:
        carved(None)
        gateway("--interruption", "--metadata-endpoint", service_6.url, "--metadata-interval", "20ms")
        service_6.interrupt()
        is_tainted(api)


@pytest.mark.parametrize("url", ["169.254.169.254", "https://169.254.169.254", "http://", "http://a/b", "http://a@b",
                                 "http://a?b", "file:///etc/passwd", "http://a b", "http://" + "a" * 300])
def test_an_endpoint_that_is_none(gateway, url):
    run = gateway("--interruption", "--metadata-endpoint", url, with_node=False)
    run.expected_codes.append(2)
    assert run.process.wait(20) == 2 and "is not an address such as http://169.254.169.254" in run.log()


def test_a_wish_that_is_none(gateway):
    run = gateway("--interruption", "--interruption-rebalance", "cordon", with_node=False)
    run.expected_codes.append(2)
    assert run.process.wait(20) == 2 and "'cordon' is not event, taint or drain" in run.log()
