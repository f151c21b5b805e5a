# SPDX-License-Identifier: Apache-2.0
"""The parts of bench/gpu/run: what each measures is its docstring. A row is one line of the table."""
import json
import os
import signal
import statistics
import time

import page
import programs
import slices

MIB = 1 << 20
WAYS = ("linear", "small", "pitch", "managed", "async", "pool", "array", "array3d", "mipmap", "vmm", "mapped")
REFUSED = 2  # CUDA_ERROR_OUT_OF_MEMORY


def attach(bench):
    """Every kind of program: the page sees it, its report is the limit, and more is refused."""
    rows = []
    for name, command, environment in programs.programs(bench):
        program = bench.run(*command, memory="4Gi", environment=environment, quiet=True)
        try:
            said = program.hear()
            slot = bench.slots()[-1]
            page_used = page.used(bench.page()) // MIB
        except (EOFError, slices.NotAttached) as error:
            rows.append({"program": name, "attached": False, "why": str(error)})
            program.process.kill()
            program.process.wait()
            continue
        rows.append({"program": name, "attached": True, "routes": slot["routes"], "allocations": slot["allocations"],
                     "launches": slot["launches"], "refused": sum(u["refused"] for u in slot["use"]),
                     "page_mib": page_used, "attach_us": slot["attach_ns"] // 1000, "said": said,
                     "exit": program.end()})
    return rows


def cap(bench):
    """Every way to get memory, by 1 and by 8 processes at once, up to the limit and again after all was freed."""
    rows = []
    for count, limit_mib in ((1, 4096), (8, 8192)):
        for way in (*WAYS, ",".join(way for way in WAYS if way not in ("small", "managed"))):
            rows.append(_cap(bench, way, count, limit_mib))
    return rows


def _cap(bench, way, count, limit_mib):
    step = 1 if way == "small" else 16
    first = bench.run(bench.program("paths"), way, str(step), "1000000", memory=f"{limit_mib}Mi", name="cap")
    programs_ = [first]
    ready = [first.hear()]
    for _ in range(count - 1):
        programs_.append(bench.run(bench.program("paths"), way, str(step), "1000000", name="cap"))
        ready.append(programs_[-1].hear())
    pids = [line["pid"] for line in ready]
    bench.slots(pids)
    contexts = sum(bench.gpu.processes().get(pid, 0) for pid in pids)
    row = {"way": way, "processes": count, "limit_mib": limit_mib, "contexts_mib": contexts / MIB}
    with slices.Peak(bench.gpu, pids) as peak:
        for step_name in ("full", "freed", "again"):
            for program in programs_:
                program.go_on()
            said = [program.hear() for program in programs_]
            if step_name != "freed":
                now = page.used(bench.page())
                driver_now = sum(bench.gpu.processes().get(pid, 0) for pid in pids)
                row[step_name] = {"rc": sorted({line["rc"] for line in said}),
                                  "pieces": sum(line["pieces"] for line in said),
                                  "page_mib": now / MIB, "driver_mib": driver_now / MIB,
                                  "reported_total_mib": sorted({line["total"] // MIB for line in said})}
    row.update(most_mib=peak.most / MIB, over_mib=max(0.0, peak.most / MIB - limit_mib), looks=peak.looks)
    for program in programs_:
        program.end()
    return row


def cost(bench):
    """What a slice adds to calls, and to a process until its first context."""
    return _cost(bench, 1)


def crowd(bench):
    """The same with 8 processes at once in one slice."""
    return _cost(bench, 8)


def _cost(bench, count):
    runs = {"alone": [], "slice": []}
    for _ in range(5 if count == 1 else 1):
        for kind, said in runs.items():
            running = []
            for number in range(count):
                first = kind == "slice" and number == 0
                running.append(bench.run(bench.program("cost"), "200", memory="40Gi" if first else None,
                                         name="cost" if kind == "slice" else None))
                if first:
                    time.sleep(0.5)  # so that the others find the slice by its name
            said += [program.hear() for program in running]
            for program in running:
                program.end()
    if not all(said["wrapped"] for said in runs["slice"]) or any(said["wrapped"] for said in runs["alone"]):
        raise slices.NotAttached("cost")
    rows = []
    for key, value in runs["slice"][0].items():
        if isinstance(value, dict):
            rows.append({"what": key, "own_ns": statistics.median(said[key]["own"] for said in runs["slice"]),
                         "added_ns": _spread([said[key]["added"] for said in runs["slice"]]),
                         "added_without_slice_ns": _spread([said[key]["added"] for said in runs["alone"]])})
        elif key != "wrapped":
            rows.append({"what": key, "alone": _spread([said[key] for said in runs["alone"]]),
                         "slice": _spread([said[key] for said in runs["slice"]])})
    return rows


def _spread(values):
    values = sorted(values)
    return {"min": values[0], "median": statistics.median(values), "max": values[-1]}


def start(bench):
    """A whole process with a context, alone and in a slice: seconds, and what attaching took."""
    times = {"alone": [], "joined": [], "carve run": []}
    attach_us = []
    keeper = bench.run(bench.program("paths"), "linear", "16", "16", memory="20Gi", name="start")
    keeper.hear()
    environment = {key: value for key, value in (line.split("=", 1) for line in _environment_of(keeper))
                   if key in ("LD_PRELOAD", "CARVE_PAGE", "CARVE_LIBRARY")}
    for _ in range(12):
        for kind in times:
            begin = time.monotonic()
            program = bench.run(bench.program("paths"), "linear", "16", "16",
                                name="start" if kind == "carve run" else None,
                                environment=environment if kind == "joined" else None)
            pid = program.hear()["pid"]
            times[kind].append(time.monotonic() - begin)
            if kind == "joined":
                attach_us += [s["attach_ns"] / 1000 for s in bench.slots([pid]) if s["pid"] == pid]
            program.end()
    keeper.end()
    rows = [{"what": f"process start to first context, {kind}, s", **_spread(values)} for kind, values in times.items()]
    return rows + [{"what": "attaching, us", **_spread(attach_us)}]


def _environment_of(program):
    """Of the process that `carve run` started."""
    children = slices.pathlib.Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children").read_text()
    return slices.pathlib.Path(f"/proc/{children.split()[0]}/environ").read_text().split("\0")[:-1]


def kill(bench, rounds=50):
    """A holder of 4 GiB is killed with -9 while another process of the slice asks for its memory again and again:
    when the driver has forgotten the holder, when the other gets the memory, and whether that was before."""
    rows = []
    for number in range(rounds):
        holder = bench.run(bench.program("paths"), "linear", "64", "4096", memory="5164Mi", name="kill")
        pid = holder.hear()["pid"]
        asker = bench.run(bench.program("paths"), "linear", "64", "0", name="kill")
        asker_pid = asker.hear()["pid"]
        holder.go_on()
        holder.hear()
        bench.slots([pid, asker_pid])
        held = bench.gpu.processes().get(pid, 0)
        asker.go_on()
        rows.append({"round": number, "held_mib": held / MIB, **_killed(bench, holder, pid, asker)})
        asker.go_on()
        asker.hear()
        rows[-1]["left_mib"] = (page.used(bench.page()) - bench.gpu.processes().get(asker_pid, 0)) / MIB
        asker.end()
    return rows


def _killed(bench, holder, pid, asker):
    """Milliseconds from the kill; `late_ms` from the last look at which the driver still had the process."""
    os.kill(pid, signal.SIGKILL)
    begin = last = time.monotonic()
    while pid in bench.gpu.processes():
        last = time.monotonic()
        if last > begin + 20:
            raise TimeoutError(f"the driver keeps {pid}")
    gone = time.monotonic()
    said = asker.hear()
    holder.process.wait()
    return {"driver_ms": (gone - begin) * 1e3, "charge_ms": (said["at_s"] - begin) * 1e3,
            "late_ms": (said["at_s"] - gone) * 1e3, "too_early": said["at_s"] < last, "asked": said["refused"]}


def _alone_and_in_a_slice(bench, command, environment, row):
    for kind, memory in (("alone", None), ("slice", "8Gi")):
        program = bench.run(*command, memory=memory, environment=environment, quiet=True)
        row.setdefault(kind, []).append(program.hear())
        if memory:
            slot = bench.slots()[-1]
            row["attached"] = {key: slot[key] for key in ("launches", "allocations", "routes")}
        row.setdefault("exit", []).append(program.end())
    return row


def frameworks(bench):
    """PyTorch's own handling of out of memory, and its processes: the same as alone."""
    return [_alone_and_in_a_slice(bench, command, environment, {"what": name})
            for name, command, environment in programs.frameworks()]


def speed(bench, times=3):
    """Loops of PyTorch, JAX and CuPy, alone and in a slice in turns: the same results, and what is best of each."""
    rows = {}
    for _ in range(times):
        for name, command, environment in programs.speeds():
            _alone_and_in_a_slice(bench, command, environment, rows.setdefault(name, {"what": name}))
    for row in rows.values():
        rate = next(key for key in row["alone"][0] if key.endswith("_per_s"))
        same = {json.dumps({k: v for k, v in said.items() if k != rate}) for said in row["alone"] + row["slice"]}
        row.update(rate=rate, same_results=len(same) == 1,
                   best={kind: max(said[rate] for said in row[kind]) for kind in ("alone", "slice")},
                   all={kind: [said[rate] for said in row.pop(kind)] for kind in ("alone", "slice")})
    return list(rows.values())


PARTS = {"attach": attach, "cap": cap, "cost": cost, "crowd": crowd, "start": start, "kill": kill,
         "frameworks": frameworks, "speed": speed}
