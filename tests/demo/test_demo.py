# SPDX-License-Identifier: Apache-2.0
"""`carve demo` as a newcomer runs it: it tells the truth, ends well and leaves nothing."""
import os
import pathlib
import pwd
import re
import signal
import subprocess
import tempfile
import time

import pytest

# Containers load the driver's libraries into a plain program, so the emulator must be the plain one.
BUILD = pathlib.Path(os.environ["CARVE_RELEASE"])
CARVE = BUILD / "src/cli/carve"


def left_behind():
    folders = {*pathlib.Path("/tmp").glob("carve-demo-*"), *pathlib.Path("/dev/shm").glob("demo-of-carve-*")}
    found = subprocess.run(["pgrep", "-f", "carve-demo-|demo-tenant"], capture_output=True, text=True)
    return folders, set(found.stdout.split())


def demo(*words, code=0, prefix=(), program=CARVE):
    before = left_behind()
    done = subprocess.run([*prefix, program, "demo", *words], text=True, capture_output=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    assert left_behind() == before
    return done.stdout if code == 0 else done.stdout + done.stderr


def start(*words):
    return subprocess.Popen([CARVE, "demo", *words], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def carved_of(process):
    limit = time.monotonic() + 20
    while time.monotonic() < limit and process.poll() is None:
        found = subprocess.run(["pgrep", "-P", str(process.pid), "-x", "carved"], capture_output=True, text=True)
        if found.returncode == 0:
            return int(found.stdout)
    raise AssertionError("the demo has started no carved")


def counts(text):
    return re.findall(r"the kubelet has: (.*)", text)


def test_the_usual_story():
    text = demo()
    assert counts(text) == ["nvidia.com/gpu 32", "nvidia.com/gpu 80", "nvidia.com/gpu 8", "nvidia.com/gpu 56",
                            "nvidia.com/mig-1g.5gb 56",
                            "nvidia.com/mig-1g.5gb 16, nvidia.com/mig-2g.10gb 8, nvidia.com/mig-3g.20gb 8"]
    containers = re.findall(r"container (pod-\d) asks", text)
    assert len(containers) == 6 and text.count("| ok") == text.count("no other NVIDIA node") == 6
    assert "8 more containers like it" in text
    shared = re.findall(r"pod-\d .*(GPU-\S+)::\d", text.split("4. ")[0])
    assert len(shared) == 9 and len(set(shared)) == 8  # two containers on one GPU
    assert "carved:" not in text and "directly" not in text  # nothing to warn of, no other way taken
    assert "libcuda.so.1" in text and "nvidia-cap" in text
    assert "Emulated:" in text and "Real:" in text


def test_two_programs_in_slices_of_one_gpu():
    """Real `carve run`, real libcarve.so: one asks above its limit, and `carve ps` shows it."""
    text = demo()
    scene = text[text.index("\n2. "):text.index("\n3. ")]
    assert re.findall(r"\$ carve run --gpu 0 --memory (\S+) --name (\S+)", scene) == [
        ("20Gi", "train"), ("4Gi", "notebook")]
    assert re.findall(r"the GPU has (\d+) MiB", scene) == ["20480", "4096"]
    assert re.findall(r"cuMemAlloc of (\d+) GiB: (\S+)", scene) == [
        ("16", "CUDA_SUCCESS"), ("3", "CUDA_SUCCESS"), ("2", "CUDA_ERROR_OUT_OF_MEMORY")]
    user = pwd.getpwuid(os.getuid()).pw_name
    rows = {words[1]: words[2:] for words in map(str.split, scene.splitlines()) if words[-1:] == ["-"]}
    assert rows["notebook"] == f"{user} 0 4.0 GiB 3.5 GiB 3.5 GiB 1 -".split()
    assert rows["train"] == f"{user} 0 20.0 GiB 16.5 GiB 16.5 GiB 0 -".split()
    assert scene.count("demo-tenant\n") == 2


@pytest.fixture
def installed():
    """The installed `carve`. Neither a build folder nor pytest's own folders need be open to others."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        os.chmod(place, 0o755)
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", place],
                       check=True, stdout=subprocess.DEVNULL)
        carve, = pathlib.Path(place).glob("**/bin/carve")
        yield carve


def test_a_limit_that_does_not_hold_is_told(installed):
    library, = installed.parents[1].glob("lib/**/libcarve.so")
    subprocess.run(["cc", "-shared", "-o", library, "-x", "c", "/dev/null"], check=True)
    said = demo(code=2, program=installed)
    assert "'train' was not answered as it should be" in said and "Done" not in said


def test_a_program_that_is_missing_is_told(installed):
    (installed.parents[1] / "libexec/carve/demo-tenant").unlink()
    assert "the demo needs '../libexec/carve/demo-tenant'" in demo(code=2, program=installed)


def test_time_slicing_on_a_node_of_ones_own(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("version: v1\nsharing:\n  timeSlicing:\n    renameByDefault: true\n"
                      "    resources: [{name: nvidia.com/gpu, replicas: 3}]\n")
    text = demo("--node", "g6.12xlarge", "--config", config)
    assert counts(text) == ["nvidia.com/gpu.shared 12"]
    assert "NVIDIA L4" in text


def test_mig_on_a_node_of_ones_own(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("version: v1\nflags: {migStrategy: mixed}\n")
    text = demo("--node", "p5.48xlarge", "--config", config, "--mig-config", "all-3g.40gb")
    assert counts(text) == ["nvidia.com/mig-3g.40gb 16"]


@pytest.mark.parametrize("words, said", [
    (["--node", "p9.huge"], "p9.huge"),
    (["--config", "/nowhere.yaml"], "/nowhere.yaml"),
    (["--mig-config", "all-9g.99gb"], "all-9g.99gb"),
])
def test_what_cannot_be_is_said(words, said):
    assert said in demo(*words, code=2)


def test_an_ordinary_user_can_run_it_as_installed(installed):
    text = demo(prefix=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], program=installed)
    assert counts(text)[0] == "nvidia.com/gpu 32" and "CUDA_ERROR_OUT_OF_MEMORY" in text


def test_mig_needs_no_configuration():
    assert counts(demo("--node", "h200-x2", "--mig-config", "all-3g.71gb")) == ["nvidia.com/mig-3g.71gb 4"]


def test_no_slices_is_explained(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("version: v1\n")
    text = demo("--config", config, "--mig-config", "all-1g.5gb", code=2)
    assert "carved: warning not offered: GPUs 0-7: MIG is on" in text
    assert "carved offers the kubelet nothing" in text


def test_refused_configuration_is_explained(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("version: v9\n")
    assert "unknown version 'v9'" in demo("--config", config, code=2)


def test_mig_file_alone_is_refused():
    assert "--mig-config" in demo("--mig-file", "x.yaml", code=2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_in_mid_story(number):
    before = left_behind()
    with start() as process:
        carved_of(process)
        process.send_signal(number)
        out, words = process.communicate(timeout=30)
    assert process.returncode == 130 and words == "carve: demo: interrupted\n"
    assert "Done" not in out
    assert left_behind() == before


def test_interrupted_while_programs_are_in_slices():
    before = left_behind()
    with start() as process:
        while "holding" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, words = process.communicate(timeout=30)
    assert process.returncode == 130 and words == "carve: demo: interrupted\n"
    assert left_behind() == before


def test_carved_that_dies_is_told_at_once():
    before = left_behind()
    with start() as process:
        os.kill(carved_of(process), signal.SIGKILL)
        begin = time.monotonic()
        _, words = process.communicate(timeout=30)
    assert process.returncode == 2 and words.startswith("carve: demo: ")
    assert time.monotonic() - begin < 8
    assert left_behind() == before


def test_reader_who_leaves_gets_a_clean_end():
    before = left_behind()
    with start() as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(30) == 2
        assert "its reader left" in process.stderr.read()
    assert left_behind() == before


def test_hold_stays_until_interrupted():
    before = left_behind()
    with start("--node", "g4dn.xlarge", "--hold") as process:
        socket = None
        for line in process.stdout:
            found = re.search(r"export CARVE_SOCKET=(\S+)", line)
            socket = found.group(1) if found else socket
            if line.startswith("Its configuration"):
                break
        seen = subprocess.run([CARVE, "ps", "--socket", socket], text=True, capture_output=True)
        assert seen.returncode == 0 and "pod-1" in seen.stdout, seen.stdout + seen.stderr
        process.send_signal(signal.SIGINT)
        process.wait(30)
        assert process.returncode == 0
    limit = time.monotonic() + 10
    while left_behind() != before and time.monotonic() < limit:
        time.sleep(0.05)
    assert left_behind() == before
