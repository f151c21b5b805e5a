# SPDX-License-Identifier: Apache-2.0
"""Who gets room: slices beside each other, of several users, by name, and waiting for room."""
import contextlib
import os
import signal
import struct
import subprocess

import pytest

from conftest import wait_for
from runnode import GIB, as_user, desk


def chosen(told):
    return [gpu["gpu"] for gpu in told["gpus"] if gpu["chosen"]]


def test_the_gpu_with_the_most_room(desk):
    with desk.holder("-m", "10Gi", "--gpu", "0"):
        assert chosen(desk.json("run", "-m", "2Gi", "true")) == [1]
        with desk.holder("-m", "20Gi", "--gpu", "1"):
            assert chosen(desk.json("run", "-m", "2Gi", "true")) == [0]


def test_use_outside_any_slice_is_no_room(desk):
    desk.node.emulator("process", "add", 0, os.getpid(), "--memory", "30Gi")
    assert chosen(desk.json("run", "-m", "2Gi", "true")) == [1]


def test_no_room_says_who_has_what(desk):
    with desk.holder("-m", "100Gi", "--gpu", "0", "--name", "train") as holder:
        said = desk("run", "-m", "60Gi", "--gpu", "0", "true", code=2)
        assert "no room for 60.0 GiB on GPU 0: 39." in said and "--wait waits for it" in said
        assert f"GPU 0: 'train' of root has 100.0 GiB, uses 0, pid {holder.pid_inside} (slice-hold)" in said
        told = desk.json("run", "-m", "60Gi", "--gpu", "0", "true", code=1)
        assert not told["would_start"] and "there is no room now" in told["trouble"]
        assert told["gpus"][0]["holders"] == [{"name": "train", "owner": "root", "limit_bytes": 100 * GIB}]
    assert desk("run", "-m", "60Gi", "--gpu", "0", "true") == ""


def test_no_room_on_one_of_two(desk):
    with desk.holder("-m", "100Gi", "--gpu", "1"):
        assert "on GPU 1" in desk("run", "-m", "60Gi", "--gpu", "0,1", "true", code=2)
        assert desk("run", "-m", "60Gi", "--gpu", "0", "true") == ""


def test_the_whole_gpu_is_given_to_the_byte(desk):
    total = desk.json("run", "-m", "2Gi", "true")["gpus"][0]["total_bytes"]
    with desk.holder("-m", 60 * GIB, "--gpu", "0"):
        assert "no room" in desk("run", "-m", total - 60 * GIB + 1, "--gpu", "0", "true", code=2)
        with desk.holder("-m", total - 60 * GIB, "--gpu", "0"):
            assert desk.json("run", "-m", "2Gi", "true", code=0)["gpus"][0]["room_bytes"] == 0


def test_waiting_until_a_slice_ends(desk):
    with desk.holder("-m", "100Gi", "--gpu", "0", "--name", "first") as holder:
        waits = desk.start("run", "-m", "60Gi", "--gpu", "0", "--wait", "--", "echo", "ran")
        assert "waiting for 60.0 GiB on GPU 0, where 39." in waits.stderr.readline()
        assert "'first' of root has 100.0 GiB" in waits.stderr.readline()
        assert waits.poll() is None
        holder.stdin.close()
        holder.wait(60)
    assert waits.communicate(timeout=60) == ("ran\n", "") and waits.returncode == 0


def descriptors(pid):
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    return found


def test_waiting_until_a_killed_holder_is_gone(desk):
    """Its page stays behind: the end of the process alone tells."""
    with desk.holder("-m", "100Gi", "--gpu", "0") as holder:
        waits = desk.start("run", "-m", "60Gi", "--gpu", "0", "--wait=5m", "--", "echo", "ran")
        assert "waiting" in waits.stderr.readline()
        wait_for(lambda: "anon_inode:[pidfd]" in descriptors(waits.pid), "a watch of the holder's processes")
        holder.kill()
        holder.wait(60)
        assert waits.poll() is None
        os.kill(holder.pid_inside, signal.SIGKILL)
        assert waits.communicate(timeout=60)[0] == "ran\n" and waits.returncode == 0
    assert not list(desk.pages.iterdir())


def test_waiting_until_a_page_is_taken_away(desk):
    """Its processes live on: the folder alone tells."""
    with desk.holder("-m", "100Gi", "--gpu", "0"):
        (page,) = desk.pages.iterdir()
        waits = desk.start("run", "-m", "60Gi", "--gpu", "0", "--wait", "--", "echo", "ran")
        assert "waiting" in waits.stderr.readline()
        wait_for(lambda: "anon_inode:[pidfd]" in descriptors(waits.pid), "a watch of the holder's processes")
        page.unlink()
        assert waits.communicate(timeout=60)[0] == "ran\n" and waits.returncode == 0


def test_waiting_in_vain(desk):
    with desk.holder("-m", "100Gi", "--gpu", "0"):
        said = desk("run", "-m", "60Gi", "--gpu", "0", "--wait=50ms", "true", code=2)
        assert "waited in vain for 60.0 GiB" in said and "wait longer" in said


def test_who_waits_sleeps(desk):
    """Other programs' files in the folder, however many, wake nobody for long: CPU time is the witness."""
    with desk.holder("-m", "100Gi", "--gpu", "0"):
        waits = desk.start("run", "-m", "60Gi", "--gpu", "0", "--wait", "true")
        assert "waiting" in waits.stderr.readline()

        def state():
            with open(f"/proc/{waits.pid}/stat", encoding="ascii") as file:
                return file.read().rpartition(")")[2].split()[0]

        def switches():
            with open(f"/proc/{waits.pid}/status", encoding="ascii") as file:
                return [line for line in file if "ctxt" in line]
        wait_for(lambda: state() == "S" and switches() == switches(), "sleep")
        quiet = 0
        before = switches()
        while quiet < 200:
            same = switches() == before
            quiet, before = quiet + same if same else 0, switches()
            os.sched_yield()
        waits.kill()


def test_sixty_four_slices_on_a_gpu(desk):
    with contextlib.ExitStack() as stack:
        holders = [stack.enter_context(desk.holder("-m", "2Gi", "--gpu", "0")) for _ in range(64)]
        told = desk.ps()["slices"]
        assert len(told) == 64 and all(s["alive"] for s in told)
        assert {p["pid"] for s in told for p in s["processes"] if p["kind"] == "process"} == {
            h.pid_inside for h in holders}
        assert "and 48 more" in desk("run", "-m", "60Gi", "--gpu", "0", "true", code=2)
    assert not list(desk.pages.iterdir())


def test_many_at_once_never_get_more_than_there_is(desk):
    """Sixteen ask for a tenth each, at once."""
    started = [desk.start("run", "-m", "13Gi", "--gpu", "0", "--wait", "--", desk.hold, "pid", "hold",
                          stdin=subprocess.PIPE) for _ in range(16)]

    def granted():
        return [s for s in desk.ps()["slices"] if "asks" not in s["flags"]]
    wait_for(lambda: len(granted()) == 10, "ten of them")
    assert len(granted()) == 10
    for process in started: # all, since those without room wait for those that have it
        process.stdin.close()
    for process in started:
        assert process.wait(60) == 0
    assert not list(desk.pages.iterdir())


# ---- names

def test_a_program_joins_a_slice_by_name(desk):
    with desk.holder("-m", "3Gi", "--gpu", "1", "--name", "nb") as first:
        with desk.holder("--name", "nb") as second, desk.holder("--name", "nb", "-m", "3Gi", "--gpu", "1"):
            slice_ = desk.slice("nb")
            assert len(slice_["processes"]) == 6
            assert {first.pid_inside, second.pid_inside} < {p["pid"] for p in slice_["processes"]}
            told = desk.json("run", "--name", "nb", "true")
            assert told["joins"] and told["memory_bytes"] == 3 * GIB
        assert len(desk.slice("nb")["processes"]) == 2
        first.stdin.close()
    assert not list(desk.pages.iterdir())


def test_the_slice_stays_when_its_maker_leaves_first(desk):
    with desk.holder("-m", "3Gi", "--name", "nb") as first, desk.holder("--name", "nb") as second:
        first.stdin.close()
        first.wait(60)
        assert [p["pid"] for p in desk.slice("nb")["processes"] if p["kind"] == "process"] == [second.pid_inside]
    assert not list(desk.pages.iterdir())


@pytest.mark.parametrize("words, says", [
    (["-m", "4Gi"], "with a limit of 3221225472 bytes (3.0 GiB), not '4Gi'"),
    (["--gpu", "0"], "on other GPUs than --gpu says"),
    (["--gpu", "0,1"], "on other GPUs than --gpu says")])
def test_joining_with_other_limits(desk, words, says):
    with desk.holder("-m", "3Gi", "--gpu", "1", "--name", "nb"):
        assert says in desk("run", "--name", "nb", *words, "true", code=2)


def test_one_name_at_once_is_one_slice(desk):
    """All look before any of them has made it: the driver takes its time meanwhile."""
    desk.node.emulator("delay", "nvmlDeviceGetComputeRunningProcesses_v3", 300)
    started = [desk.start("run", "-m", "3Gi", "--name", "nb", "--", desk.hold, "pid", "hold",
                          stdin=subprocess.PIPE) for _ in range(6)]
    wait_for(lambda: sum(len(s["processes"]) for s in desk.ps()["slices"] if s["alive"]) == 12, "all six")
    assert len([s for s in desk.ps()["slices"] if s["alive"]]) == 1
    for process in started:
        process.stdin.close()
        assert process.wait(60) == 0
    assert not list(desk.pages.iterdir())


def test_two_users_with_the_same_name(desk):
    with desk.holder("-m", "3Gi", "--name", "nb", preexec_fn=as_user(4711)):
        with desk.holder("-m", "4Gi", "--name", "nb", preexec_fn=as_user(4712)):
            told = sorted((s["uid"], s["devices"][0]["limit_bytes"]) for s in desk.ps()["slices"])
            assert told == [(4711, 3 * GIB), (4712, 4 * GIB)]
            assert "you have no slice 'nb'" in desk("run", "--name", "nb", "true", code=2,
                                                    preexec_fn=as_user(4713))


def test_users_share_one_ledger(desk):
    with desk.holder("-m", "100Gi", "--gpu", "0", preexec_fn=as_user(4711)):
        said = desk("run", "-m", "60Gi", "--gpu", "0", "true", code=2, preexec_fn=as_user(4712))
        assert "a slice of 4711 has 100.0 GiB" in said


# ---- pages that are not what they should be

def write(path, data, uid=0, mode=0o644):
    path.write_bytes(data)
    os.chown(path, uid, uid)
    path.chmod(mode)


def test_pages_that_nobody_can_trust(desk):
    with desk.holder("-m", "2Gi", "--name", "good"):
        (good,) = desk.pages.iterdir()
        sound = good.read_bytes()
    write(desk.pages / "carve-4711-0000000000000001", b"", 4711)
    write(desk.pages / "carve-4711-0000000000000002", os.urandom(len(sound)), 4711)
    write(desk.pages / "carve-4711-0000000000000003", sound[:1000] + os.urandom(len(sound) - 1000), 4711)
    huge = bytearray(sound)
    struct.pack_into("<Q", huge, 64 + 64 + 16, 1 << 60) # limit_bytes, with the seal broken
    write(desk.pages / "carve-4711-0000000000000004", bytes(huge), 4711)
    os.mkfifo(desk.pages / "carve-4711-0000000000000005")
    (desk.pages / "carve-4711-0000000000000006").symlink_to("/etc/passwd")
    (desk.pages / "carve-4711-0000000000000007").mkdir()
    told = desk.ps()["slices"]
    assert len(told) == 7 and all(s["flags"] and "broken" in s["flags"] for s in told), told
    assert "page not sound" in desk("ps")
    # They hold nothing, and stand in nobody's way.
    assert desk.json("run", "-m", "100Gi", "--gpu", "0", "true")["would_start"]
    assert desk("run", "-m", "100Gi", "--gpu", "0", "true") == ""


@pytest.mark.parametrize("claim", [3, 77])
def test_a_living_page_claims_whatever_it_says(desk, claim):
    """One that says it has ended, or nonsense, is counted and named by all alike."""
    with desk.holder("-m", "100Gi", "--gpu", "0", "--name", "odd") as holder:
        (page,) = desk.pages.iterdir()
        with open(page, "r+b") as file:
            file.seek(832)
            file.write(struct.pack("<I", claim))
        said = desk("run", "-m", "60Gi", "--gpu", "0", "true", code=2)
        assert "no room for 60.0 GiB on GPU 0: 39." in said and f"pid {holder.pid_inside} " in said


def test_a_page_of_another_version(desk):
    with desk.holder("-m", "2Gi"):
        (page,) = desk.pages.iterdir()
        text = bytearray(page.read_bytes())
    struct.pack_into("<H", text, 8, 9)
    name = page.name.replace("carve-0-", "carve-4711-")
    write(desk.pages / name, bytes(text), 4711)
    (told,) = desk.ps()["slices"]
    assert told["flags"] == ["other_version"] and told["fault"] == "is of another version of carve"


def test_a_page_that_is_gone_for_good_is_taken_away(desk):
    with desk.holder("-m", "2Gi") as holder:
        holder.kill()
        holder.wait(60)
        os.kill(holder.pid_inside, signal.SIGKILL)
        wait_for(lambda: not desk.ps()["slices"][0]["alive"], "its end")
        assert desk.ps()["slices"][0]["flags"] == ["ended"]
    desk("run", "-m", "2Gi", "true")
    assert not list(desk.pages.iterdir())


# ---- the folder

def test_no_folder(desk):
    said = desk("run", "-m", "2Gi", "true", code=2, environment={"CARVE_PAGES": "/nowhere"})
    assert "there is no folder '/nowhere'" in said and "CARVE_PAGES" in said
    assert desk.json("ps", environment={"CARVE_PAGES": "/nowhere"})["slices"] == []


def test_a_folder_without_the_right_to_write(desk):
    desk.pages.chmod(0o755)
    said = desk("run", "-m", "2Gi", "true", code=2, preexec_fn=as_user(4711))
    assert "no right to write there" in said and "CARVE_PAGES" in said


def test_a_folder_with_too_many_files(desk):
    for i in range(4097):
        (desk.pages / f"carve-4711-{i:016x}").touch()
    said = desk("run", "-m", "2Gi", "true", code=2)
    assert "holds more files than a ledger can (4096 slices, 1024 of yours," in said and "CARVE_PAGES" in said


def test_a_full_folder(desk):
    """A tmpfs of 64 KiB in a mount namespace of our own."""
    small = desk.folder / "small"
    small.mkdir()
    script = f"mount -t tmpfs -o size=64k none {small} && exec \"$@\""
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", desk.program, "run", *desk.driver, "-m", "2Gi", "true"],
        env=dict(desk.environment, CARVE_PAGES=str(small)), capture_output=True, text=True)
    assert done.returncode == 2 and "is full; make room there" in done.stderr, done.stderr
