# SPDX-License-Identifier: Apache-2.0
"""Faults of the emulated hardware: what the tests cause, and what they read of carved."""
import json

import grpc

from conftest import NODE, wait_for

GPU = "nvidia.com/gpu"
LONG = ["--health-probation", "60m", "--rescan-interval", "60m"]


def unhealthy(kubelet, resource=GPU):
    return sorted(i for i, d in kubelet.devices.get(resource, {}).items() if d.health != "Healthy")


def xid(node, gpu, code, gi=None, ci=None):
    where = [] if gi is None else ["--gi", gi, "--ci", ci]
    node.emulator("xid", gpu, code, *where)


def wait_fault(run, count=1):
    wait_for(lambda: len(run.state().faults) == count,
             lambda: f"{count} faults, there are {run.state().faults}")
    return list(run.state().faults)


def boot(node, name):
    """The kernel's id of this boot, as carved sees it."""
    path = node.folder / "proc/sys/kernel/random/boot_id"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(name + "\n", encoding="utf-8")


def watched(run):
    """Events are only told of once the event set stands; an application's XID shows that it does."""
    def seen():
        run.node.emulator("xid", 0, 13)
        return "XID takes no slices" in run.log()
    wait_for(seen, run.log)


def kept(run):
    file = run.state_folder / "faults"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def healthy(run):
    return {r.name: r.healthy for r in run.state().resources}


def apply_mig(run, config, at_first_message=lambda: None):
    """A MIG change as `carve mig apply` asks for it."""
    request = NODE.ApplyMigRequest(file="test", config="x", text=json.dumps(
        {"version": "v1", "mig-configs": {"x": [config]}}).encode())
    with grpc.insecure_channel(f"unix:{run.socket}", [
            ("grpc.use_local_subchannel_pool", 1)]) as channel:
        for _ in channel.unary_stream("/carve.v1.Node/ApplyMig")(request.SerializeToString(),
                                                                 timeout=60):
            at_first_message()
            at_first_message = lambda: None
