# SPDX-License-Identifier: Apache-2.0
"""The command line and the environment of carve-gateway, and the kubeconfig that says nothing."""
import json
import subprocess

import pytest

from conftest import BUILD


@pytest.mark.parametrize("arguments,words", [
    ([], "which node is this?"),
    (["--node-name", "Node"], "--node-name: 'Node' is not a name that Kubernetes takes"),
    (["--node-name", "a/../b"], "is not a name that Kubernetes takes"),
    (["--node-name", "a", "--socket", "x"], "--socket: 'x' is not an absolute path"),
    (["--node-name", "a", "--ready-deadline", "soon"], "is not a time such as"),
    (["--node-name", "a", "--ready-deadline", "0"], "is not a time such as"),
    (["--node-name", "a", "--labels", "both"], "is not auto, node, node-feature or off"),
    (["--node-name", "a", "--mig=perhaps"], "is not true or false"),
    (["--node-name", "a", "--mig-label", "a b"], "is not a label's name"),
    (["--node-name", "a", "--mig-label", "/x"], "is not a label's name"),
    (["--node-name", "a", "--config-map", "a/b/c"], "is not NAME or NAMESPACE/NAME"),
    (["--node-name", "a", "--fault-taint", "x"], "is not a taint such as"),
    (["--node-name", "a", "--fault-taint", "x:Never"], "is not a taint such as"),
    (["--node-name", "a", "--mig-label", "a.b/" + "x" * 58], "no more than 57 characters"),
    (["--node-name", "a", "--mig-drain"], "mean nothing without --mig"),
    (["--uninstall"], "--uninstall needs --daemon-set"),
])
def test_wrong_command_lines(arguments, words):
    done = subprocess.run([BUILD / "src/gateway/carve-gateway", *arguments], capture_output=True, text=True, timeout=20,
                          env={"KUBECONFIG": "/dev/null"}, check=False)
    assert done.returncode == 2 and words in done.stderr


def test_wrong_environment():
    done = subprocess.run([BUILD / "src/gateway/carve-gateway"], capture_output=True, text=True, timeout=20,
                          env={"CARVE_READY_DEADLINE": "x"}, check=False)
    assert done.returncode == 2 and "$CARVE_READY_DEADLINE: 'x' is not a time" in done.stderr


def test_no_way_to_the_api_server(tmp_path):
    (tmp_path / "config").write_text(json.dumps({"apiVersion": "v1", "kind": "Config"}), encoding="utf-8")
    done = subprocess.run([BUILD / "src/gateway/carve-gateway", "--node-name", "a", "--kubeconfig", tmp_path / "config"],
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and "cannot start" in done.stderr
