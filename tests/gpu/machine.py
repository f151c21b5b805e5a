# SPDX-License-Identifier: Apache-2.0
"""The machine under test, real or emulated: where carve's programs run, and what nvidia-smi says of
the same GPUs."""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import smi

HERE = pathlib.Path(__file__).resolve().parent
EMULATED_NODE = "p5.48xlarge"
SETTINGS = "mig.mode.current,mig.mode.pending,compute_mode,persistence_mode,ecc.mode.current"


def text_of(*words, env=None, timeout=60):
    """What a program prints; its other output is in the error if it fails."""
    done = subprocess.run([str(word) for word in words], env=env, text=True, capture_output=True,
                          timeout=timeout, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))} exits {done.returncode}: "
                             f"{(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout


class Machine:
    """A real machine: the driver is found where it is."""
    emulated = False

    def __init__(self, bundle, folder):
        self.bin = pathlib.Path(bundle).resolve() / "bin"
        self.folder = pathlib.Path(folder)
        libraries = [str(self.bin.parent / "lib"), os.environ.get("LD_LIBRARY_PATH", "")]
        self.env = dict(os.environ, LD_LIBRARY_PATH=":".join(filter(None, libraries)),
                        CARVE_SOCKET=str(self.folder / "no.sock"))
        self.arguments = []
        self.roots = []

    def doctor(self, *words):
        """`carve doctor node`: exit code, and what it prints."""
        done = subprocess.run([str(self.bin / "carve"), "doctor", "node", *words, *map(str, self.roots)],
                              env=self.env, text=True, capture_output=True, timeout=300, check=False)
        return done.returncode, done.stdout + done.stderr

    def carve(self, *words):
        return json.loads(text_of(self.bin / "carve", *words, "-o", "json", env=self.env))

    def gpus(self):
        """nvidia-smi's rows (smi.FIELDS)."""
        return smi.parse_query(text_of("nvidia-smi", f"--query-gpu={','.join(smi.FIELDS)}",
                                       "--format=csv,noheader,nounits"))

    def mig(self, option):
        return text_of("nvidia-smi", "mig", option)

    def profiles(self):
        return self.carve("gpus", "--profiles")["boards"]

    def settings(self):
        return text_of("nvidia-smi", f"--query-gpu={SETTINGS}", "--format=csv,noheader")


class EmulatedMachine(Machine):
    """The emulated node of H100 boards. For nvidia-smi's tables of profiles stands what it said on a
    real one, for the rest a reading of the emulated NVML without carve's code."""
    emulated = True

    def __init__(self, bundle, folder, build):
        super().__init__(bundle, folder)
        emulator = pathlib.Path(build).resolve() / "emulator"
        tree = self.folder / "node"
        tree.mkdir()
        self.env |= {"CARVE_EMULATOR_NODE": EMULATED_NODE, "CARVE_EMULATOR_TREE": str(tree),
                     "CARVE_EMULATOR_STATE": str(self.folder / "state"),
                     "LD_LIBRARY_PATH": f"{self.env['LD_LIBRARY_PATH']}:{emulator}"}
        os.environ |= {name: value for name, value in self.env.items() if "EMULATOR" in name}
        text_of(emulator / "carve-emulator", "tree", tree, env=self.env)
        self.library = emulator / "libnvidia-ml.so.1"
        self.arguments = ["--nvidia-driver-root", tree / "driver", "--dev-root", tree,
                          "--proc-root", tree / "proc", "--sysfs-root", tree / "sys"]
        self.roots = ["--driver-root", tree / "driver", "--host-root", tree, *self.arguments[2:]]

    def gpus(self):
        nvml = ctypes.CDLL(str(self.library))
        text, pci = ctypes.create_string_buffer(96), ctypes.create_string_buffer(68)
        memory, count, device = (ctypes.c_ulonglong * 3)(), ctypes.c_uint(), ctypes.c_void_p()
        modes, rows = (ctypes.c_uint * 2)(), []

        def ask(name, *arguments):
            code = getattr(nvml, name)(*arguments)
            assert code == 0, f"{name} answers {code}"
            return text.value.decode()

        ask("nvmlInit_v2")
        driver = ask("nvmlSystemGetDriverVersion", text, 96)
        ask("nvmlDeviceGetCount_v2", ctypes.byref(count))
        for index in range(count.value):
            ask("nvmlDeviceGetHandleByIndex_v2", index, ctypes.byref(device))
            ask("nvmlDeviceGetMemoryInfo", device, memory)
            ask("nvmlDeviceGetPciInfo_v3", device, pci)
            ask("nvmlDeviceGetMigMode", device, ctypes.byref(modes),
                ctypes.byref(modes, ctypes.sizeof(ctypes.c_uint)))
            mode = [("Disabled", "Enabled")[value] for value in modes]
            rows.append(dict(zip(smi.FIELDS, (
                str(index), ask("nvmlDeviceGetUUID", device, text, 96),
                ask("nvmlDeviceGetName", device, text, 96), str(memory[0] >> 20),
                pci.raw[36:].split(b"\0")[0].decode(), *mode, driver))))
        ask("nvmlShutdown")
        return rows

    def mig(self, option):
        name = {"-lgip": "h100-lgip.txt", "-lgipp": "h100-lgipp.txt"}[option]
        return (HERE / "fixtures" / name).read_text(encoding="utf-8")

    def profiles(self):
        """The first GPU alone, as the fixtures are of a machine with one."""
        return self.carve("gpus", "--profiles", "0")["boards"]

    def settings(self):
        return str([(row["mig.mode.current"], row["mig.mode.pending"]) for row in self.gpus()])


class Carved:
    """One run of the daemon with a folder of its own. The kubelet's folder must be there."""

    def __init__(self, machine, name, kubelet_socket, config):
        self.folder = machine.folder / name
        self.folder.mkdir(exist_ok=True)
        self.config_file = self.folder / "config.yaml"
        self.cdi_file = self.folder / "cdi/carve.dev-gpu.json"
        self.log_file = self.folder / "carved.log"
        self.configure(config)
        words = [machine.bin / "carved", "--config-file", self.config_file, "--socket",
                 self.folder / "carved.sock", "--state-dir", self.folder / "state", "--cdi-dir",
                 self.cdi_file.parent, "--kubelet-socket", kubelet_socket,
                 "--pod-resources-socket", self.folder / "pods.sock", *machine.arguments]
        with open(self.log_file, "ab") as log:
            self.started = time.monotonic()
            self.process = subprocess.Popen([str(word) for word in words], env=machine.env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.pid = self.process.pid

    def configure(self, config):
        """By rename, as careful editors do."""
        beside = self.config_file.with_suffix(".new")
        beside.write_text(json.dumps(config), encoding="utf-8")
        beside.rename(self.config_file)

    def log(self):
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def end(self):
        """In order; leaves nothing running."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait(20)
        assert code == 0, f"carved exits {code}: {self.log()[-400:]}"

    def forget(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def config(replicas=1, strategies=("envvar",)):
    """A device plugin configuration as users write it."""
    made = {"version": "v1", "flags": {"plugin": {"deviceListStrategy": list(strategies)}}}
    if replicas > 1:
        made["sharing"] = {"timeSlicing": {"resources": [
            {"name": "nvidia.com/gpu", "replicas": replicas}]}}
    return made
