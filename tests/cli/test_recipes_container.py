# SPDX-License-Identifier: Apache-2.0
"""docs/run.md's words for docker, with a daemon and a client that stand in for it: the daemon is nobody's child and the
container gets the system's folders, the driver, and what the words say; nothing else."""
import argparse
import json
import re
import shlex
import shutil
import socket
import subprocess
import threading

import pytest

from recipes import block, machine, section, table
from runnode import GIB, as_user

CLIENT = """#!/usr/bin/python3
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as daemon:
    daemon.connect(os.path.dirname(sys.argv[0]) + "/docker.sock")
    daemon.sendall(json.dumps([sys.argv[1:], dict(os.environ)]).encode())
    daemon.shutdown(socket.SHUT_WR)
    code, out, err = json.load(daemon.makefile())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""
# The container's root, made in a mount namespace; then the command, as the user that was asked for.
ENTER = """set -eu
root=$1
mount -t tmpfs none "$root"
show() {
    mkdir -p "$root$(dirname "$2")"
    if [ -d "$1" ]; then mkdir -p "$root$2"; else : >"$root$2"; fi
    mount --bind "$1" "$root$2"
}
for folder in /usr /etc /dev; do show $folder $folder; done
for name in bin lib lib64 sbin; do ln -s usr/$name "$root/$name"; done
mount -t tmpfs -o mode=1777 none "$root/dev/shm"
mkdir "$root/proc"
mount -t proc none "$root/proc"
while [ "$2" != -- ]; do show "$2" "$3"; shift 2; done
shift 2
exec chroot --userspec="$USER_AND_GROUP" "$root" /usr/bin/env -u USER_AND_GROUP "$@"
"""


class Daemon(threading.Thread):
    """Starts a container for each call of the client; `words` keeps what was asked for."""

    def __init__(self, machine):
        super().__init__(daemon=True)
        self.machine, self.words, self.image_user = machine, [], "0:0"
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(machine.path / "docker.sock"))
        (machine.path / "docker.sock").chmod(0o666)
        self.socket.listen()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection, connection.makefile() as words:
                connection.sendall(json.dumps(self.container(*json.load(words))).encode())

    def container(self, words, environment):
        parser = argparse.ArgumentParser()
        parser.add_argument("run")
        parser.add_argument("--rm", action="store_true")
        for name in ("--gpus", "--pid", "--user"):
            parser.add_argument(name)
        for name in ("-e", "-v"):
            parser.add_argument(name, action="append", default=[])
        parser.add_argument("image")
        given, command = parser.parse_known_args(words)
        self.words.append(given)
        node = self.machine.environment
        driver = {name: node[name] for name in ("CARVE_EMULATOR_NODE", "CARVE_EMULATOR_STATE", "LD_LIBRARY_PATH")}
        mounts = [(node["LD_LIBRARY_PATH"],) * 2, (node["CARVE_EMULATOR_STATE"],) * 2]
        mounts += [tuple(mount.split(":")[:2]) for mount in given.v]
        inside = driver | {name: environment[name] for name in given.e} | {
            "PATH": "/usr/sbin:/usr/bin", "USER_AND_GROUP": given.user or self.image_user}
        root = self.machine.folder / "root"
        root.mkdir(exist_ok=True)
        namespaces = ["unshare", "--mount", "--ipc"] + ([] if given.pid == "host" else ["--pid", "--fork"])
        # The library is for the command, which env is the last to start before it.
        preload = [f"LD_PRELOAD={inside.pop('LD_PRELOAD')}"] if "LD_PRELOAD" in inside else []
        done = subprocess.run(
            [*namespaces, "/bin/sh", "-c", ENTER, "sh", root, *(word for pair in mounts for word in pair), "--",
             *preload, *command], env=inside, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def docker(machine):
    daemon = Daemon(machine)
    machine.script("docker", CLIENT)
    daemon.start()
    yield daemon
    daemon.socket.shutdown(socket.SHUT_RDWR)
    daemon.socket.close()
    daemon.join()


# Says what the program finds: GPUs, size of the first, a context, memory within and beyond 8 GiB, size of the second.
LOOK = "; ".join(["from gpu import *", "say(count(), total(), context(), take(7 * GIB), take(GIB), total(1))"])


def words(machine, *without):
    """The document's, with parts left out that the table names."""
    text = block("docker and podman")
    for part in without:
        assert re.search(rf"{part} ?", text), part
        text = re.sub(rf"{part} ?", "", text)
    # The program comes in as an argument: the container has no folder of ours.
    program = (machine.folder / "gpu.py").read_text(encoding="utf-8") + LOOK.partition("; ")[2]
    assert "IMAGE COMMAND'" in text
    return text.replace("IMAGE COMMAND'", "IMAGE python3 -c \"$PROGRAM\"'"), {"PROGRAM": program}


def look(machine, *without, **more):
    text, environment = words(machine, *without)
    return [int(word) for line in machine.says(text, environment=environment, **more) for word in line.split()]


BIG = 100 * GIB  # more than any limit here


def test_the_words_hand_the_slice_on(machine, docker):
    gpus, total, context, within, beyond, _ = look(machine)
    assert [gpus, total, context, within, beyond] == [1, 8 * GIB, 0, 0, 2]
    (asked,) = docker.words
    assert (asked.pid, asked.image) == ("host", "IMAGE") and machine.stderr == ""
    assert not list(machine.pages.iterdir())


def test_an_ordinary_users(machine, docker):
    assert look(machine, preexec_fn=as_user(4711))[:5] == [1, 8 * GIB, 0, 0, 2]


ROWS = {re.sub(r"`", "", row[0]): row[1] for row in table(section("docker and podman"))}
VARIABLES, LIBRARY, PAGE, USER, DEVICES, PID = ROWS


def test_the_rows_are_the_parts():
    assert [VARIABLES, LIBRARY, PAGE, USER, DEVICES, PID] == [
        "-e LD_PRELOAD -e CARVE_PAGE -e CARVE_LIBRARY", "-v of the library", "-v of the page", "--user",
        "-e CUDA_VISIBLE_DEVICES", "--pid=host"]


@pytest.mark.parametrize("row, part", [
    (VARIABLES, "-e LD_PRELOAD -e CARVE_PAGE -e CARVE_LIBRARY"), (LIBRARY, r'-v "\$CARVE_LIBRARY:\S+"')])
def test_without_this_there_is_no_limit(machine, docker, row, part):
    assert "no limit" in ROWS[row]
    _, total, context, within, beyond, _ = look(machine, part)
    assert total > BIG and (context, within, beyond) == (0, 0, 0)
    assert ("cannot be preloaded" in machine.stderr) == ("cannot be preloaded" in ROWS[row])


def test_without_the_page_there_is_no_memory(machine, docker):
    assert "out of memory at the first context" in ROWS[PAGE]
    assert look(machine, r'-v "\$CARVE_PAGE:\S+"(?=\s)')[2] == 2


def test_without_the_user(machine, docker):
    """The image says who its program is: root may take part in anybody's slice, others not."""
    assert "root nor you, the page is refused: out of memory. Root takes part" in ROWS[USER]
    part = r'--user "\$\(id -u\):\$\(id -g\)"'
    assert look(machine, part, preexec_fn=as_user(4711))[:5] == [1, 8 * GIB, 0, 0, 2]
    docker.image_user = "4712:4712"
    assert look(machine, part, preexec_fn=as_user(4711))[2] == 2


def test_without_the_devices_all_gpus_are_seen(machine, docker):
    assert "sees all GPUs" in ROWS[DEVICES] and "limit of 0" in ROWS[DEVICES]
    gpus, *totals = (value for i, value in enumerate(look(machine, "-e CUDA_VISIBLE_DEVICES")) if i in (0, 1, 5))
    assert gpus == 2 and sorted(totals) == [0, 8 * GIB]


def test_without_the_hosts_pids_the_limit_is_the_same(machine, docker):
    assert ROWS[PID] == "see below"
    assert look(machine, "--pid=host")[:5] == [1, 8 * GIB, 0, 0, 2]


def test_the_client_alone_is_judged_by_its_words(machine, docker):
    inner = re.search(r"'exec (docker .*)'", block("docker and podman"), re.S)[1].replace("\\\n", " ")
    kept = [word.replace("$CARVE_PAGE", "/p") for word in shlex.split(inner.replace("$CARVE_LIBRARY", "/l"))]
    told = machine.json("run", "-m", "8Gi", "--", *kept)["program"]
    assert told["containers"] and told["back_end"] == "preload"
    bare = [word for word in kept if "CARVE_PAGE" not in word and word != "/p:/p"]
    told = machine.json("run", "-m", "8Gi", "--", *bare, code=1)["program"]
    assert told["containers"] and told["back_end"] is None and "hand it on" in told["unattached"]
    assert shutil.which("docker", path=machine.environment["PATH"]) == str(machine.path / "docker")
