# SPDX-License-Identifier: Apache-2.0
"""Patches of Kubernetes objects as its API server applies them: merge, JSON, strategic merge, server-side apply with
its bookkeeping of who owns which field. Pure functions over dicts; Invalid and Conflict carry the server's words."""
import copy
import json


# Lists that merge by a key. Everything else is replaced as a whole, a node's taints among it.
STRATEGIC_KEYS = {
    "Node": {"status.conditions": "type", "status.addresses": "type"},
    "Pod": {"status.conditions": "type", "spec.containers": "name", "spec.volumes": "name",
            "spec.containers.env": "name", "status.containerStatuses": "name"},
    "DaemonSet": {"status.conditions": "type", "spec.template.spec.containers": "name",
                  "spec.template.spec.volumes": "name", "spec.template.spec.containers.env": "name"},
}
OWNERS = {"metadata.ownerReferences": "uid"}
SETS = {"metadata.finalizers"}
ATOMIC = {"involvedObject", "related", "spec.selector"}  # maps that are one field


class Invalid(Exception):
    """422 or 400, with `status` and the words."""

    def __init__(self, words, status=422):
        super().__init__(words)
        self.status = status


class Conflict(Exception):
    """409 of an apply: other managers own fields."""


def merge(old, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    new = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        else:
            new[key] = merge(new.get(key), value)
    return new


def pointer(text):
    if text and not text.startswith("/"):
        raise Invalid(f"invalid JSON pointer '{text}'")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def step(value, part, last=False):
    """The list index or map key that a pointer's part means."""
    if isinstance(value, list):
        if part == "-" and last:
            return len(value)
        if not part.isdigit() or int(part) > len(value) - (0 if last else 1):
            raise Invalid(f"the server rejected our request due to an error in our request: index '{part}'")
        return int(part)
    if not isinstance(value, dict) or (not last and part not in value):
        raise Invalid("the server rejected our request due to an error in our request")
    return part


def json_patch(old, operations):
    """RFC 6902; a test that fails is 422, as Kubernetes has it."""
    if not isinstance(operations, list):
        raise Invalid("json: cannot unmarshal object into Go value of type jsonpatch.Patch", 400)
    new = copy.deepcopy(old)

    def find(text):
        parts, at = pointer(text), new
        for part in parts[:-1]:
            at = at[step(at, part)]
        return at, step(at, parts[-1], last=True)

    def there(at, key):
        return key < len(at) if isinstance(at, list) else key in at

    for operation in operations:
        at, key = find(operation["path"])
        kind = operation["op"]
        if kind in ("copy", "move"):
            source, name = find(operation["from"])
            if not there(source, name):
                raise Invalid("the server rejected our request due to an error in our request")
            value = copy.deepcopy(source[name])
            if kind == "move":
                del source[name]
        else:
            value = copy.deepcopy(operation.get("value"))
        if kind in ("remove", "replace", "test") and not there(at, key):
            raise Invalid("the server rejected our request due to an error in our request")
        if kind == "test" and at[key] != value:
            raise Invalid("the server rejected our request due to an error in our request")
        if kind == "remove":
            del at[key]
        elif kind == "replace":
            at[key] = value
        elif kind != "test" and isinstance(at, list):
            at.insert(key, value)
        elif kind != "test":
            at[key] = value
    return new


def strategic(kind, old, patch, path="", front=True):
    """Kubernetes' own: maps merge, lists with a key merge by it, with $patch and $deleteFromPrimitiveList.
    New items of such lists go to the front, or (an apply's) to the end."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    if patch.get("$patch") == "replace":
        return {key: copy.deepcopy(value) for key, value in patch.items() if key != "$patch"}
    if patch.get("$patch") == "delete":
        return {}
    new = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        inner = f"{path}.{key}".lstrip(".")
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.split("/", 1)[1]
            new[name] = [item for item in new.get(name) or [] if item not in value]
        elif key.startswith("$setElementOrder/") or key == "$retainKeys":
            continue
        elif value is None:
            new.pop(key, None)
        elif isinstance(value, list):
            new[key] = strategic_list(kind, new.get(key) or [], value, inner, front)
        else:
            new[key] = strategic(kind, new.get(key), value, inner, front)
    return new


def strategic_list(kind, old, patch, path, front):
    key = (STRATEGIC_KEYS.get(kind, {}) | OWNERS).get(path)
    if path in SETS:
        return old + [item for item in patch if item not in old]
    if not key:
        return [{k: v for k, v in item.items() if k != "$patch"} if isinstance(item, dict) else item for item in patch]
    if any(item.get("$patch") == "replace" for item in patch):
        return [copy.deepcopy(item) for item in patch if "$patch" not in item]
    new, added = list(old), []
    for item in patch:
        if key not in item:
            raise Invalid(f"map: {json.dumps(item)} does not contain declared merge key: {key}", 500)
        index = next((i for i, has in enumerate(new) if has.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            new = [has for has in new if has.get(key) != item[key]]
        elif index is None:
            added.append(strategic(kind, {}, item, path, front))
        else:
            new[index] = strategic(kind, new[index], item, path, front)
    return added + new if front else new + added


# Fields: a path is a tuple of parts, "f:name" for a member, 'k:{"type":"Ready"}' for an item of a list with a key,
# "v:text" for an item of a set, as managedFields writes them.
UNOWNED = {("f:apiVersion",), ("f:kind",), ("f:metadata", "f:name"), ("f:metadata", "f:namespace"),
           ("f:metadata", "f:uid"), ("f:metadata", "f:resourceVersion"), ("f:metadata", "f:generation"),
           ("f:metadata", "f:creationTimestamp"), ("f:metadata", "f:managedFields"),
           ("f:metadata", "f:deletionTimestamp"), ("f:metadata", "f:deletionGracePeriodSeconds")}


def fields(kind, value, path=(), dotted=""):
    """{path: value} of all leaves; an item of a list with a key is a leaf of its own ('.')."""
    if path in UNOWNED:
        return {}
    key = (STRATEGIC_KEYS.get(kind, {}) | OWNERS).get(dotted)
    if isinstance(value, dict) and value and dotted not in ATOMIC:
        found = {}
        for name, inner in value.items():
            found |= fields(kind, inner, (*path, f"f:{name}"), f"{dotted}.{name}".lstrip("."))
        return found
    if isinstance(value, list) and key:
        found = {}
        for item in value:
            part = "k:" + json.dumps({key: item.get(key)}, separators=(",", ":"))
            found[(*path, part)] = {}
            for name, inner in item.items():
                found |= fields(kind, inner, (*path, part, f"f:{name}"), f"{dotted}.{name}")
        return found
    if isinstance(value, list) and dotted in SETS:
        return {(*path, "v:" + json.dumps(item)): item for item in value}
    return {path: value} if path and value != {} else {}


def to_fields_v1(paths):
    tree = {}
    for path in sorted(paths):
        at = tree
        for part in path:
            at = at.setdefault(part, {})
        if path[-1].startswith("k:"):
            at.setdefault(".", {})
    return tree


def from_fields_v1(tree, path=()):
    found = set()
    for part, inner in tree.items():
        if part == ".":
            found.add(path)
        elif inner:
            found |= from_fields_v1(inner, (*path, part))
        else:
            found.add((*path, part))
    return found


def remove(kind, value, path, dotted=""):
    """Takes the field at path out of an object; maps that become empty go too."""
    part, rest = path[0], path[1:]
    if part.startswith("f:"):
        name = part[2:]
        if not isinstance(value, dict) or name not in value:
            return
        if rest:
            remove(kind, value[name], rest, f"{dotted}.{name}".lstrip("."))
        if not rest or value[name] in ({}, []):
            del value[name]
    elif isinstance(value, list):
        wanted = json.loads(part[2:])
        for item in list(value):
            same = item == wanted if part.startswith("v:") else all(item.get(k) == v for k, v in wanted.items())
            if same and rest:
                remove(kind, item, rest, dotted)
            elif same:
                value.remove(item)


class Managers:
    """An object's managedFields, read and written."""

    def __init__(self, obj):
        self.entries = {(entry["manager"], entry["operation"], entry.get("subresource", "")):
                        [from_fields_v1(entry["fieldsV1"]), entry["time"]]
                        for entry in obj["metadata"].get("managedFields", [])}

    def others(self, who):
        return {key: owned for key, (owned, _) in self.entries.items() if key != who}

    def write(self, obj, version):
        obj["metadata"]["managedFields"] = [
            {"manager": manager, "operation": operation, "apiVersion": version, "time": time,
             "fieldsType": "FieldsV1", "fieldsV1": to_fields_v1(owned)} | ({"subresource": sub} if sub else {})
            for (manager, operation, sub), (owned, time) in self.entries.items() if owned]


def note_update(kind, old, new, who, now):
    """Who changed what by a write that was no apply: the writer owns what it changed, nobody what is gone."""
    managers = Managers(new)
    before, after = fields(kind, old or {}), fields(kind, new)
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    gone = set(before) - set(after)
    for key in list(managers.entries):
        managers.entries[key][0] -= gone | (changed if key != who else set())
    if changed:
        owned = managers.entries.get(who, [set(), now])[0]
        managers.entries[who] = [owned | changed, now]
    managers.write(new, new["apiVersion"])


def apply(kind, old, applied, who, force, now):
    """Server-side apply of `applied` on `old` (None: there is none yet); the new object."""
    new = copy.deepcopy(old) if old else {"metadata": {}}
    managers = Managers(new)
    current, wanted = fields(kind, new), fields(kind, applied)
    conflicts = []
    for key, owned in managers.others(who).items():
        clash = {path for path in owned & set(wanted) if current.get(path) != wanted[path]}
        conflicts += [(key[0], path) for path in sorted(clash)]
        if force:
            managers.entries[key][0] -= clash
    if conflicts and not force:
        words = "; ".join(f'conflict with "{manager}" using {applied["apiVersion"]}: '
                          + "".join("." + part[2:] if part.startswith("f:") else f"[{part[2:]}]" for part in path)
                          for manager, path in conflicts)
        raise Conflict(f"Apply failed with {len(conflicts)} conflict{'s' if len(conflicts) > 1 else ''}: {words}")
    mine = managers.entries.get(who, [set(), now])[0]
    elsewhere = set().union(*managers.others(who).values()) if managers.others(who) else set()
    for path in sorted(mine - set(wanted) - elsewhere, key=len):  # items of lists before their members
        remove(kind, new, path)
    stripped = {key: value for key, value in applied.items() if key != "metadata"}
    stripped["metadata"] = {key: value for key, value in applied["metadata"].items() if key != "managedFields"}
    new = strategic(kind, new, stripped, front=False)
    unchanged = mine == set(wanted)
    managers.entries[who] = [set(wanted), managers.entries[who][1] if unchanged and who in managers.entries else now]
    managers.write(new, new["apiVersion"])
    return new
