# SPDX-License-Identifier: Apache-2.0
"""EC2's GPU instance types, out of data/ec2-gpu-instances.json: as Karpenter's program without a cloud wants
to read them, and as emulated machines."""
import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
REGION = "us-east-1"
ZONES = ("us-east-1a", "us-east-1b")
# gpu_product of the catalogue: board of the emulator.
BOARDS = {
    "NVIDIA T4": "t4", "NVIDIA A10G": "a10g", "NVIDIA L4": "l4", "NVIDIA A100 SXM4 40GB": "a100-40gb",
    "NVIDIA A100 SXM4 80GB": "a100-80gb", "NVIDIA H100 SXM5": "h100-80gb-sxm", "NVIDIA H200 SXM5": "h200-141gb",
    "NVIDIA B200": "b200-180gb", "NVIDIA B300": "b300-269gb",
    "NVIDIA RTX PRO 6000 Blackwell Server Edition": "rtx-pro-6000-blackwell-96gb",
}
POD_ADDRESSES = 250     # of a node of the test cluster
# What the kubelet of the test cluster keeps for itself, and Karpenter's program without a cloud takes off.
EVICTION_MIB, OVERHEAD_MIB = 100, 10


def types():
    """{name: entry} of the types that have a GPU and a price here."""
    found = json.loads((ROOT / "data/ec2-gpu-instances.json").read_text())["types"]
    return {entry["type"]: entry for entry in found if entry["gpus"] and price(entry)}


def price(entry):
    return (entry["on_demand"] or {}).get(REGION, [None])[0]


def labels(entry):
    """As the AWS provider labels its types; a number of 0 GPUs is no label."""
    category, generation = re.match(r"([a-z]+)(\d+)", entry["family"]).groups()
    known = {"category": category, "generation": generation, "family": entry["family"], "size": entry["size"],
             "cpu": entry["vcpus"], "memory": entry["memory_mib"],
             "cpu-manufacturer": entry["cpu_manufacturer"], "hypervisor": entry["hypervisor"]}
    if entry["label_gpu_count"]:
        known |= {"gpu-name": entry["gpu_name"], "gpu-manufacturer": "nvidia", "gpu-count": entry["label_gpu_count"],
                  "gpu-memory": entry["gpu_memory_mib"]}
    return {f"karpenter.k8s.aws/instance-{key}": str(value) for key, value in known.items() if value is not None}


def resources(entry):
    """What a node of this type has, by the provider's prediction (its allocatable, and what is taken off)."""
    found = {"cpu": str(entry["vcpus"]), "memory": f"{entry['allocatable_memory_mib'] + OVERHEAD_MIB}Mi",
             "ephemeral-storage": "100Gi", "pods": str(min(entry["max_pods"], POD_ADDRESSES))}
    if entry["catalog_gpus"]:
        found["nvidia.com/gpu"] = str(entry["catalog_gpus"])
    return found


def offerings(entry):
    """One for each zone, on demand: what Karpenter buys must not depend on the luck of a spot price."""
    known = [{"key": key, "operator": "In", "values": [value]} for key, value in labels(entry).items()]
    return [{"Price": price(entry), "Available": True, "Requirements": known + [
        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
        {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]},
        {"key": "topology.kubernetes.io/region", "operator": "In", "values": [REGION]}]} for zone in ZONES]


def instance_types():
    """INSTANCE_TYPES_FILE_PATH."""
    return [{"name": name, "architecture": entry["arch"], "operatingSystems": ["linux"],
             "resources": resources(entry), "offerings": offerings(entry)} for name, entry in types().items()]


def machine_size(entry):
    """What the kubelet must take its machine to have: a little more than was predicted, as on EC2."""
    return {"NODE_CPUS": str(entry["vcpus"]),
            "NODE_MEMORY": str(entry["allocatable_memory_mib"] + OVERHEAD_MIB + EVICTION_MIB),
            "PODS": str(min(entry["max_pods"], POD_ADDRESSES))}


def node_file(kind, name):
    """The emulator's node file of this type; UUIDs follow from the machine's name, whose end is its own."""
    name = name[-63:]
    given = ROOT / f"data/nodes/{kind}.node"
    if given.exists():
        return given.read_text().replace(f"node {kind}\n", f"node {name}\n")
    entry = types()[kind]
    board = BOARDS[entry["gpu_product"]]
    gpus = "".join(f"gpu {board}  bus 0000:{0x10 + 0x10 * (index % 8):02x}:{0x1c + index // 8:02x}.0\n"
                   for index in range(entry["gpus"]))
    return f"node {name}\n{gpus}"
