# SPDX-License-Identifier: Apache-2.0
"""Bad input: each kind costs at most itself, and bounded time and memory."""
import os
import subprocess

import pytest

from conftest import PLAIN, PROGRAM, tainted

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: p{0}
spec:
  containers:
    - name: c
      image: registry.example.com/a:1
      command: [run]
"""
UNKNOWN = "apiVersion: karpenter.sh/v1alpha5\nkind: Provisioner\nmetadata:\n  name: old\n"


def places(found, rule):
    return [(f["file"], f["line"], f["column"]) for f in found if f["rule"] == rule]


def measured(path, *words):
    """(exit status, seconds, MiB at most, stdout) of carve lint on a path."""
    done = subprocess.Popen([PLAIN, "lint", "-o", "json", *words, path], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL)
    out = done.stdout.read()
    _, status, usage = os.wait4(done.pid, 0)
    done.returncode = os.waitstatus_to_exitcode(status)
    return done.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n---\n...\n", "\ufeff", "null\n", "[]\n",
                                  "just words\n"])
@pytest.mark.parametrize("name", ["a.yaml", "a.md", "a.sh", "a.txt"])
def test_nothing_is_in_it(lint, name, text):
    lint.write(name, text)
    assert lint.json(name, code=0) == []


@pytest.mark.parametrize("name,text,place", [
    ("a.yaml", "kind: A\n\tb: 1\n", (2, 1)),
    ("a.yaml", "\ufeffkind: A\r\nb: [\r\n", (3, 1)),
    ("a.yaml", "kind: A\n---\nkind: \"B\n---\nkind: C\n", (4, 1)),
    ("a.yaml", "kind: A\nb: &x [*x]\n", (2, 8)),
    ("a.yaml", "kind: *x\n", (1, 7)),
    ("a.json", '{"apiVersion": "v1",}x', (1, 22)),
    ("a.md", "# T\n\n- ```yaml\n  kind: {\n  ```\n", None),
    ("a.sh", "cat <<'E'\napiVersion: v1\nkind: [\nE\n", None),
])
def test_what_is_no_yaml_is_told_with_its_place(lint, name, text, place):
    lint.write(name, text.encode())
    found = lint.json(name, code=1)
    assert [f["rule"] for f in found] == ["yaml-syntax"]
    assert place is None or (found[0]["line"], found[0]["column"]) == place


def test_an_error_hides_no_other_document(lint):
    lint.write("a.yaml", "a: [\n---\n" + UNKNOWN + "---\nb: }\n")
    found = lint.json("a.yaml", code=1)
    assert len(places(found, "yaml-syntax")) == 2
    assert {f["line"] for f in found if f["rule"] == "kind-removed"} <= {3, 4}
    assert len(found) > 2


def test_keys_given_twice(lint):
    lint.write("a.yaml", POD.format(1) + "  nodeName: a\n  nodeName: b\n")
    assert places(lint.json("a.yaml", code=1), "yaml-duplicate-key") == [("a.yaml", 11, 3)]


def test_crlf_and_byte_order_mark_change_nothing(lint):
    text = tainted().replace("nvidia.com/gpu: 8", "cpu: 8")
    lint.write("lf.yaml", text)
    lint.write("crlf.yaml", b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    want, got = lint.json("lf.yaml"), lint.json("crlf.yaml")
    assert want and [(f["rule"], f["line"], f["column"]) for f in got] == \
        [(f["rule"], f["line"], f["column"]) for f in want]


def test_anchors_are_followed(lint):
    lint.write("a.yaml", "x-taint: &t {key: a, effect: NoSchedule}\n---\nkind: A\nl: &l {a: b}\nm: *l\n"
                         "n: {<<: *l, c: d}\n")
    assert lint.json("a.yaml", code=0) == []


def test_bombs_are_refused_quickly(lint):
    lines = ["apiVersion: v1", "kind: A", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    path = lint.write("bomb.yaml", "\n".join(lines) + "\n---\n" + UNKNOWN)
    code, seconds, mib, out = measured(path)
    assert code == 1 and b"file-too-large" in out and b"old" in out
    assert seconds < 5 and mib < 256


def test_templates_are_checked_as_far_as_they_can_be(lint):
    lint.write("t.yaml", "{{- if .Values.gpu }}\n" + tainted().replace("inference", "{{ .Values.name }}")
               .replace("[g6]", "{{ toJson .Values.families }}") + "{{- end }}\n---\n{{ broken\nkind: [\n")
    found = lint.json("t.yaml", code=0)
    assert {f["severity"] for f in found} == {"info"}
    assert places(found, "template-not-checked") == [("t.yaml", 1, 3), ("t.yaml", 29, 5)]
    lint.write("prose.md", "Use {{ .Values.x }} and {% raw %}.\n")
    assert lint.json("prose.md", code=0) == []


def test_kinds_that_nobody_knows_and_lists(lint):
    lint.write("a.yaml", "apiVersion: example.com/v1\nkind: Whatever\nspec: {any: thing}\n---\n- 1\n- {a: b}\n")
    assert lint.json("a.yaml", code=0) == []
    lint.write("list.yaml", "apiVersion: v1\nkind: List\nitems:\n" + "".join(
        "- " + UNKNOWN.replace("\n", "\n  ").rstrip() + "\n" for _ in range(2)))
    assert {f["line"] for f in lint.json("list.yaml", code=1) if f["rule"] == "kind-removed"} <= {4, 5, 8, 9}
    assert len(lint.json("list.yaml")) >= 2


def test_binary_files(lint):
    lint.write("folder/logo.txt", b"\x89PNG\0\0\xff\xfe" * 100)
    lint.write("folder/a.bin", b"kind: A\n\tx")
    assert lint.json("folder", code=0) == []
    assert places(lint.json("folder/logo.txt", code=1), "file-unreadable") == [("folder/logo.txt", 0, 0)] or \
        "file-unreadable" in lint.rules("folder/logo.txt")
    lint.write("wide.yaml", "kind: A\n".encode("utf-16"))
    assert lint.rules("wide.yaml", code=1) == {"file-unreadable"}


@pytest.mark.parametrize("text", ["```yaml\nkind: A\n", "~~~~\n```\n", "```sh\ncat <<E\nkind: A\n", "`" * 5000,
                                  "```sh\necho 'a\n```\n", "> ```\n>>> ```yaml\n", "```sh\n$(((\n${{{\n```\n"])
def test_what_has_no_end(lint, text):
    lint.write("a.md", text)
    assert lint.json("a.md", code=0) == []


def test_folders_with_loops_are_walked_once(lint):
    lint.write("top/one/a.yaml", UNKNOWN)
    lint.write("top/.git/b.yaml", UNKNOWN)
    lint.write("top/notes.rst", UNKNOWN)
    os.symlink("..", lint.folder / "top/one/up")
    os.symlink("self", lint.folder / "top/self")
    os.symlink("one/a.yaml", lint.folder / "top/again.yaml")
    os.symlink("nowhere", lint.folder / "top/gone.yaml")
    os.mkfifo(lint.folder / "top/pipe.yaml")
    found = lint.json("top", "top/one", "top/one/a.yaml", code=1)
    assert len({f["file"] for f in found}) == 1
    assert found == lint.json("top", code=1)
    assert lint.json("top", "--exclude", "*.yaml", code=0) == []
    assert lint.json("top", "--exclude", "one", "--exclude", "again*", code=0) == []


def test_a_path_that_is_not_there(lint):
    lint("nowhere.yaml", code=2)
    assert "nowhere.yaml" in lint.stderr


def test_files_that_cannot_be_read(lint):
    """As somebody whom the file's mode keeps out: root becomes nobody for that."""
    assert lint.rules("/proc/self/mem", code=1) == {"file-unreadable"}
    lint.write("f/a.yaml", UNKNOWN).chmod(0)
    lint.write("f/b.yaml", UNKNOWN)
    become = []
    if os.getuid() == 0:
        become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        for folder in [lint.folder, *lint.folder.parents][:4]:
            if folder.stat().st_uid == 0 and len(folder.parts) > 2:
                folder.chmod(0o755)
    done = subprocess.run([*become, PROGRAM, "lint", "-o", "json", "f"], cwd=lint.folder,
                          capture_output=True, encoding="utf-8", check=False)
    assert done.returncode in (0, 1), done.stderr
    assert '"file-unreadable"' in done.stdout and "b.yaml" in done.stdout


def test_standard_input(lint):
    assert lint.json("-", stdin=UNKNOWN, code=1)[0]["file"] == "-"


def test_ten_thousand_files(lint):
    for n in range(10000):
        (lint.folder / f"f{n}.yaml").write_text(POD.format(n), encoding="utf-8")
    code, seconds, mib, out = measured(lint.folder)
    assert code == 0 and b"yaml-syntax" not in out
    assert mib < 256


@pytest.mark.parametrize("name,part,end", [
    ("many.yaml", POD.format("x") + "---\n", ""),
    ("one.yaml", "- {apiVersion: v1, kind: Pod, metadata: {name: x}}\n", ""),
    ("text.md", "words `kubectl get pods` and words\n", ""),
    ("script.sh", "kubectl get pods -n gpu --watch # words\n", ""),
    ("quotes.sh", "echo $( ${ ` \" '\n", ""),
    ("heads.sh", "cat <<EOF\n", ""),
    ("markers.yaml", "---\n", ""),
    ("actions.yaml", "{{ \"a` /* \n", ""),
    ("line.md", "`a", "\n"),
])
def test_a_hundred_megabytes(lint, name, part, end):
    path = lint.folder / name
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(100):
            file.write(part * ((1 << 20) // len(part)))
        file.write(end)
    code, seconds, mib, _ = measured(path)
    path.unlink()
    assert code in (0, 1)
    assert mib < 256 and seconds < 60


def test_a_file_beyond_the_bound_is_not_read(lint):
    path = lint.folder / "sparse.yaml"
    with open(path, "wb") as file:
        file.truncate(300 << 20)
    code, _, mib, out = measured(path)
    assert b"file-too-large" in out and mib < 64
