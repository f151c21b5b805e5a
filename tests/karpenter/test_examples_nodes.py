# SPDX-License-Identifier: Apache-2.0
"""examples/karpenter on nodes: what carve makes of each configuration, what lint and helm say, and what real API servers take."""
import contextlib
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib

import pytest
import yaml

import examples
from examples import FOLDER, NAMES, ROOT, VARIANTS, Example
from harness import Cluster
from test_examples import SHOWN

BUILD = pathlib.Path(os.environ["CARVE_BUILD"])
CARVE = BUILD / "src/cli/carve"
CHART = ROOT / "deploy/chart/carve"
AGENT = ROOT / "tests/agent"
SETS = NAMES + VARIANTS
# Infos that say what is, and find no fault. Of a variant, also what silences a rule for the other files beside it.
TOLD = {"pod-cost", "overlay-gate"}


def load(name, path, beside):
    """A module of another folder of tests under a name of its own."""
    sys.path.insert(0, str(beside))
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    sys.path.remove(str(beside))
    return module


@pytest.fixture(scope="session")
def agent():
    return load("agent_fixtures", AGENT / "conftest.py", AGENT)


@pytest.fixture(scope="session")
def helm():
    done = subprocess.run([ROOT / "tests/cluster/build"], check=True, text=True, capture_output=True)
    return pathlib.Path(done.stdout.split()[-1]) / "helm"


@pytest.fixture
def render(helm):
    """The objects of the chart with these values files, by kind and name."""
    def rendered(*paths):
        words = [word for path in paths for word in ("--values", path)]
        done = subprocess.run([helm, "template", "carve", CHART, "--namespace", "gpu", *words], text=True,
                              capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return {(item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(done.stdout) if item}
    return rendered


def texts(objects):
    """The configurations that the node's gateway will find."""
    return objects["ConfigMap", "carve-configs"]["data"]


def check_config(folder, text):
    path = folder / "config.yaml"
    path.write_text(text)
    return subprocess.run([BUILD / "src/agent/carved", f"--check-config={path}"], text=True, capture_output=True,
                          check=False)


@pytest.mark.parametrize("name", SETS)
def test_helm_renders_and_carved_accepts(name, render, tmp_path):
    example = Example(name)
    objects = render(example.files["values.yaml"])
    assert list(texts(objects)) == [example.name]
    done = check_config(tmp_path, texts(objects)[example.name])
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    privileged = [container["securityContext"].get("privileged", False) for container in
                  objects["DaemonSet", "carve"]["spec"]["template"]["spec"]["containers"]]
    assert any(privileged) == ("nvidia.com/mig.config" in example.labels)


def test_a_wrong_configuration_is_refused(tmp_path):
    text = Example("time-slicing-g6").configuration.replace("replicas: 4", "replicas: none")
    assert check_config(tmp_path, text).returncode == 1


def test_values_of_all_folders_in_one_release(render):
    """In any order: each configuration is there as it is alone, and MIG is looked after."""
    paths = [Example(name).files["values.yaml"] for name in NAMES]
    for given in (paths, paths[::-1]):
        objects = render(*given)
        assert texts(objects) == {name: Example(name).configuration for name in NAMES}
        gateway = [container for container in objects["DaemonSet", "carve"]["spec"]["template"]["spec"]["containers"]
                   if container["name"] == "carve-gateway"][0]
        assert {"--mig=true", "--mig-label=nvidia.com/mig.config"} <= set(gateway["args"])


@pytest.fixture
def node_of(agent, tmp_path):
    """carved on the emulated node of an example, configured and cut as the labels of its pool say."""
    running = []

    def made(example):
        file = ROOT / f"data/nodes/{example.type}.node"
        assert file.exists(), f"the emulator has no {example.type}"
        node = agent.Node(tmp_path / "node", str(file))
        run = agent.Carved(node, None, example.configuration)
        running.append(run)
        agent.wait_for(lambda: run.socket.exists() and run.state().inventory.gpus, run.log)
        environment = dict(node.environment, CARVE_SOCKET=str(run.socket))

        def carve(*words):
            done = subprocess.run([CARVE, *words, "--driver-root", node.driver, "--sysfs-root", node.folder / "sys"],
                                  env=environment, text=True, capture_output=True, check=False)
            assert done.returncode == 0, done.stderr
            return done.stdout
        if "nvidia.com/mig.config" in example.labels:
            carve("mig", "apply", "-c", example.labels["nvidia.com/mig.config"])
        return json.loads(carve("gpus", "-o", "json"))
    yield made
    for run in running:
        run.end()


@pytest.mark.parametrize("name", SETS)
def test_a_node_shows_what_karpenter_is_told(name, node_of):
    example = Example(name)
    told = node_of(example)
    shown = {item["name"]: item["slices"] for item in told["resources"] if item["slices"]}
    catalogue = examples.types()[example.type]
    assert len(told["gpus"]) == catalogue["gpus"]
    if example.overlay:
        assert shown == examples.slices_of(example.overlay["spec"]["capacity"])
    elif example.variant:
        assert shown == SHOWN[example.name]
    else:
        assert shown == {examples.GPU: catalogue["catalog_gpus"]}


@pytest.mark.parametrize("name", [name for name in NAMES if Example(name).overlay])
def test_the_overlay_hides_gpus_that_are_not_there(name):
    """Where no slice has the GPUs' name, Karpenter must not sell them."""
    capacity = Example(name).overlay["spec"]["capacity"]
    others = [resource for resource in capacity if resource != examples.GPU]
    assert examples.GPU in capacity and (capacity[examples.GPU] == "0") == bool(others)


@pytest.mark.parametrize("name", SETS)
def test_one_name_for_all(name):
    """Pool, class, overlay and configuration are called like the folder, and refer to each other."""
    example = Example(name)
    pool, template = example.pool, example.template
    assert pool["metadata"]["name"] == example.name
    assert template["spec"]["nodeClassRef"] == {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass",
                                                "name": example.name}
    assert example.labels["nvidia.com/device-plugin.config"] == example.name
    assert template["spec"]["taints"] == [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}]
    assert template["spec"]["startupTaints"] == [{"key": "carve.dev/not-ready", "effect": "NoSchedule"}]
    for file in ("nodeclass.yaml", "nodeclass-bottlerocket.yaml"):
        assert [item["metadata"]["name"] for item in example.objects(file)] == [example.name]
    if example.overlay:
        assert example.overlay["metadata"]["name"] == example.name
        wanted = {item["key"]: item["values"] for item in example.overlay["spec"]["requirements"]}
        assert wanted == {"karpenter.sh/nodepool": [example.name], "node.kubernetes.io/instance-type": [example.type]}
    for deployment in example.deployments.values():
        pod = deployment["spec"]["template"]["spec"]
        assert pod["nodeSelector"] == {"karpenter.sh/nodepool": example.name}


def test_each_pool_has_a_weight_of_its_own():
    weights = [Example(name).pool["spec"]["weight"] for name in NAMES]
    assert len(set(weights)) == len(weights)


@pytest.mark.parametrize("name", NAMES)
def test_bottlerocket_runs_no_plugin_of_its_own(name):
    settings = Example(name).objects("nodeclass-bottlerocket.yaml")[0]["spec"]["userData"]
    assert tomllib.loads(settings) == {"settings": {"kubelet-device-plugins": {"nvidia": {"enabled": False}}}}


@pytest.mark.parametrize("name", NAMES)
def test_the_workload_does_not_end_and_ends_at_once_when_told(name):
    """Its command in a plain shell, where there is no nvidia-smi."""
    for deployment in Example(name).deployments.values():
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        assert container["command"] == ["sh", "-c"]
        process = subprocess.Popen(["busybox", *container["command"], *container["args"]], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        assert "nvidia-smi" in process.stdout.readline()
        assert process.poll() is None
        process.terminate()
        assert process.wait(20) == 0
        with contextlib.suppress(ProcessLookupError):   # its sleep, which in a container ends with it
            os.killpg(process.pid, signal.SIGKILL)


# --- carve lint


def blocks_of(readme):
    return re.findall(r"```sh\n(.*?)```", readme, re.S)


def lint(*words):
    done = subprocess.run([CARVE, "lint", "-o", "json", *words], text=True, capture_output=True, check=False, cwd=ROOT)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def faults(findings):
    return [(item["rule"], item["file"], item["line"]) for item in findings if item["severity"] != "info"]


def composed(name, folder):
    """The files of an example or a variant as they are applied, with the README's commands, in a folder of their own."""
    example = Example(name)
    target = folder / name
    target.mkdir(parents=True)
    for path in example.files.values():
        shutil.copy(path, target)
    (target / "apply.sh").write_text("".join(blocks_of(example.readme)))
    settings = FOLDER / example.name / "without-overlay/.carve-lint.yaml"
    if example.variant:
        shutil.copy(settings, target)
    return target


def test_lint_of_all():
    findings = lint(FOLDER)
    assert faults(findings) == [] and {item["rule"] for item in findings} == {"pod-cost"}


@pytest.mark.parametrize("name", NAMES)
def test_lint_of_a_folder(name):
    findings = lint(FOLDER / name)
    assert faults(findings) == [] and {item["rule"] for item in findings} <= TOLD


@pytest.mark.parametrize("name", SETS)
def test_lint_of_what_is_applied(name, tmp_path):
    findings = lint(composed(name, tmp_path))
    assert faults(findings) == [] and {item["rule"] for item in findings} <= TOLD | {"ignore-unused"}


@pytest.mark.parametrize("name", [name for name in NAMES if Example(name).overlay])
def test_lint_sees_a_wrong_amount(name, tmp_path):
    """The files are understood, not passed over: one slice more in the overlay is found."""
    path = composed(name, tmp_path) / "overlay.yaml"
    resource, count = next(iter(examples.slices_of(Example(name).overlay["spec"]["capacity"]).items()))
    text = path.read_text()
    path.write_text(text.replace(f'{resource}: "{count}"', f'{resource}: "{count + 1}"'))
    assert path.read_text() != text
    assert "overlay-count" in {rule for rule, _, _ in faults(lint(path.parent))}


# --- READMEs


@pytest.mark.parametrize("path", ["README.md", *(f"{name}/README.md" for name in NAMES)])
def test_commands_of_a_readme(path):
    """Each block is shell, and the files in it are there, as seen from the root of the sources."""
    text = (FOLDER / path).read_text()
    blocks = blocks_of(text)
    assert blocks
    for block in blocks:
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)
        for file in re.findall(r"(?:examples|deploy)/[\w./-]+", block.replace("$folder", NAMES[0])):
            assert (ROOT / file).exists(), file
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (FOLDER / path).parent.joinpath(link).exists(), link


# --- real API servers, with Karpenter's and the AWS provider's definitions


@pytest.fixture(scope="module")
def api():
    """A control plane without nodes; kubectl of it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="carve-examples-"))
    cluster = Cluster(folder / "cluster")
    try:
        cluster.run("up", cluster.folder, "-", stdout=subprocess.DEVNULL)
        crds = pathlib.Path(os.environ["CARVE_KARPENTER"]).resolve() / "crds"
        cluster.kubectl("apply", "--server-side", "-f", str(crds))
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(crds))
        yield cluster
    finally:
        cluster.run("down", cluster.folder)
        shutil.rmtree(folder, ignore_errors=True)


def dry_run(cluster, text):
    return cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-o", "name", "-f", "-",
                           stdin=text.replace("${CLUSTER_NAME}", "my-cluster"))


@pytest.mark.parametrize("name", SETS)
def test_the_api_takes_every_object(name, api):
    example = Example(name)
    files = [file for file in example.files if file != "values.yaml"]
    assert len(files) >= 4
    for file in files:
        said = dry_run(api, example.files[file].read_text()).split()
        assert len(said) == len(example.objects(file)), file


@pytest.mark.parametrize("file, old, new, why", [
    ("nodepool.yaml", "weight: 40", "weight: 400", "less than or equal to 100"),
    ("nodeclass.yaml", "al2023@v", "al2022@v", "alias"),
    ("nodeclass.yaml", "${CLUSTER_NAME}\n", '""\n', "empty tag"),
    ("overlay.yaml", "nvidia.com/gpu:", "cpu:", "restricted"),
    ("workload.yaml", "tolerations:", "toleration:", "unknown field"),
])
def test_the_api_refuses_what_is_wrong(file, old, new, why, api):
    text = Example("time-slicing-g6").files[file].read_text()
    assert old in text
    with pytest.raises(AssertionError, match=why):
        dry_run(api, text.replace(old, new))
