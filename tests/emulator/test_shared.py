# SPDX-License-Identifier: Apache-2.0
"""One machine, several processes: the state file, its lock, a killed holder, many at once."""
import signal
import stat
import subprocess
import textwrap
import threading

import pynvml as n
import pytest
from conftest import FOLDER, LIBRARY, code, create, set_mig

HOLDER = """
import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDWR)
F_OFD_SETLKW = 38
fcntl.fcntl(fd, F_OFD_SETLKW, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0))
print("held", flush=True)
sys.stdin.read()
"""

HAMMER = """
import random, sys
import pynvml as n
n.nvmlInit()
gpu, pick = n.nvmlDeviceGetHandleByIndex(0), random.Random(int(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
mine, made = [], 0
for _ in range(400):
    if mine and pick.random() < 0.5:
        gi, ci = mine.pop(pick.randrange(len(mine)))
        n.nvmlComputeInstanceDestroy(ci)
        n.nvmlGpuInstanceDestroy(gi)
        continue
    try:
        gi = n.nvmlDeviceCreateGpuInstance(gpu, pick.choice((19, 15, 14, 9)))
    except n.NVMLError_InsufficientResources:
        continue
    info = n.nvmlGpuInstanceGetInfo(gi)
    slices = n.nvmlDeviceGetGpuInstanceProfileInfoByIdV(gpu, info.profileId).sliceCount
    mine.append((gi, n.nvmlGpuInstanceCreateComputeInstance(gi, slices - 1)))
    made += 1
print(made, len(mine), flush=True)
"""


def test_the_state_is_shared_and_private(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    create(gpu, 19)
    assert stat.S_IMODE(machine.state.stat().st_mode) == 0o600
    client = machine.python("-c", "import pynvml as n; n.nvmlInit(); g = n.nvmlDeviceGetHandleByIndex(0);"
                            "print(n.nvmlDeviceGetUUID(n.nvmlDeviceGetMigDeviceHandleByIndex(g, 0)))")
    out, _ = client.communicate(timeout=30)
    assert out.strip() == n.nvmlDeviceGetUUID(n.nvmlDeviceGetMigDeviceHandleByIndex(gpu, 0))


def test_without_a_file_the_state_is_the_process_s_own(machine):
    machine.set("CARVE_EMULATOR_STATE", "")
    set_mig(machine.open()[0], True)
    assert "CARVE_EMULATOR_STATE" in machine.control("calls", code=2)
    assert "MIG on" not in machine.control("show")


def test_a_state_of_another_node_is_refused(machine):
    machine.open("p4d.24xlarge")
    n.nvmlShutdown()
    machine.set("CARVE_EMULATOR_NODE", "p5.48xlarge")
    assert LIBRARY.nvmlInit_v2() == n.NVML_ERROR_UNKNOWN
    words = machine.control("show", code=2)
    assert "belongs to another node: 'p4d.24xlarge', not 'p5.48xlarge'" in words
    client = machine.python("-c", "import ctypes; l = ctypes.CDLL('libnvidia-ml.so.1'); print(l.nvmlInit_v2(), l.nvmlInit_v2())")
    out, errors = client.communicate(timeout=30)
    assert out.split() == ["999", "999"] and errors.count("belongs to another node") == 1


SIZE = 5599736  # of a state file


@pytest.mark.parametrize("size, byte", [(1, b"x"), (SIZE + 4, b"\0"), (SIZE, b"j")])
def test_a_file_that_is_no_state_is_refused(machine, size, byte):
    junk = byte * size
    machine.state.write_bytes(junk)
    machine.set("CARVE_EMULATOR_NODE", "p4d.24xlarge")
    assert "made by another version" in machine.control("show", code=2)
    assert machine.state.read_bytes() == junk


def test_a_maker_killed_half_way_leaves_a_usable_file(machine):
    machine.state.write_bytes(bytes(SIZE))
    assert len(machine.open()) == 8


def test_a_killed_holder_of_the_lock_holds_nothing(machine):
    gpu = machine.open()[0]
    holder = machine.python("-c", HOLDER, machine.state)
    assert holder.stdout.readline() == "held\n"
    waiting = subprocess.Popen([FOLDER / "carve-emulator", "show"], env=machine.environment, stdout=subprocess.DEVNULL)
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.3)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert waiting.wait(10) == 0
    set_mig(gpu, True)
    create(gpu, 19)


@pytest.mark.parametrize("call, waits", [
    (lambda gpu: n.nvmlDeviceGetMigMode(gpu), True), (lambda gpu: n.nvmlDeviceGetGpuInstanceById(gpu, 13), True),
    (lambda gpu: n.nvmlDeviceGetMemoryInfo(gpu), True), (lambda gpu: n.nvmlDeviceGetName(gpu), False),
    (lambda gpu: n.nvmlDeviceGetMaxMigDeviceCount(gpu), False)])
def test_what_is_read_in_several_words_waits_for_a_writer(machine, call, waits):
    """A mode half-way from off to on would look like a pending one."""
    gpu = machine.open()[0]
    set_mig(gpu, True)
    create(gpu, 19)
    holder = machine.python("-c", HOLDER, machine.state)
    assert holder.stdout.readline() == "held\n"
    reader = threading.Thread(target=call, args=(gpu,))
    reader.start()
    reader.join(0.3 if waits else 10)
    waited = reader.is_alive()
    holder.communicate("")
    reader.join(10)
    assert waited == waits and not reader.is_alive()


def test_eight_processes_at_once_keep_the_rules(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    clients = [machine.python("-c", HAMMER, seed) for seed in range(8)]
    for client in clients:
        assert client.stdout.readline() == "ready\n"
    for client in clients:
        client.stdin.write("go\n")
        client.stdin.flush()
    made = left = 0
    for client in clients:
        out, errors = client.communicate(timeout=120)
        assert client.returncode == 0, errors
        made += int(out.split()[0])
        left += int(out.split()[1])
    shown, counts = machine.show(0)["instances"], machine.calls(0)
    assert counts["gpuInstancesCreated"] == counts["computeInstancesCreated"] == made
    assert counts["gpuInstancesCreated"] - counts["gpuInstancesDestroyed"] == len(shown) == left
    used = [unit for gi in shown for unit in range(gi["start"], gi["start"] + gi["size"])]
    assert len(used) == len(set(used)) and made > 100


def test_writers_killed_at_any_moment_leave_whole_instances(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    loop = HAMMER.replace("range(400)", "range(10**9)")
    for seed in range(12):
        client = machine.python("-c", loop, seed)
        assert client.stdout.readline() == "ready\n"
        client.stdin.write("go\n")
        client.stdin.flush()
        before = machine.calls(0)["gpuInstancesCreated"]
        while machine.calls(0)["gpuInstancesCreated"] == before and client.poll() is None:
            if not n.nvmlDeviceGetGpuInstanceRemainingCapacity(gpu, 19):
                break
        client.kill()
        client.wait()
        shown = machine.show(0)["instances"]
        used = [unit for gi in shown for unit in range(gi["start"], gi["start"] + gi["size"])]
        assert len(used) == len(set(used)) and all(gi["profile"] for gi in shown)


def test_a_fork_takes_its_own_lock(machine):
    """Parent and child would share one open file, with its lock; what they share is seen in its offset."""
    script = textwrap.dedent("""
        import os, sys, pynvml as n
        n.nvmlInit()
        gpu = n.nvmlDeviceGetHandleByIndex(0)
        files = {os.readlink(f"/proc/self/fd/{fd}"): int(fd) for fd in os.listdir("/proc/self/fd") if int(fd) > 2
                 and os.path.exists(f"/proc/self/fd/{fd}")}
        fd = files[sys.argv[1]]
        child = os.fork()
        n.nvmlGpuInstanceDestroy(n.nvmlDeviceCreateGpuInstance(gpu, 19))
        if child == 0:
            again = [int(f) for f in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{f}")
                     and os.readlink(f"/proc/self/fd/{f}") == sys.argv[1]]
            assert len(again) == 1
            os.lseek(again[0], 777, os.SEEK_SET)
            n.nvmlGpuInstanceDestroy(n.nvmlDeviceCreateGpuInstance(gpu, 19))
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print(os.lseek(fd, 0, os.SEEK_CUR))
    """)
    set_mig(machine.open()[0], True)
    client = machine.python("-c", script, machine.state)
    out, errors = client.communicate(timeout=60)
    assert out == "0\n", errors
    counts = machine.calls(0)
    assert counts["gpuInstancesCreated"] == counts["gpuInstancesDestroyed"] == 3


def test_init_and_shutdown_are_counted(machine):
    assert LIBRARY.nvmlShutdown() == n.NVML_ERROR_UNINITIALIZED
    gpu = machine.open()[0]
    assert LIBRARY.nvmlInit_v2() == 0 and LIBRARY.nvmlShutdown() == 0
    assert n.nvmlDeviceGetName(gpu)
    assert LIBRARY.nvmlShutdown() == 0
    assert code(n.nvmlDeviceGetName, gpu) == n.NVML_ERROR_UNINITIALIZED
