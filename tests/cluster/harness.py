# SPDX-License-Identifier: Apache-2.0
"""The cluster of the script `cluster` as an object, for the tests of this folder and of others."""
import json
import pathlib
import shutil
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
NODE = "gpu-node"


def wait_for(what, condition, seconds=60):
    """Polls until condition() is true and returns its value; names what was missing if it never is."""
    limit = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < limit, f"{what} did not come within {seconds} s"
        time.sleep(0.1)


class Cluster:
    """The control plane and its node; commands run inside their namespaces."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, *words, **options):
        return subprocess.run([HERE / "cluster", *words], check=True, text=True, **options)

    def on_node(self, *words):
        return self.run_on(NODE, *words)

    def run_on(self, node, *words):
        return [str(HERE / "cluster"), "on", str(self.folder), node, *map(str, words)]

    def kubectl(self, *words, stdin=None):
        done = subprocess.run([HERE / "cluster", "exec", self.folder, "kubectl", *words], text=True,
                              input=stdin, capture_output=True)
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
        return done.stdout

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def apply(self, *objects):
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(items))

    def allocatable(self):
        """The node's NVIDIA resources that are not zero."""
        found = self.get("node", NODE)["status"]["allocatable"]
        return {name: int(count.replace("k", "000")) for name, count in found.items()
                if name.startswith("nvidia.com/") and count != "0"}

    def wait_allocatable(self, wanted):
        try:
            wait_for(f"allocatable {wanted}", lambda: self.allocatable() == wanted)
        except AssertionError as error:
            raise AssertionError(f"{error}; the node has {self.allocatable()}") from None

    def pods(self, phase=None):
        found = self.get("pods")["items"]
        return [pod for pod in found if phase is None or pod["status"].get("phase") == phase
                and "deletionTimestamp" not in pod["metadata"]]

    def clear(self):
        self.kubectl("delete", "deployment,pod", "--all", "--grace-period=0", "--force", "--wait=true")
        wait_for("the end of all pods", lambda: not self.pods())


def make_busybox(cluster, folder):
    """The image that test pods use."""
    image = folder / "busybox"
    (image / "bin").mkdir(parents=True)
    (image / "tmp").mkdir()
    shutil.copy("/bin/busybox", image / "bin/busybox")
    for name in ("sh", "sleep", "ls", "cat", "env", "sort"):
        (image / "bin" / name).symlink_to("busybox")
    cluster.run("image", cluster.folder, "busybox", image, stdout=subprocess.DEVNULL)
