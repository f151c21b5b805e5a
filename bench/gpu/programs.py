# SPDX-License-Identifier: Apache-2.0
"""The programs that bench/gpu attaches to: CUDA runtimes of the bundle, and what Python has here.

Each prints one JSON line that says what it saw, then waits for a line. A name without its program is not
listed; bench/gpu/table says "not run" for it.
"""
import importlib.util
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent

# What every Python program ends with: `said` is its line.
_TELL = "\nimport json, sys; print(json.dumps(said), flush=True); sys.stdin.readline()\n"

TORCH_ATTACH = """
import torch
free, total = torch.cuda.mem_get_info()
torch.zeros(1 << 28, dtype=torch.uint8, device="cuda")
try:
    torch.empty(total, dtype=torch.uint8, device="cuda"); above = "had"
except torch.cuda.OutOfMemoryError:
    above = "OutOfMemoryError"
said = {"free": free, "total": total, "above": above}
"""

JAX_ATTACH = """
import jax, jax.numpy as np
x = np.ones((4096, 4096)).sum().block_until_ready()
limit = jax.devices()[0].memory_stats()["bytes_limit"]
try:
    np.ones((limit,), dtype=np.uint8).block_until_ready(); above = "had"
except Exception as error:
    above = type(error).__name__ + (" out of memory" if "memory" in str(error).lower() else "")
said = {"total": limit, "above": above}
"""

CUPY_ATTACH = """
import cupy
free, total = cupy.cuda.runtime.memGetInfo()
cupy.ones(1 << 26, dtype=cupy.uint8).sum()
try:
    cupy.empty(total, dtype=cupy.uint8); above = "had"
except cupy.cuda.memory.OutOfMemoryError:
    above = "OutOfMemoryError"
said = {"free": free, "total": total, "above": above}
"""

NVML_ATTACH = """
import pynvml
pynvml.nvmlInit()
memory = pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(0))
said = {"total": memory.total, "used": memory.used}
"""

BINDINGS_ATTACH = """
from cuda.bindings import driver as cu
def ok(answer):
    assert answer[0] == 0, answer
    return answer[1] if len(answer) == 2 else answer[1:]
ok((*cu.cuInit(0), None))
context = ok(cu.cuDevicePrimaryCtxRetain(0))
cu.cuCtxSetCurrent(context)
free, total = ok(cu.cuMemGetInfo())
said = {"free": free, "total": total, "above": int(cu.cuMemAlloc(total)[0])}
"""

TRAINING = """
import time, torch
torch.manual_seed(1)
model = torch.nn.Sequential(*[torch.nn.Linear(1024, 1024) for _ in range(8)]).cuda()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
x = torch.randn(256, 1024, device="cuda")
def step():
    optimizer.zero_grad(set_to_none=True)
    loss = model(x).square().mean()
    loss.backward()
    optimizer.step()
    return loss
for _ in range(50):
    step()
torch.cuda.synchronize()
rates = []
for _ in range(7):
    begin = time.perf_counter()
    for _ in range(200):
        loss = step()
    torch.cuda.synchronize()
    rates.append(200 / (time.perf_counter() - begin))
said = {"steps_per_s": sorted(rates)[3], "loss": loss.item()}
"""

GRAPH = """
import time, torch
torch.manual_seed(1)
a = torch.randn(2048, 2048, device="cuda"); b = torch.eye(2048, device="cuda")
stream = torch.cuda.Stream()
with torch.cuda.stream(stream):
    for _ in range(3):
        c = (a @ b).relu()
torch.cuda.current_stream().wait_stream(stream)
graph = torch.cuda.CUDAGraph()
with torch.cuda.graph(graph):
    for _ in range(10):
        c = (a @ b).relu()
rates = []
for _ in range(7):
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(200):
        graph.replay()
    torch.cuda.synchronize()
    rates.append(200 / (time.perf_counter() - begin))
said = {"replays_per_s": sorted(rates)[3], "sum": round(c.sum().item(), 3)}
"""

# Fills the slice with cached blocks, then asks for one that fits only after the cache is emptied; then for more
# than there is; then works on.
RECOVERY = """
import torch
limit = 7 << 30 if torch.cuda.mem_get_info()[1] < 9 << 30 else 70 << 30
blocks = [torch.empty(64 << 20, dtype=torch.uint8, device="cuda") for _ in range((limit >> 26) - 20)]
del blocks
big = torch.empty(limit - (3 << 30), dtype=torch.uint8, device="cuda")
del big
try:
    torch.empty(1 << 40, dtype=torch.uint8, device="cuda"); above = "had"
except torch.cuda.OutOfMemoryError:
    above = "OutOfMemoryError"
x = torch.ones(1 << 20, device="cuda").sum().item()
said = {"retries": torch.cuda.memory_stats().get("num_alloc_retries", 0), "above": above, "after": x}
"""

LAUNCHES = """
import time, torch
x = torch.zeros(1, device="cuda")
rates = []
for _ in range(9):
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(20000):
        x.add_(1)
    torch.cuda.synchronize()
    rates.append(20000 / (time.perf_counter() - begin))
said = {"launches_per_s": sorted(rates)[4], "sum": x.item()}
"""

MATMUL = """
import time, torch
a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
rates = []
for _ in range(7):
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(50):
        c = a @ a
    torch.cuda.synchronize()
    rates.append(50 / (time.perf_counter() - begin))
said = {"products_per_s": sorted(rates)[3]}
"""

JAX_LOOP = """
import time, jax, jax.numpy as np
f = jax.jit(lambda x: np.tanh(x @ x) * 0.5)
x = np.eye(2048)
f(x).block_until_ready()
rates = []
for _ in range(7):
    begin = time.perf_counter()
    for _ in range(100):
        x = f(x)
    x.block_until_ready()
    rates.append(100 / (time.perf_counter() - begin))
said = {"steps_per_s": sorted(rates)[3], "sum": float(x.sum())}
"""

CUPY_LOOP = """
import time, cupy
x = cupy.eye(2048, dtype=cupy.float32)
rates = []
for _ in range(7):
    begin = time.perf_counter()
    for _ in range(100):
        x = cupy.tanh(x @ x) * 0.5
    cupy.cuda.Device().synchronize()
    rates.append(100 / (time.perf_counter() - begin))
said = {"steps_per_s": sorted(rates)[3], "sum": float(x.sum())}
"""

def _has(*modules):
    return all(importlib.util.find_spec(module) for module in modules)


def programs(bench):
    """(name, command, environment) of each program for the part `attach`."""
    for static in sorted((bench.bundle / "bin").glob("runtime-static*")):
        yield f"cudart {static.name.removeprefix('runtime-static')} static", [str(static), "-", "4096"], {}
    for shared in sorted((bench.bundle / "cudart").glob("libcudart.so.*")):
        yield (f"cudart {shared.name.removeprefix('libcudart.so.')} shared",
               [bench.program("runtime-shared"), str(shared), "4096"], {})
    yield "driver API, dlopen + dlsym", [bench.program("paths"), "linear", "16", "65536"], {}
    yield "driver API, linked", [bench.program("linked"), "4096"], {}
    for name, module, script in (("PyTorch", "torch", TORCH_ATTACH), ("JAX", "jax", JAX_ATTACH),
                                 ("CuPy", "cupy", CUPY_ATTACH), ("cuda-bindings", "cuda.bindings", BINDINGS_ATTACH),
                                 ("nvidia-ml-py", "pynvml", NVML_ATTACH)):
        if _has(module.split(".")[0]):
            yield name, [sys.executable, "-c", script + _TELL], {}
    if shutil.which("nvidia-smi"):
        yield "nvidia-smi", ["sh", "-c", "nvidia-smi --query-gpu=memory.total,memory.used --format=csv,noheader,nounits "
                             "| sed 's/\\(.*\\), \\(.*\\)/{\"total_mib\": \\1, \"used_mib\": \\2}/'; read line; true"], {}


# What PyTorch's allocator can be told.
_ASYNC = {"PYTORCH_CUDA_ALLOC_CONF": "backend:cudaMallocAsync"}
_EXPANDABLE = {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}


def _python(script):
    return [sys.executable, "-c", script + _TELL]


def frameworks():
    """(name, command, environment) of each program for the part `frameworks`."""
    if _has("torch"):
        yield "PyTorch out-of-memory recovery", _python(RECOVERY), {}
        yield "the same, cudaMallocAsync", _python(RECOVERY), _ASYNC
        yield "the same, expandable segments", _python(RECOVERY), _EXPANDABLE
        yield "PyTorch, spawn and fork", [sys.executable, str(HERE / "forked.py")], {}


def speeds():
    """(name, command, environment) of each program for the part `speed`: its line has a rate."""
    if _has("torch"):
        yield "PyTorch training loop", _python(TRAINING), {}
        yield "PyTorch training loop, cudaMallocAsync", _python(TRAINING), _ASYNC
        yield "PyTorch training loop, expandable segments", _python(TRAINING), _EXPANDABLE
        yield "PyTorch CUDA graph", _python(GRAPH), {}
        yield "PyTorch small launches", _python(LAUNCHES), {}
        yield "PyTorch bf16 matmul", _python(MATMUL), {}
    if _has("jax"):
        yield "JAX loop", _python(JAX_LOOP), {}
    if _has("cupy"):
        yield "CuPy loop", _python(CUPY_LOOP), {}
