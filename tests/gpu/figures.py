# SPDX-License-Identifier: Apache-2.0
"""What the daemon costs: memory, time to the device list, CPU of an Allocate, wake-ups."""
import json
import pathlib
import re
import statistics
import subprocess
import time

import kubelet_client
import machine as m

GPU = "nvidia.com/gpu"
IDLE_S, WINDOW_S, STARTS, CALLS, CYCLES = 10, 30, 5, 2000, 60
REPLICAS = 70


def memory(pid):
    """KiB, from the kernel's own sums; and of that what mappings of libnvidia-ml's file take."""
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    sizes = {name: int(size) for name, size in re.findall(r"^(\w+):\s+(\d+) kB", rollup, re.M)}
    library, inside = 0, False
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            inside = "libnvidia-ml" in line
        elif inside and line.startswith("Rss:"):
            library += int(line.split()[1])
    return {"rss": sizes["Rss"], "pss": sizes["Pss"], "anonymous": sizes["Anonymous"],
            "library": library}


def tasks(pid, file):
    return [task.read_text(encoding="utf-8") for task in
            pathlib.Path(f"/proc/{pid}/task").glob(f"*/{file}")]


def switches(pid):
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M).group(1))
               for text in tasks(pid, "status"))


def cpu_us(pid):
    """Of all its threads; a kernel without schedstat cannot say it finely enough."""
    texts = tasks(pid, "schedstat")
    assert texts, "this kernel has no /proc/PID/schedstat"
    return sum(int(text.split()[0]) for text in texts) / 1e3


def open_files(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


def nvml_alone(machine):
    """Memory of a process without carve's code: before it loads NVML, after it has started it, and
    after it has asked for every GPU's memory."""
    found = {}
    process = subprocess.Popen([machine.bin / "nvml-hold"], env=machine.env, text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        for _ in range(3):
            stage = process.stdout.readline().strip()
            assert stage, "nvml-hold has failed"
            found[stage] = memory(process.pid)
            process.stdin.write("\n")
            process.stdin.flush()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
    return found


def driver_times(machine):
    """Milliseconds that loading and starting NVML, and a first reading of everything, took."""
    dump = json.loads(m.text_of(machine.bin / "inventory-dump", env=machine.env))
    return {"open": dump["openUs"] / 1e3, "first": dump["firstReadUs"] / 1e3,
            "second": dump["secondReadUs"] / 1e3}


def one_start(machine, name, replicas, gpus):
    """Milliseconds from the start of the process to the device list at the kubelet."""
    folder = machine.folder / f"{name}-kubelet"
    folder.mkdir()
    kubelet = kubelet_client.Kubelet(folder)
    run = m.Carved(machine, name, kubelet.socket, m.config(replicas))
    try:
        at, _ = kubelet.wait(GPU, replicas * gpus)
        return (at - run.started) * 1e3
    finally:
        run.end()
        kubelet.close()


def start_times(machine, replicas, gpus):
    times = [one_start(machine, f"s{replicas}-{n}", replicas, gpus) for n in range(STARTS)]
    return {"min": min(times), "median": statistics.median(times), "max": max(times)}


def allocate_cpu(pid, plugin, ids):
    """CPU of the daemon for one Allocate call, in us."""
    for n in range(20):
        plugin.allocate(ids[n % len(ids)])
    before = cpu_us(pid)
    for n in range(CALLS):
        plugin.allocate(ids[n % len(ids)])
    return (cpu_us(pid) - before) / CALLS


def cycle(socket, ids):
    """Connects, reads the list, allocates, leaves."""
    plugin = kubelet_client.Plugin(socket)
    try:
        stream = plugin.watch()
        next(stream)
        plugin.allocate(ids[0])
        stream.cancel()
    finally:
        plugin.close()


def settled_files(pid, wanted, seconds=5):
    """Open files once the other side has seen the last one leave, or after that time."""
    end = time.monotonic() + seconds
    while open_files(pid) > wanted and time.monotonic() < end:
        time.sleep(0.01)
    return open_files(pid)


def growth(pid, socket, ids):
    """Anonymous KiB and open files before and after the cycles, past a warm-up."""
    files = open_files(pid)
    for _ in range(20):
        cycle(socket, ids)
    before = memory(pid)["anonymous"], settled_files(pid, files)
    for _ in range(CYCLES):
        cycle(socket, ids)
    after_files = settled_files(pid, before[1])
    return before, (memory(pid)["anonymous"], after_files)


def window(pid):
    """Voluntary switches and CPU ms a minute, from a window without calls."""
    before = switches(pid), cpu_us(pid)
    time.sleep(WINDOW_S)
    factor = 60 / WINDOW_S
    return {"switches": (switches(pid) - before[0]) * factor,
            "cpu_ms": (cpu_us(pid) - before[1]) * factor / 1e3}


def measure(machine, replicas, gpus, whole):
    """One daemon, idle and (if `whole`) under calls."""
    name = f"m{replicas}"
    folder = machine.folder / f"{name}-kubelet"
    folder.mkdir()
    kubelet = kubelet_client.Kubelet(folder)
    run = m.Carved(machine, name, kubelet.socket, m.config(replicas, ["envvar", "cdi-cri"]))
    found = {"devices": replicas * gpus}
    try:
        ids = sorted(kubelet.wait(GPU, replicas * gpus)[1])
        time.sleep(IDLE_S)
        found["idle"] = memory(run.pid)
        if whole:
            found["window"] = window(run.pid)
            found["allocate_cpu_us"] = allocate_cpu(run.pid, kubelet.plugins[GPU], ids)
            found["growth"] = growth(run.pid, folder / "nvidia-gpu.sock", ids)
            found["after"] = memory(run.pid)
    finally:
        run.end()
        kubelet.close()
    return found


def _memory_row(name, memory_kib):
    values = " | ".join(f"{memory_kib[key] / 1024:.2f}" for key in
                        ("rss", "pss", "anonymous", "library"))
    return f"| {name} | {values} |"


def table(figures):
    """Markdown for the documentation."""
    one, many, alone = figures["one"], figures["many"], figures["nvml"]
    lines = ["| memory, MiB | RSS | PSS | anonymous | of RSS: libnvidia-ml's file |",
             "|---|---|---|---|---|",
             _memory_row("a C program, before it loads NVML", alone["nothing"]),
             _memory_row("the same, NVML started", alone["started"]),
             _memory_row("the same, every GPU's memory asked", alone["read"]),
             _memory_row(f"carved, {one['devices']} devices, idle {IDLE_S} s", one["idle"]),
             _memory_row(f"carved, {many['devices']} devices, idle {IDLE_S} s", many["idle"]),
             _memory_row(f"the same after {CALLS + 20} Allocate calls and {CYCLES + 20} clients",
                         many["after"]), "", "| | |", "|---|---|"]
    for name, key in (("NVML: load and start", "open"), ("NVML: first reading", "first"),
                      ("NVML: second reading", "second")):
        lines.append(f"| {name} | {figures['driver'][key]:.2f} ms |")
    for part in ("one", "many"):
        times = figures[part]["start"]
        lines.append(f"| start -> {figures[part]['devices']} devices at the kubelet, min / median /"
                     f" max of {STARTS} | {times['min']:.1f} / {times['median']:.1f} / "
                     f"{times['max']:.1f} ms |")
    lines += [f"| CPU of an Allocate | {many['allocate_cpu_us']:.1f} us |",
              f"| voluntary switches a minute, idle ({WINDOW_S} s window) | "
              f"{many['window']['switches']:.0f} |",
              f"| CPU a minute, idle | {many['window']['cpu_ms']:.2f} ms |"]
    return "\n".join(lines)
