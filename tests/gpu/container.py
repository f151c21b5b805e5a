# SPDX-License-Identifier: Apache-2.0
"""Runs a program in a container that has what CDI says and no more.

`edits_of` reads a CDI file as a container runtime does. Run as a program, this file makes the
container: new namespaces, an empty root with /proc, /sys and the usual /dev, the edits' device nodes
and mounts, the given files of the host (the program, libc), and an unprivileged user without
capabilities, so that the driver cannot make nodes that were not given. Hooks are not run: the
loader's own folders must do."""
import ctypes
import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import tempfile

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_NAMESPACES = {"mount": 0x00020000, "pid": 0x20000000, "ipc": 0x08000000, "host name": 0x04000000,
                  "network": 0x40000000}
MS = {"ro": 1, "nosuid": 2, "nodev": 4, "noexec": 8}
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG = 38, 1
NOBODY = 65534
PLAIN_NODES = ("null", "zero", "full", "random", "urandom")


def edits_of(cdi_file, names):
    """Device nodes, mounts and environment for CDI devices named as in Allocate's answer."""
    spec = json.loads(pathlib.Path(cdi_file).read_text(encoding="utf-8"))
    devices = {f"{spec['kind']}={device['name']}": device for device in spec["devices"]}
    edits = {"nodes": [], "mounts": [], "env": [], "hooks": 0}
    for part in [devices[name] for name in names] + [spec]:
        more = part.get("containerEdits", {})
        edits["nodes"] += more.get("deviceNodes", [])
        edits["mounts"] += more.get("mounts", [])
        edits["env"] += more.get("env", [])
        edits["hooks"] += len(more.get("hooks", []))
    return edits


def needed_files(program):
    """The program's libraries and loader, where the host has them."""
    text = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    words = [word for line in text.splitlines() for word in line.split() if word.startswith("/")]
    libc = next(word for word in words if os.path.basename(word).startswith("libc.so."))
    beside = [os.path.join(os.path.dirname(libc), name) for name in
              ("libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1")]
    return sorted({*words, *filter(os.path.exists, beside)})


def run(program, arguments, edits, timeout=120, as_root=False):
    """Runs it in a container; what it printed, its standard input being empty."""
    with tempfile.TemporaryDirectory(prefix="carve-root-") as root:
        order = {"root": root, "program": str(program), "arguments": list(arguments),
                 "files": needed_files(program), "edits": edits, "as_root": as_root}
        return subprocess.run([sys.executable, __file__, json.dumps(order)], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                              check=False)


def _call(what, result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source, target, kind, flags, data=None):
    _call(f"mount {target}", LIBC.mount(str(source).encode(), str(target).encode(),
                                        kind and kind.encode(), ctypes.c_ulong(flags),
                                        data and data.encode()))


def _bind(source, target, options):
    """A file or folder of the host, found through links as the kernel finds it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.isdir(source):
        target.mkdir(exist_ok=True)
    elif not target.exists():
        target.touch()
    _mount(source, target, None, MS_BIND | MS_REC)
    flags = sum(MS[option] for option in options if option in MS)
    if flags:
        _mount("none", target, None, MS_REMOUNT | MS_BIND | flags)


def _node(node, root):
    path = root / node["path"].lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    if "major" in node:
        number, mode = os.makedev(node["major"], node["minor"]), node.get("fileMode", 0o666)
    else:
        found = os.stat(node.get("hostPath", node["path"]))
        if not stat.S_ISCHR(found.st_mode):
            raise OSError(f"{node.get('hostPath', node['path'])} is no device node")
        number, mode = found.st_rdev, stat.S_IMODE(found.st_mode)
    os.mknod(path, stat.S_IFCHR | mode, number)
    os.chmod(path, mode)


def _make_root(root, order):
    _mount("none", "/", None, MS_REC | MS_PRIVATE)
    _mount("root", root, "tmpfs", 0, "mode=755")
    for folder in ("usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "proc", "sys", "dev/shm", "tmp"):
        (root / folder).mkdir(parents=True)
    for name in ("lib", "lib64", "bin", "sbin"):  # as this system's images have it
        (root / name).symlink_to(f"usr/{name}") if os.path.islink(f"/{name}") else (
            root / name).mkdir()
    (root / "tmp").chmod(0o1777)
    _mount("proc", root / "proc", "proc", MS["nosuid"] | MS["nodev"] | MS["noexec"])
    _mount("sysfs", root / "sys", "sysfs", MS["ro"] | MS["nosuid"] | MS["nodev"] | MS["noexec"])
    _mount("shm", root / "dev/shm", "tmpfs", MS["nosuid"] | MS["nodev"], "mode=1777")
    for name in PLAIN_NODES:
        _node({"path": f"/dev/{name}"}, root)
    for path in order["files"]:
        _bind(path, root / path.lstrip("/"), ["ro"])
    _bind(order["program"], root / "program", ["ro"])
    for node in order["edits"]["nodes"]:
        _node(node, root)
    for mount in order["edits"]["mounts"]:
        _bind(mount["hostPath"], root / mount["containerPath"].lstrip("/"), mount.get("options", []))


def _become_nobody():
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    _call("no_new_privs", LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def main(order):
    for name, flag in NEW_NAMESPACES.items():
        _call(f"new {name} namespace", LIBC.unshare(flag))
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) & 0xff
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    root = pathlib.Path(order["root"])
    _make_root(root, order)
    os.chroot(root)
    os.chdir("/")
    if not order["as_root"]:
        _become_nobody()
    environment = dict(entry.split("=", 1) for entry in order["edits"]["env"])
    os.execve("/program", ["/program", *order["arguments"]],
              {"PATH": "/usr/bin:/bin", "HOME": "/tmp", **environment})


if __name__ == "__main__":
    try:
        sys.exit(main(json.loads(sys.argv[1])))
    except OSError as error:
        sys.exit(f"container: {error}")
