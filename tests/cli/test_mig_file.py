# SPDX-License-Identifier: Apache-2.0
"""The files of `carve mig`: exported, checked, refused, and what each name of mig-parted's default
configuration means."""
import json

import pytest

from conftest import Carve, fixtures, mig_file, mixed


def test_what_was_exported_can_be_applied_and_asserted(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    path = mig_file(node.folder, odd=[
        {"devices": [0, 2], "mig-enabled": True, "mig-devices": {"3g.20gb": 1, "1c.3g.20gb": 2}},
        {"devices": [1], "mig-enabled": True, "mig-devices": {"1g.5gb+me": 1, "4g.20gb": 1}},
        {"devices": [3, 4, 5, 6, 7], "mig-enabled": False}])
    carve("mig", "apply", "-f", path)
    for words in ([], ["-o", "json"]):
        exported = node.folder / "exported.yaml"
        exported.write_text(carve("mig", "export", "--config-label", "mine", *words),
                            encoding="utf-8")
        carve("mig", "assert", "-f", exported, "-c", "mine")
        carve("mig", "apply", "-c", "all-1g.5gb")
        told = carve("mig", "assert", "-f", exported, code=1)
        assert "GPU 1: has 7 x 1g.5gb; wanted 1 x 1g.5gb+me, 1 x 4g.20gb" in told
        assert "GPU 7: has 7 x 1g.5gb; wanted MIG off" in told
        found = carve.json("mig", "assert", "-f", exported, code=1)
        assert not found["matches"] and len(found["differences"]) == 8
        carve("mig", "apply", "-f", "-", stdin=exported.read_text(encoding="utf-8"))
        assert carve.json("mig", "assert", "-f", exported)["matches"]
    assert json.loads(carve("mig", "export", "-o", "json"))["version"] == "v1"


def test_the_environment_of_the_original(carved, carve, node):
    carved(mixed(), with_kubelet=False)
    path = mig_file(node.folder, one={"7g.40gb": 1}, two={"3g.20gb": 2})
    known = {"MIG_PARTED_CONFIG_FILE": str(path), "MIG_PARTED_SELECTED_CONFIG": "two"}
    carve("mig", "apply", environment=known)
    assert carve.profiles(0) == [("3g.20gb", 0), ("3g.20gb", 4)]
    assert carve("mig", "configs", environment=known) == "one\ntwo\n"
    told = carve("mig", "apply", "-f", path, code=2)
    assert "one" in told and "two" in told
    assert "no configuration 'three'" in carve("mig", "apply", "-f", path, "-c", "three", code=2)


def test_a_file_is_checked_without_hardware(carve, node):
    path = mig_file(node.folder, off={"1g.5gb": 7})
    assert carve("mig", "assert", "--valid-config", "-f", path, "-c", "off") == ""
    carve("mig", "assert", "--valid-config", "-f", path, "-c", "on", code=2)
    path.write_text("version: v1\nmig-configs:\n  a:\n  - devices: all\n    mig-enable: true\n",
                    encoding="utf-8")
    told = carve("mig", "assert", "--valid-config", "-f", path, code=2)
    assert "mig.yaml:4:5: error: " in told and "mig.yaml:5:5: error: " in told


@pytest.mark.parametrize("text, told", [
    ("", "is empty"),
    ("version: v1\nmig-configs:\n  a:\n  - {devices: all, mig-enabled: false}\n\0more", "NUL byte"),
    ("version: v1\nmig-configs: [", ":3:1: error: "),
    ("version: v2\nmig-configs: {}\n", "version"),
    ("- a\n", "error: "),
    ("\xff\xfe", "error: "),
    ("a: &a [*a, *a]\n", "error: "),
], ids=["empty", "nul", "cut", "version", "list", "bytes", "loop"])
def test_files_that_are_none(carved, carve, node, text, told):
    carved(mixed(), with_kubelet=False)
    path = node.folder / "odd.yaml"
    path.write_bytes(text.encode("latin-1"))
    for words in (["apply"], ["assert"], ["configs"], ["assert", "--valid-config"]):
        said = carve("mig", *words, "-f", path, code=2)
        assert "odd.yaml" in said and told in said, said


@pytest.mark.parametrize("path, told", [("nowhere.yaml", "No such file"), (".", "Is a directory"),
                                        ("/dev/null", "is empty")])
def test_files_that_cannot_be_read(carve, path, told):
    for words in (["apply"], ["assert"], ["configs"]):
        said = carve("mig", *words, "-f", path, code=2)
        assert path in said and told in said


# mig-parted's default configuration: what each name means on a board, and on which boards.
DEFAULT = {
    "p4d.24xlarge": {
        "all-1g.5gb": {"1g.5gb": 7}, "all-1g.5gb.me": {"1g.5gb+me": 1}, "all-2g.10gb": {"2g.10gb": 3},
        "all-3g.20gb": {"3g.20gb": 2}, "all-4g.20gb": {"4g.20gb": 1}, "all-7g.40gb": {"7g.40gb": 1},
        "all-balanced": {"1g.5gb": 2, "2g.10gb": 1, "3g.20gb": 1}},
    "p5.48xlarge": {
        "all-1g.10gb": {"1g.10gb": 7}, "all-1g.10gb.me": {"1g.10gb+me": 1},
        "all-1g.20gb": {"1g.20gb": 4}, "all-2g.20gb": {"2g.20gb": 3}, "all-3g.40gb": {"3g.40gb": 2},
        "all-4g.40gb": {"4g.40gb": 1}, "all-7g.80gb": {"7g.80gb": 1},
        "all-balanced": {"1g.10gb": 2, "2g.20gb": 1, "3g.40gb": 1}},
    "h200-x2": {
        "all-1g.18gb": {"1g.18gb": 7}, "all-1g.18gb.me": {"1g.18gb+me": 1},
        "all-1g.35gb": {"1g.35gb": 4}, "all-2g.35gb": {"2g.35gb": 3}, "all-3g.71gb": {"3g.71gb": 2},
        "all-4g.71gb": {"4g.71gb": 1}, "all-7g.141gb": {"7g.141gb": 1},
        "all-balanced": {"1g.18gb": 2, "2g.35gb": 1, "3g.71gb": 1}},
}


@pytest.mark.parametrize("name", DEFAULT)
def test_the_names_of_the_default_configuration(folder, carved, name):
    """Each after the other, so that every change starts from another layout; by carved's own file,
    and as mig-parted's says it."""
    node = fixtures.Node(folder / "other", name)
    carved(mixed(), with_kubelet=False, on=node)
    carve = Carve(node)
    n_gpus = len(carve.json("gpus")["gpus"])
    path = mig_file(node.folder, **DEFAULT[name])
    for config, profiles in [("all-enabled", {}), *DEFAULT[name].items()]:
        carve("mig", "apply", "-c", config)
        for gpu in range(n_gpus):
            found = [profile for profile, _ in carve.profiles(gpu)]
            assert {p: found.count(p) for p in found} == profiles, (config, gpu)
        carve("mig", "assert", "-c", config)
        if profiles:
            carve("mig", "assert", "-f", path, "-c", config)
            assert "nothing to do" in carve("mig", "apply", "-f", path, "-c", config)
    carve("mig", "apply", "-c", "all-disabled")
    assert all(carve.profiles(gpu) is None for gpu in range(n_gpus))


@pytest.mark.parametrize("name", ["g6.12xlarge", "g5.xlarge", "g4dn.xlarge"])
def test_boards_without_mig_have_nothing_to_cut(folder, carved, name):
    node = fixtures.Node(folder / "other", name)
    carved(mixed(), with_kubelet=False, on=node)
    carve = Carve(node)
    assert carve("mig", "configs") == "all-disabled\n"
    assert "nothing to do" in carve("mig", "apply", "-c", "all-disabled")
    carve("mig", "assert", "-c", "all-disabled")
    assert "no configuration 'all-1g.5gb'" in carve("mig", "apply", "-c", "all-1g.5gb", code=2)
    named = mig_file(node.folder, a=[{"devices": [0], "mig-enabled": True, "mig-devices": {}}])
    assert "GPU 0" in carve("mig", "apply", "-f", named, code=2)
