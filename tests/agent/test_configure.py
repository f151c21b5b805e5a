# SPDX-License-Identifier: Apache-2.0
"""Configure of carve.v1.Node: a configuration that is given takes the file's place, is judged as
that is, and is there again after a restart; a refusal changes nothing."""
import json
import os
import signal
import subprocess
import sys

import grpc
import pytest

from conftest import HERE, NODE, time_slicing, wait_devices, wait_for

GPU = "nvidia.com/gpu"
NAME = "ConfigMap gpu/configs, key a100"
SLICED = "sharing: {{timeSlicing: {{resources: [{{name: nvidia.com/gpu, replicas: {}}}]}}}}\n"


def configure(run, content, name=NAME):
    text = content if isinstance(content, (str, bytes)) else json.dumps(content)
    text = text.encode() if isinstance(text, str) else text
    return NODE.ConfigureResponse.FromString(
        run.ask("Configure", NODE.ConfigureRequest(name=name, text=text)))


def clear(run):
    return NODE.ConfigureResponse.FromString(
        run.ask("Configure", NODE.ConfigureRequest(clear=True)))


def test_it_takes_the_place_of_the_file_until_it_is_cleared(carved, kubelet):
    run = carved(time_slicing(2))
    wait_devices(kubelet, {GPU: 16})
    assert run.state().config.name == ""
    answer = configure(run, time_slicing(4))
    assert answer.in_force and not answer.error and not answer.findings
    wait_devices(kubelet, {GPU: 32})
    config = run.state().config
    assert config.name == NAME and config.file == str(run.config) and not config.error
    run.configure(time_slicing(3))  # seen when it counts again
    run.signal(signal.SIGHUP)
    run.wait_log("looking at configuration and hardware again")
    assert run.state().resources[0].slices == 32
    assert configure(run, time_slicing(5), "another").in_force
    wait_devices(kubelet, {GPU: 40})
    assert clear(run).in_force
    wait_devices(kubelet, {GPU: 24})
    assert run.state().config.name == ""
    run.configure(time_slicing(6))
    wait_devices(kubelet, {GPU: 48})
    assert [n for _, n, _ in kubelet.lists if n < 16] == [] and not kubelet.lost


def test_without_a_file(carved, kubelet):
    run = carved()
    wait_devices(kubelet, {GPU: 8})
    assert configure(run, time_slicing(4)).in_force
    wait_devices(kubelet, {GPU: 32})
    assert clear(run).in_force
    wait_devices(kubelet, {GPU: 8})
    assert clear(run).in_force
    run.end()
    wait_for(lambda: not kubelet.devices, "the end of the stream")
    run.start()
    wait_devices(kubelet, {GPU: 8})


@pytest.mark.parametrize("bad, words", [
    ("sharing: {timeSlicing: {resources: [{name: nvidia.com/gpu,\n  replicas: 0}]}}\n",
     f"{NAME}:2:"),
    ("{", NAME), ("version: v2\n", NAME), (b"version: v1\n\xff", NAME),
    (time_slicing(20000), "bytes"),
], ids=["value", "syntax", "version", "no UTF-8", "too much"])
def test_a_refusal_changes_nothing(carved, kubelet, bad, words):
    run = carved(time_slicing(2))
    wait_devices(kubelet, {GPU: 16})
    before = run.state()
    answer = configure(run, bad)
    assert not answer.in_force and words in answer.error
    assert run.state() == before
    assert configure(run, time_slicing(4)).in_force
    wait_devices(kubelet, {GPU: 32})
    before = run.state()
    assert not configure(run, bad, "another").in_force
    assert run.state() == before and kubelet.healthy() == {GPU: 32}
    run.end()
    wait_for(lambda: not kubelet.devices, "the end of the stream")
    run.start()
    wait_devices(kubelet, {GPU: 32})
    assert run.state().config.name == NAME


def test_findings_have_the_name_that_was_given(carved, kubelet):
    run = carved(time_slicing(2))
    wait_devices(kubelet, {GPU: 16})
    text = "flags:\n  migStratgy: single\n"
    for _ in range(2):  # the second time nothing changes
        answer = configure(run, text)
        finding, = answer.findings
        assert answer.in_force and f"{NAME}:2:3: warning" in finding
        assert list(run.state().config.findings) == [finding]
    refused = configure(run, text + "version: v2\n", "other")
    assert any("other:2:3: warning" in f for f in refused.findings)
    assert any("other:3:" in f and "error" in f for f in refused.findings)


def test_the_same_again_changes_nothing(carved, kubelet):
    run = carved(time_slicing(2))
    assert configure(run, time_slicing(4)).in_force
    wait_devices(kubelet, {GPU: 32})
    state = wait_for(lambda: run.state() if run.state().resources[0].registered else None, "it")
    assert configure(run, time_slicing(4)).in_force
    assert run.state() == state


@pytest.mark.parametrize("end", ["end", "kill"])
def test_it_is_in_force_after_a_restart(carved, kubelet, end):
    run = carved(time_slicing(2))
    wait_devices(kubelet, {GPU: 16})
    assert configure(run, time_slicing(4)).in_force
    getattr(run, end)()  # a crash right after the answer
    wait_for(lambda: not kubelet.devices, "the end of the stream")
    kubelet.lists.clear()
    run.start()
    wait_devices(kubelet, {GPU: 32})
    assert run.state().config.name == NAME
    assert [n for _, n, _ in kubelet.lists] == [32]  # never what the file says
    assert clear(run).in_force
    run.kill()
    wait_for(lambda: not kubelet.devices, "the end of the stream")
    run.start()
    wait_devices(kubelet, {GPU: 16})


def test_cleared_while_the_file_is_bad(carved, kubelet):
    run = carved(time_slicing(2))
    wait_devices(kubelet, {GPU: 16})
    assert configure(run, time_slicing(4)).in_force
    wait_devices(kubelet, {GPU: 32})
    run.configure("{")
    answer = clear(run)
    assert not answer.in_force and "config.yaml" in answer.error
    config = run.state().config
    assert config.last_good and config.name == "" and kubelet.healthy() == {GPU: 32}
    run.end()
    wait_for(lambda: not kubelet.devices, "the end of the stream")
    run.start()
    wait_devices(kubelet, {GPU: 32})
    run.configure(time_slicing(3))
    wait_devices(kubelet, {GPU: 24})


def test_a_bad_file_at_the_start_and_then_a_configuration(carved, kubelet):
    run = carved("{")
    run.wait_log("no slices until the file is mended")
    assert configure(run, time_slicing(4)).in_force
    wait_devices(kubelet, {GPU: 32})
    assert not run.state().config.error


def test_a_kept_file_that_is_damaged(carved, kubelet):
    run = carved(time_slicing(2))
    assert configure(run, time_slicing(4)).in_force
    wait_devices(kubelet, {GPU: 32})
    run.end()
    for damage in ("", "nothing", "# carve: configured by \nversion: v1\n"):
        wait_for(lambda: not kubelet.devices, "the end of the stream")
        (run.state_folder / "configured.yaml").write_text(damage, encoding="utf-8")
        run.start()
        wait_devices(kubelet, {GPU: 16})
        assert "configured content not usable" in run.log()
        run.end()


def test_a_kept_one_that_is_no_longer_good(carved, kubelet):
    """As after another release of carved that refuses it."""
    run = carved(time_slicing(2))
    wait_devices(kubelet, {GPU: 16})
    assert configure(run, time_slicing(4)).in_force
    wait_devices(kubelet, {GPU: 32})
    run.end()
    wait_for(lambda: not kubelet.devices, "the end of the stream")
    (run.state_folder / "configured.yaml").write_text(
        f"# carve: configured by {NAME}\nversion: v9\n", encoding="utf-8")
    run.start()
    wait_devices(kubelet, {GPU: 32})
    config = run.state().config
    assert config.last_good and config.name == NAME and f"{NAME}:1:" in config.error


def test_a_state_folder_that_cannot_be_written(carved, kubelet, node):
    (node.folder / "file").write_text("", encoding="utf-8")
    run = carved(time_slicing(2), ["--state-dir", node.folder / "file/below"])
    assert configure(run, time_slicing(4)).in_force
    wait_devices(kubelet, {GPU: 32})
    run.wait_log("configuration not kept")
    assert clear(run).in_force
    wait_devices(kubelet, {GPU: 16})


def test_before_the_hardware_is_known_the_answer_waits_for_it(carved, kubelet, node):
    node.emulator("delay", "nvmlInit_v2", 1500)
    run = carved(time_slicing(2))
    answer = configure(run, time_slicing(20000))
    assert not answer.in_force and "bytes" in answer.error
    assert run.state().inventory.gpus
    assert not (run.state_folder / "last-good.yaml").exists() or run.state().config.last_good


def test_before_the_hardware_is_known_the_file_is_never_offered(carved, kubelet, node):
    node.emulator("delay", "nvmlInit_v2", 1500)
    run = carved(time_slicing(2))
    assert configure(run, time_slicing(4)).in_force
    wait_devices(kubelet, {GPU: 32})
    assert [n for _, n, _ in kubelet.lists] == [32]


def test_without_a_driver_the_answer_does_not_wait_for_ever(carved, kubelet, node):
    node.hide_driver()
    run = carved(time_slicing(2), ["--fail-on-init-error=false"])
    assert configure(run, time_slicing(4)).in_force
    node.show_driver()
    wait_devices(kubelet, {GPU: 32})


def test_stopped_while_an_answer_waits(carved, node):
    node.emulator("delay", "nvmlInit_v2", 1500)
    run = carved(time_slicing(2))
    with grpc.insecure_channel(f"unix:{run.socket}") as channel:
        ask = channel.unary_unary("/carve.v1.Node/Configure")
        first = ask.future(NODE.ConfigureRequest(name="a", text=b"").SerializeToString(),
                           timeout=20, wait_for_ready=True)
        wait_for(lambda: run.state().config.name == "a", "the first")
        second = ask.future(NODE.ConfigureRequest(name="b", text=b"").SerializeToString(),
                            timeout=20)
        assert "another configuration came" in first.exception().details()
        wait_for(lambda: run.state().config.name == "b", "the second")
        run.end()
        assert second.exception().code() in (grpc.StatusCode.CANCELLED,
                                             grpc.StatusCode.UNAVAILABLE)


def test_a_new_node_waits_for_its_configuration(carved, kubelet):
    run = carved(time_slicing(2), ["--await-configuration", "10m"])
    wait_for(lambda: run.state().inventory.gpus, "the hardware")
    run.configure(time_slicing(3))
    run.wait_log("configuration in force", 20)
    state = run.state()
    assert not kubelet.lists and not state.resources and not state.resolved
    assert not configure(run, "{").in_force and not kubelet.lists
    assert configure(run, time_slicing(4)).in_force
    wait_devices(kubelet, {GPU: 32})
    assert [n for _, n, _ in kubelet.lists] == [32]
    run.end()
    wait_for(lambda: not kubelet.devices, "the end of the stream")
    run.start()
    wait_devices(kubelet, {GPU: 32})  # at once: it was configured before


def test_a_new_node_that_is_told_to_use_its_file(carved, kubelet):
    run = carved(time_slicing(2), ["--await-configuration", "10m"])
    wait_for(lambda: run.state().inventory.gpus, "the hardware")
    assert clear(run).in_force
    wait_devices(kubelet, {GPU: 16})


def test_a_new_node_does_not_wait_for_ever(carved, kubelet):
    run = carved(time_slicing(2), ["--await-configuration", "100ms"])
    wait_devices(kubelet, {GPU: 16})
    assert "nobody has configured this node" in run.log()


@pytest.mark.parametrize("request_, words", [
    (NODE.ConfigureRequest(text=b"version: v1\n"), "a name of 1 to 512 bytes"),
    (NODE.ConfigureRequest(name="n" * 513), "a name of 1 to 512 bytes"),
    (NODE.ConfigureRequest(name="n", text=b" " * ((1 << 20) + 1)), "'n' has 1048577 bytes"),
    (NODE.ConfigureRequest(name="n", text=b"version: v1\0"), "'n' holds a NUL byte"),
])
def test_what_is_beyond_the_bounds_is_refused(carved, kubelet, request_, words):
    run = carved(time_slicing(2))
    wait_devices(kubelet, {GPU: 16})
    with pytest.raises(grpc.RpcError) as refused:
        run.ask("Configure", request_)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert words in refused.value.details()
    assert run.state().config.name == ""
    big = "#" + " " * ((1 << 20) - 2) + "\n"
    assert configure(run, big, "n" * 512).in_force
    wait_devices(kubelet, {GPU: 8})


def test_a_name_is_one_line(carved, kubelet):
    run = carved(time_slicing(2))
    assert configure(run, time_slicing(4), "two\nlines\x1b[2J").in_force
    assert run.state().config.name == "two?lines?[2J"
    run.end()
    run.start()
    wait_devices(kubelet, {GPU: 32})
    assert run.state().config.name == "two?lines?[2J"


ASK_AS = """
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import grpc
import protos
NODE = protos.load("node")
channel = grpc.insecure_channel("unix:" + sys.argv[2])
def ask(method, request):
    try:
        if method in ("Watch", "ApplyMig"):
            next(channel.unary_stream("/carve.v1.Node/" + method)(request, timeout=20))
        else:
            channel.unary_unary("/carve.v1.Node/" + method)(request, timeout=20)
        print(method, "OK")
    except grpc.RpcError as e:
        print(method, e.code().name, e.details())
ask("Watch", b"")
ask("Holders", b"")
ask("Configure", NODE.ConfigureRequest(name="mine", text=b"").SerializeToString())
ask("ApplyMig", NODE.ApplyMigRequest(config="all-disabled", dry_run=True).SerializeToString())
ask("Reboot", NODE.RebootRequest(why="a test").SerializeToString())
"""


def ask_as(run, uid):
    """What each method says to this user: {method: "CODE words"}."""
    done = subprocess.run([sys.executable, "-c", ASK_AS, HERE, run.socket], user=uid, group=uid,
                          extra_groups=[], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def test_who_may_change_the_node(carved, kubelet, folder):
    assert os.geteuid() == 0, "these tests run as root"
    folder.chmod(0o755)
    run = carved(time_slicing(2), ["--gateway-user", "4711"])
    wait_devices(kubelet, {GPU: 16})
    told = ask_as(run, 4712)
    assert told["Watch"] == told["Holders"] == "OK"
    for method, what in (("Configure", "configure this node"), ("ApplyMig", "change MIG layouts"),
                         ("Reboot", "reboot this node")):
        assert told[method].startswith(f"PERMISSION_DENIED user 4712 may not {what}")
        assert "--gateway-user" in told[method]
    assert run.state().config.name == ""
    told = ask_as(run, 4711)
    assert all(told[method] == "OK" for method in ("Watch", "Holders", "Configure", "ApplyMig"))
    assert "--reboot-command" in told["Reboot"]
    assert run.state().config.name == "mine"


def test_without_the_option_it_is_root_alone(carved, kubelet, folder):
    assert os.geteuid() == 0, "these tests run as root"
    folder.chmod(0o755)
    run = carved(time_slicing(2))
    wait_devices(kubelet, {GPU: 16})
    assert "PERMISSION_DENIED" in ask_as(run, 4711)["Configure"]
    assert ask_as(run, 0)["Configure"] == "OK"
