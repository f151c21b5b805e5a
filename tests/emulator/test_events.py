# SPDX-License-Identifier: Apache-2.0
"""XID events, a lost GPU, and calls that hang or take their time."""
import ctypes
import threading
import time

import pynvml as n
from conftest import code, create, set_mig

WAITER = """
import sys
import pynvml as n
n.nvmlInit()
events = n.nvmlEventSetCreate()
for index in map(int, sys.argv[1:]):
    n.nvmlDeviceRegisterEvents(n.nvmlDeviceGetHandleByIndex(index), n.nvmlEventTypeXidCriticalError, events)
print("ready", flush=True)
data = n.nvmlEventSetWait_v2(events, 30000)
print(n.nvmlDeviceGetIndex(data.device), data.eventType, data.eventData, data.gpuInstanceId, data.computeInstanceId)
"""
NONE = 0xFFFFFFFF


def watch(*gpus, types=n.nvmlEventTypeXidCriticalError):
    events = n.nvmlEventSetCreate()
    for gpu in gpus:
        n.nvmlDeviceRegisterEvents(gpu, types, events)
    return events


def nothing(events, wait_ms=0):
    return code(n.nvmlEventSetWait_v2, events, wait_ms) == n.NVML_ERROR_TIMEOUT


def test_every_waiting_process_is_told(machine):
    machine.open()
    waiters = [machine.python("-c", WAITER, 3, 5) for _ in range(3)]
    for waiter in waiters:
        assert waiter.stdout.readline() == "ready\n"
    machine.control("xid", 2, 48)  # nobody asked
    machine.control("xid", 5, 94)
    for waiter in waiters:
        out, errors = waiter.communicate(timeout=30)
        assert out.split() == ["5", "8", "94", str(NONE), str(NONE)], errors


def test_events_come_once_in_order_and_only_from_the_registration_on(machine):
    gpus = machine.open()
    machine.control("xid", 0, 13)
    events = watch(gpus[0])
    assert nothing(events)
    for xid in (31, 43, 79):
        machine.control("xid", 0, xid)
    assert [n.nvmlEventSetWait_v2(events, 1000).eventData for _ in range(3)] == [31, 43, 79]
    assert nothing(events)
    n.nvmlEventSetFree(events)


def test_an_event_of_an_instance_names_it(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    _, _, gi_id = create(gpu, 9)
    events = watch(gpu)
    machine.control("xid", 0, 45, "--gi", gi_id, "--ci", 0)
    data = n.nvmlEventSetWait_v2(events, 1000)
    assert (data.gpuInstanceId, data.computeInstanceId, data.eventData) == (gi_id, 0, 45)


def test_a_ring_that_came_round_loses_the_oldest(machine):
    gpu = machine.open()[0]
    events = watch(gpu)
    for xid in range(300):
        machine.control("xid", 0, xid)
    first = n.nvmlEventSetWait_v2(events, 0).eventData
    assert first == 300 - 256
    assert [n.nvmlEventSetWait_v2(events, 0).eventData for _ in range(255)] == list(range(first + 1, 300))


def test_types_that_the_board_does_not_have_are_refused(machine):
    gpu = machine.open()[0]
    assert code(lambda: watch(gpu, types=1 << 40)) == n.NVML_ERROR_NOT_SUPPORTED
    assert code(n.nvmlDeviceRegisterEvents, gpu, 8, ctypes.c_void_p()) == n.NVML_ERROR_INVALID_ARGUMENT


def test_waiting_costs_no_processor_time(machine):
    events = watch(*machine.open())
    cpu, wall = time.process_time(), time.monotonic()
    assert nothing(events, 500)
    assert time.process_time() - cpu < 0.05 and 0.45 < time.monotonic() - wall < 5


def test_a_lost_gpu(machine):
    gpus = machine.open()
    events = watch(*gpus)
    machine.control("lose", 6)
    data = n.nvmlEventSetWait_v2(events, 1000)
    assert data.eventData == 79
    for call in (n.nvmlDeviceGetName, n.nvmlDeviceGetUUID, n.nvmlDeviceGetMemoryInfo, n.nvmlDeviceGetMigMode):
        assert code(call, gpus[6]) == n.NVML_ERROR_GPU_IS_LOST
    assert code(n.nvmlDeviceGetHandleByIndex, 6) == n.NVML_ERROR_GPU_IS_LOST
    assert n.nvmlDeviceGetCount() == 8 and n.nvmlDeviceGetName(gpus[5])
    machine.control("find", 6)
    assert n.nvmlDeviceGetName(gpus[6])


def test_a_lost_gpu_takes_its_mig_devices(machine):
    gpu = machine.open()[0]
    set_mig(gpu, True)
    gi, _, _ = create(gpu, 19)
    mig = n.nvmlDeviceGetMigDeviceHandleByIndex(gpu, 0)
    machine.control("lose", 0)
    assert code(n.nvmlDeviceGetUUID, mig) == code(n.nvmlGpuInstanceGetInfo, gi) == n.NVML_ERROR_GPU_IS_LOST


def in_thread(call):
    done = threading.Event()
    thread = threading.Thread(target=lambda: (call(), done.set()))
    thread.start()
    return done, thread


def test_calls_hang_until_told_otherwise(machine):
    gpu = machine.open()[0]
    machine.control("hang", "on")
    done, thread = in_thread(lambda: n.nvmlDeviceGetName(gpu))
    assert not done.wait(0.3)
    machine.control("hang", "off")
    assert done.wait(10)
    thread.join()
    assert n.nvmlDeviceGetName(gpu)


def test_a_cleared_machine_does_not_hang(machine):
    gpu = machine.open()[0]
    machine.control("hang", "on")
    done, thread = in_thread(lambda: n.nvmlDeviceGetName(gpu))
    assert not done.wait(0.3)
    machine.control("clear")
    cleared = done.wait(10)
    machine.control("hang", "off")
    thread.join()
    assert cleared


def test_a_new_client_hangs_in_init(machine):
    machine.open()
    machine.control("hang", "on")
    client = machine.python("-c", "import pynvml as n; n.nvmlInit(); print('in')")
    timer = threading.Timer(0.5, lambda: machine.control("hang", "off"))
    began = time.monotonic()
    timer.start()
    out, _ = client.communicate(timeout=30)
    assert out == "in\n" and time.monotonic() - began > 0.45


def test_one_call_can_be_slow(machine):
    gpu = machine.open()[0]
    machine.control("delay", "nvmlDeviceGetName", 1000)
    began = time.monotonic()
    n.nvmlDeviceGetUUID(gpu)
    assert time.monotonic() - began < 0.9
    n.nvmlDeviceGetName(gpu)
    assert time.monotonic() - began >= 1
    machine.control("delay", "nvmlDeviceGetName", 0)
    began = time.monotonic()
    n.nvmlDeviceGetName(gpu)
    assert time.monotonic() - began < 0.9
