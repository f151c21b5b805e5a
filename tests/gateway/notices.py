# SPDX-License-Identifier: Apache-2.0
"""Notices of EC2's (metadata.py), and the fixtures that start both programs beside them."""
import pytest

import metadata
from conftest import wait_for

TAINT = "carve.dev/interruption"


@pytest.fixture
def service():
    with metadata.Metadata() as made:
        yield made


@pytest.fixture
def begin(service, gateway, carved, kubelet):
    """carved, and a gateway that looks at the metadata service all the time."""
    def start(*arguments, **more):
        run = carved(None)
        wait_for(lambda: len(kubelet.healthy()) > 0, "the first slices")
        made = gateway("--interruption", "--metadata-endpoint", service.url, "--metadata-interval", "20ms", *arguments, **more)
        return run, made
    return start


@pytest.fixture
def reads(begin, service):
    """The same, once it has seen that there is no notice."""
    def start(*arguments, **more):
        run, made = begin(*arguments, **more)
        made.wait_log("reading spot notices")
        assert service.count("GET", metadata.INTERRUPTION) >= 1
        return run, made
    return start


def rounds(service, n=3):
    """The service is asked n times more."""
    now = service.count("GET", metadata.INTERRUPTION)
    wait_for(lambda: service.count("GET", metadata.INTERRUPTION) >= now + n, "more looks at the metadata service")
