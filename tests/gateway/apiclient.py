# SPDX-License-Identifier: Apache-2.0
"""The API client (src/api) by way of watch_probe before the stand-in API server: fixtures, and short words for
objects and requests."""
import os
import pathlib

import pytest

import apiserver
from probe import Probe

BUILD = pathlib.Path(os.environ["CARVE_BUILD"])
RELEASE = pathlib.Path(os.environ.get("CARVE_RELEASE", BUILD))
NODES, PODS = "/api/v1/nodes", "/api/v1/pods"


@pytest.fixture
def api():
    with apiserver.APIServer() as made:
        yield made


def probe_of(api, folder, build=BUILD, **kubeconfig):
    return Probe([build / "tests/gateway/watch_probe", api.kubeconfig(folder, **kubeconfig)])


@pytest.fixture
def probe(api, tmp_path):
    made = probe_of(api, tmp_path)
    yield made
    made.end()


def node(name="a", **labels):
    return {"kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": {}, "status": {}}


def pod(name, where="a"):
    return {"kind": "Pod", "metadata": {"name": name}, "spec": {"nodeName": where}}


def set_label(api, name, value):
    api.change("Node", name, lambda n: n["metadata"]["labels"].update(a=value))


def lists(api, path=NODES):
    return api.count("GET", path, watch=False)


def watches(api, path=NODES):
    return api.count("GET", path, watch=True)
