# SPDX-License-Identifier: Apache-2.0
"""carved has no network: a library in its process tries, on a thread that is older than main() and
on one that is made later; and nothing that carved itself does needs one."""
import contextlib
import os
import pathlib
import platform
import re
import subprocess

import pytest

from conftest import BUILD, NODE, time_slicing, wait_devices, wait_for

GPU = "nvidia.com/gpu"
FAMILIES = ["inet", "inet6", "packet", "netlink", "vsock", "alg"]


def probing(node):
    """(environment, go): go() lets the library try, and returns {(thread, call): result}."""
    pipe, out = node.folder / "probe-go", node.folder / "probe-out"
    os.mkfifo(pipe)

    def go():
        pipe.write_text("", encoding="utf-8")
        wait_for(out.exists, "the probe's end")
        return {(thread, call): result for thread, call, result in
                (line.split() for line in out.read_text(encoding="utf-8").splitlines())}

    options = os.environ.get("ASAN_OPTIONS", "")
    return {"LD_PRELOAD": str(BUILD / "tests/agent/network_probe.so"), "PROBE_GO": str(pipe),
            "PROBE_OUT": str(out),
            "ASAN_OPTIONS": f"{options}:verify_asan_link_order=0".lstrip(":")}, go


def sockets(run):
    """The inodes of the process's sockets."""
    found = set()
    for link in pathlib.Path(f"/proc/{run.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link))
            if match:
                found.add(match.group(1))
    return found


def status(path, name):
    return re.search(rf"^{name}:\s*(\S+)", path.read_text(encoding="utf-8"), re.M).group(1)


def test_every_thread_is_barred(carved, kubelet, node):
    environment, go = probing(node)
    run = carved(time_slicing(4), environment=environment)
    wait_devices(kubelet, {GPU: 32})
    told = go()
    for thread in ("old", "new"):
        for family in FAMILIES:
            for way in ("", "raw-", "high-"):
                assert told[thread, way + family] == "EAFNOSUPPORT", (thread, way, family)
        assert told[thread, "pair-inet"] == "EAFNOSUPPORT"
        assert told[thread, "io_uring"] == "EPERM"
        assert told[thread, "unix"] == told[thread, "pair-unix"] == "OK"
        if platform.machine() == "x86_64":
            assert told[thread, "i386-socket"] == told[thread, "i386-getpid"] == "ENOSYS"
            assert told[thread, "x32-socket"] == "ENOSYS"
    tasks = list(pathlib.Path(f"/proc/{run.process.pid}/task").iterdir())
    assert len(tasks) > 2 and all(status(task / "status", "Seccomp") == "2" for task in tasks)


def test_without_the_bar_the_probe_gets_through(carved, kubelet, node):
    """So what it told above is the bar's work."""
    environment, go = probing(node)
    run = carved(time_slicing(4), ["--network-bar", "off"], environment=environment)
    wait_devices(kubelet, {GPU: 32})
    told = go()
    assert told["old", "inet"] == told["new", "raw-inet"] == told["new", "high-netlink"] == "OK"
    assert status(pathlib.Path(f"/proc/{run.process.pid}/status"), "Seccomp") == "0"


def test_nothing_but_unix_sockets(carved, kubelet, node):
    """Nothing listens on a network and nothing connects to one."""
    run = carved(time_slicing(4))
    wait_devices(kubelet, {GPU: 32})
    assert run.state().inventory.gpus
    unix = {line.split()[6] for line in
            pathlib.Path(f"/proc/{run.process.pid}/net/unix").read_text(encoding="utf-8")
            .splitlines()[1:]}
    own = sockets(run)
    assert own and own <= unix


def test_programs_that_it_starts_are_barred_too(carved, kubelet, node):
    (node.folder / "proc/1").symlink_to("/proc/self")
    out = node.folder / "out"
    script = node.folder / "script"
    script.write_text(f"""#!/usr/bin/python3
import socket
socket.socket(socket.AF_UNIX).close()
try:
    socket.socket(socket.AF_INET)
except OSError as e:
    open({str(out)!r}, "w").write(str(e.errno))
""", encoding="utf-8")
    script.chmod(0o755)
    run = carved(arguments=["--reboot-command", script])
    wait_devices(kubelet, {GPU: 8})
    run.ask("Reboot", NODE.RebootRequest(why="a test"))
    assert out.read_text(encoding="utf-8") == "97"  # EAFNOSUPPORT


# Forbids seccomp(2), then runs the command: a filter of the same kind as carved's.
FORBID = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
number = {"x86_64": 317, "aarch64": 277}[os.uname().machine]
code = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x50000 | 1), (0x06, 0, 0, 0x7fff0000)]
program = b"".join(struct.pack("HBBI", *line) for line in code)
room = ctypes.create_string_buffer(program)
class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Program(len(code), ctypes.addressof(room)))) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_where_seccomp_is_forbidden_it_does_not_start(folder, node):
    command = ["/usr/bin/python3", "-c", FORBID, BUILD / "src/agent/carved", "--socket",
               folder / "run/carved.sock", "--driver-root", node.driver, "--kubelet-socket", "",
               "--state-dir", folder / "kept", "--cdi-dir", folder / "cdi"]
    done = subprocess.run(command, env=node.environment, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 1
    assert "cannot bar itself from the network" in done.stderr
    assert "--network-bar=off" in done.stderr
    with subprocess.Popen([*command, "--network-bar=off"], env=node.environment,
                          stderr=subprocess.PIPE, text=True) as process:
        assert any("started" in line for line in process.stderr)
        process.terminate()


def test_a_user_without_rights_can_bar_himself(folder, node):
    """By giving up to gain any: as in a container without CAP_SYS_ADMIN."""
    assert os.geteuid() == 0, "these tests run as root"
    folder.chmod(0o777)
    for path in [node.folder, *node.folder.rglob("*")]:
        if not path.is_symlink():
            os.chown(path, 4711, 4711)
    with subprocess.Popen([BUILD / "src/agent/carved", "--socket", folder / "run/carved.sock",
                           "--driver-root", node.driver, "--kubelet-socket", "", "--state-dir",
                           folder / "kept", "--cdi-dir", folder / "cdi"], user=4711, group=4711,
                          extra_groups=[], env=node.environment, stderr=subprocess.PIPE,
                          text=True) as process:
        assert any("started" in line for line in process.stderr)
        path = pathlib.Path(f"/proc/{process.pid}/status")
        assert status(path, "Seccomp") == "2" and status(path, "NoNewPrivs") == "1"
        process.terminate()


@pytest.mark.parametrize("value", ["maybe", "", "true"])
def test_a_wrong_word(value):
    done = subprocess.run([BUILD / "src/agent/carved", f"--network-bar={value}"], timeout=20,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2 and f"--network-bar: '{value}'" in done.stderr
