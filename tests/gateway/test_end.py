# SPDX-License-Identifier: Apache-2.0
"""The gateway's own end: killed, stopped, uninstalled, and the job that uninstalls."""
import signal
import subprocess
import threading

import pytest

from conftest import BUILD, GPU, NODE, OTHER, STARTUP, a_node, condition, taints, wait_event, wait_for
from nodelabels import applied, wait_label


def test_killed_and_started_again(gateway, carved, api, mirror):
    mirror.held.add(GPU)
    carved()
    run = gateway(taints=[STARTUP])
    run.wait_log("reason=NotAllocatable")
    run.kill()
    mirror.held.clear()
    run.start()
    api.wait(lambda: not taints(api), "no taint")


def test_two_at_once_do_no_harm(gateway, carved, api):
    carved()
    api.put(a_node(taints=[OTHER, STARTUP]))
    gateway(), gateway()
    api.wait(lambda: taints(api) == ["example.com/other"], "no taint")
    assert wait_event(api, "SlicesReady")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_is_not_uninstalled(gateway, carved, api, number):
    carved()
    run = gateway()
    run.wait_log("carved answers")
    run.signal(number)
    assert run.process.wait(20) == 0
    assert "taking back" not in run.log()


@pytest.mark.parametrize("how", ["gone", "going"])
def test_uninstall_is_told_from_a_restart(gateway, carved, api, how):
    carved()
    run = gateway()
    run.wait_log("carved answers")
    if how == "gone":
        api.delete("DaemonSet", "carve", "carve")
    else:
        api.change("DaemonSet", "carve", lambda d: d["metadata"].update(deletionTimestamp=api.now()), "carve")
    run.end()
    assert "carve is being uninstalled" in run.log() and "is taken back" in run.log()


@pytest.mark.parametrize("value, off", [("false", True), ("true", False)])
def test_a_node_that_carve_is_kept_off(gateway, carved, api, value, off):
    """The DaemonSet stays, and has no pod for this node any more."""
    carved()
    api.absent.add("nodefeatures")
    run = gateway()
    wait_for(lambda: applied(api) and condition(api), "labels and condition")

    def keep_off(node):
        node["metadata"]["labels"]["carve.dev/deploy"] = value
        del node["metadata"]["labels"]["nvidia.com/gpu.count"]

    api.change("Node", NODE, keep_off)
    wait_label(api, "nvidia.com/gpu.count", "8")  # so the gateway has seen it
    run.end()
    assert ("carve.dev/deploy=false keeps carve off this node" in run.log()) is off
    assert bool(applied(api)) is not off and (condition(api) is None) is off
    assert api.get("Node", NODE)["metadata"]["labels"]["carve.dev/deploy"] == value


def test_unsure_about_the_end_leaves_all_as_it_is(gateway, carved, api):
    carved()
    run = gateway()
    run.wait_log("carved answers")
    api.forbid("get", "daemonsets")
    run.end()
    assert "cannot tell whether carve is being uninstalled" in run.log()


def test_end_while_the_api_is_away(gateway, carved, api):
    run = gateway()
    api.wait(lambda: api.count("GET", "/nodes$", watch=True), "a watch")
    api.away()
    run.end()
    api.back()


@pytest.mark.parametrize("words", ["started ", "carved answers", "the API server answers", "stopping signal", "event=SlicesReady"])
def test_shutdown_at_any_moment(gateway, carved, api, words):
    carved()
    run = gateway(taints=[STARTUP])
    if words == "stopping signal":
        run.wait_log("started ")
        run.signal(signal.SIGTERM)
        run.wait_log(words)
        if run.process.poll() is None:
            run.signal(signal.SIGTERM)
        assert run.process.wait(20) == 0
        return
    run.wait_log(words)
    run.end()


# carve-gateway --uninstall
def job(api, node, *arguments):
    return subprocess.run([BUILD / "src/gateway/carve-gateway", "--uninstall", "--namespace", "carve", "--daemon-set",
                           "carve", "--kubeconfig", api.kubeconfig(node.folder), *arguments], capture_output=True,
                          text=True, timeout=60, check=False)


def test_uninstall_job(api, node):
    """Foreground: the server keeps the DaemonSet until its pods are gone."""
    seen = []

    def end(daemon_set):
        seen.append(daemon_set["metadata"]["finalizers"])
        daemon_set["metadata"]["finalizers"] = []

    waiter = threading.Thread(target=lambda: (api.wait(lambda: "deletionTimestamp" in api.get(
        "DaemonSet", "carve", "carve")["metadata"], "the delete"), api.change("DaemonSet", "carve", end, "carve"),
        api.wait(lambda: api.count("GET", "/daemonsets/carve") > 0, "a look"), api.delete("DaemonSet", "carve", "carve")))
    waiter.start()
    done = job(api, node)
    waiter.join()
    assert done.returncode == 0, done.stderr
    assert seen == [["foregroundDeletion"]] and "the DaemonSet is gone" in done.stderr


def test_uninstall_job_has_nothing_to_do(api, node):
    api.delete("DaemonSet", "carve", "carve")
    assert job(api, node).returncode == 0


def test_uninstall_job_ends_at_its_deadline(api, node):
    done = job(api, node, "--uninstall-deadline", "300ms")
    assert done.returncode == 1 and "is still there" in done.stderr and "its pods have not ended" in done.stderr


def test_uninstall_job_names_the_missing_right(api, node):
    api.forbid("delete", "daemonsets")
    done = job(api, node)
    assert done.returncode == 1 and "cannot delete resource" in done.stderr
