# SPDX-License-Identifier: Apache-2.0
"""The verbs of the stand-in API server (apiserver.py) on its objects: get, list, watch, create, patch, delete, evict."""
import copy
import json
import re
import uuid

import apihandler
import apipatch
import apiserver
from apirefusal import Refusal

LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
KEY = re.compile(r"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
PATH = re.compile(r"(?P<prefix>/api/v1|/apis/[^/]+/[^/]+)(/namespaces/(?P<space>[^/]+)(?=/[^/]+))?/(?P<plural>[^/]+)"
                  r"(/(?P<name>[^/]+)(/(?P<sub>[^/]+))?)?$")
VERBS = {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete", "PUT": "update"}
DETAILS_MAX_BYTES = 256 << 10


class Verbs:
    """One request."""

    def __init__(self, handler, request, once):
        self.handler, self.request, self.once, self.api = handler, request, once, handler.api
        found = PATH.match(request.path)
        self.resource = next((r for r in apiserver.RESOURCES if found and r.prefix == found["prefix"]
                              and r.plural == found["plural"] and r.plural not in self.api.absent), None)
        if found and found["prefix"] == "/api/v1" and found["plural"] == "namespaces" and found["sub"] in (
                r.plural for r in apiserver.RESOURCES):
            self.resource = None
        if not self.resource:
            served = any(found and r.prefix == found["prefix"] for r in apiserver.RESOURCES if r.plural not in self.api.absent)
            raise Refusal(404, "the server could not find the requested resource") if served else not_served()
        self.space, self.name, self.sub = found["space"] or "", found["name"], found["sub"]
        namespaced = self.resource.namespaced
        if (self.space and not namespaced) or (namespaced and not self.space and self.name):
            raise not_served()
        if self.sub and not (self.sub == "status" and self.resource.status) and not (
                self.sub == "eviction" and self.resource.kind == "Pod"):
            raise not_served()

    @property
    def key(self):
        return self.space, self.name

    def run(self):
        verb = VERBS[self.request.method]
        if verb == "get" and not self.name:
            verb = "watch" if self.request.watch else "list"
        self.authorize(verb)
        with self.api.lock:
            answer = getattr(self, verb, self.no_verb)()
        return answer() if callable(answer) else self.handler.send(*answer)

    def no_verb(self):
        raise Refusal(405, "the server does not allow this method on the requested resource")

    def label(self):
        group = self.resource.group
        return f"{self.resource.plural}.{group}" if group else self.resource.plural

    def authorize(self, verb):
        with self.api.lock:
            bad = self.api.is_forbidden(verb, self.resource.plural, self.sub, self.name)
        if not bad:
            return
        what = self.resource.plural + (f"/{self.sub}" if self.sub else "")
        where = f'in the namespace "{self.space}"' if self.space else "at the cluster scope"
        subject = f'{self.label()} "{self.name}"' if self.name else self.label()
        raise Refusal(403, f'{subject} is forbidden: User "{self.api.user}" cannot {verb} resource "{what}" in API '
                           f'group "{self.resource.group}" {where}', kind=self.resource.plural)

    # Reading.
    def found(self):
        obj = self.api.objects[self.resource.plural].get(self.key)
        if obj is None:
            raise Refusal(404, f'{self.label()} "{self.name}" not found', name=self.name, kind=self.resource.plural)
        return obj

    def get(self):
        return 200, self.found()

    def selection(self):
        """A test of objects, out of the selectors."""
        tests = [lambda o: not self.space or o["metadata"].get("namespace", "") == self.space]
        for term in filter(None, self.request.query.get("fieldSelector", "").split(",")):
            parts = re.match(r"([^=!]+)(==|!=|=)(.*)$", term)
            if not parts:
                raise Refusal(400, f"invalid field selector: {term}")
            path, operator, value = parts.groups()
            allowed = ("metadata.name", "metadata.namespace") if self.resource.namespaced else ("metadata.name",)
            if path not in allowed + self.resource.selectors:
                raise Refusal(400, f'Unable to find "{self.resource.api_version}, Resource={self.resource.plural}" that '
                                   f'match label selector "", field selector "{term}": field label not supported: {path}')
            tests.append(lambda o, p=path, n=operator == "!=", v=value: (field(o, p) == v) != n)
        return lambda o, more=label_tests(self.request.query.get("labelSelector", "")): (
            all(test(o) for test in tests) and all(test(o["metadata"].get("labels") or {}) for test in more))

    def list(self):
        query, token = self.request.query, self.request.query.get("continue")
        matches = self.selection()
        if token:
            if "{" not in apiserver.decoded(token):
                raise Refusal(400, "invalid continue token: continue key is not valid")
            if token not in self.api.snapshots:
                raise Refusal(410, "The provided continue parameter is too old to display a consistent list result. You can "
                                   "start a new list without the continue parameter, or use the continue token in this "
                                   "response to retrieve the remainder of the results.")
            items, version = self.api.snapshots[token]
        else:
            items, version = [o for _, o in sorted(self.api.objects[self.resource.plural].items())], self.api.last_version
            if int(query.get("resourceVersion") or 0) > version:
                raise Refusal(504, "Too large resource version", retry_after=1)
            items = [o for o in items if matches(o)]
        limit = min(int(query.get("limit") or 0) or 10**9, self.api.page_max)
        if query.get("resourceVersion") == "0":
            limit = 10**9
        meta = {"resourceVersion": str(version)}
        if len(items) > limit:
            meta["continue"] = self.api.snapshot(items[limit:], version)
            if not query.get("fieldSelector") and not query.get("labelSelector"):
                meta["remainingItemCount"] = len(items) - limit
        page = items[:limit]
        if self.resource.typed:
            page = [{k: v for k, v in o.items() if k not in ("kind", "apiVersion")} for o in page]
        body = {"kind": self.resource.kind + "List", "apiVersion": self.resource.api_version, "metadata": meta, "items": page}
        return lambda: self.handler.send(200, body)

    def watch(self):
        query, matches = self.request.query, self.selection()
        start = query.get("resourceVersion", "")
        if not start.isdigit() and start:
            raise Refusal(500, f'resourceVersion: Invalid value: "{start}": strconv.ParseUint: parsing "{start}": '
                               'invalid syntax', reason="")
        timeout_s = float(query.get("timeoutSeconds") or self.api.watch_max_s)

        def events(version):
            if version is None and start in ("", "0"):
                present = [o for _, o in sorted(self.api.objects[self.resource.plural].items()) if matches(o)]
                return [{"type": "ADDED", "object": o} for o in present], self.api.last_version
            version = int(start) if version is None else version
            if version < self.api.oldest_version:
                words = f"too old resource version: {version} ({self.api.oldest_version})"
                return [{"type": "ERROR", "object": Refusal(410, words).body}], None
            found = []
            for change in reversed(self.api.history):
                if change.version <= version:
                    break
                if change.resource is self.resource:
                    found.append(change)
            lines = [line for change in reversed(found) for line in told(change, matches)]
            return lines, max(version, self.api.last_version)

        def bookmark(version):
            return {"type": "BOOKMARK", "object": {
                "kind": self.resource.kind, "apiVersion": self.resource.api_version,
                "metadata": {"resourceVersion": str(version), "creationTimestamp": None}}}

        wanted = query.get("allowWatchBookmarks") in ("1", "true")
        return lambda: self.handler.watch(self.resource, events, bookmark if wanted else None, timeout_s,
                                          self.once)

    # Writing.
    def manager(self, operation="Update"):
        agent = self.request.headers.get("User-Agent", "").split("/")[0]
        return self.request.query.get("fieldManager") or agent, operation, self.sub or ""

    def body(self, kinds):
        body = self.request.body
        if not isinstance(body, kinds):
            raise Refusal(400, "error decoding the request's body")
        return body

    def create(self):
        body = self.body(dict)
        if self.sub == "eviction":
            return self.evict(body)
        if self.name:
            raise Refusal(405, "the server does not allow this method on the requested resource")
        if body.get("kind") != self.resource.kind or body.get("apiVersion") != self.resource.api_version:
            raise Refusal(400, f'the API version in the data ({body.get("apiVersion")}) does not match the expected API '
                               f'version ({self.resource.api_version}), or the kind {body.get("kind")}')
        new = copy.deepcopy(body)
        meta = new.setdefault("metadata", {})
        if self.resource.namespaced:
            if meta.setdefault("namespace", self.space) != self.space:
                raise Refusal(400, "the namespace of the provided object does not match the namespace sent on the request")
            self.check_namespace()
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + uuid.uuid4().hex[:5]
        self.name = meta.get("name")
        for own in ("uid", "creationTimestamp", "resourceVersion", "managedFields", "generation"):
            meta.pop(own, None)
        if self.key in self.api.objects[self.resource.plural]:
            raise Refusal(409, f'{self.label()} "{self.name}" already exists', reason="AlreadyExists")
        if self.resource.status and self.resource.kind != "Node":
            new.pop("status", None)
        self.validate(new)
        apipatch.note_update(self.resource.kind, None, new, self.manager(), self.api.now())
        if self.resource.kind == "Node":  # an admission plug-in of the server's own
            spec = new.setdefault("spec", {})
            spec["taints"] = (spec.get("taints") or []) + [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]
        return 201, self.api.store(self.resource, new)

    def check_namespace(self):
        if ("", self.space) not in self.api.objects["namespaces"]:
            raise Refusal(404, f'namespaces "{self.space}" not found', name=self.space, kind="namespaces")

    def patch(self):
        kind = self.request.headers.get("Content-Type", "").split(";")[0]
        allowed = apihandler.PATCHES if self.resource.typed else apihandler.PATCHES - {"application/strategic-merge-patch+json"}
        if kind not in allowed:
            raise Refusal(415, "the body of the request was in an unknown format - accepted media types include: "
                               + ", ".join(sorted(allowed)))
        try:
            return self.apply() if kind == "application/apply-patch+yaml" else self.edit(kind)
        except apipatch.Invalid as error:
            raise Refusal(error.status, str(error), reason="" if error.status == 500 else None) from None
        except apipatch.Conflict as error:
            raise Refusal(409, str(error)) from None
        except (KeyError, TypeError, AttributeError) as error:
            raise Refusal(400, f"cannot apply the patch: {error!r}") from None

    def edit(self, kind):
        old, body = self.found(), self.body((dict, list))
        if "force" in self.request.query:
            raise Refusal(422, 'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for '
                               'non-apply patch')
        if kind == "application/json-patch+json":
            new = apipatch.json_patch(old, body)
        elif kind == "application/merge-patch+json":
            new = apipatch.merge(old, body)
        else:
            new = apipatch.strategic(self.resource.kind, old, body)
        new = self.settle(old, copy.deepcopy(new))
        # A writer may take an entry out of them; none at all means that it does not know them.
        managers = new["metadata"].get("managedFields") or old["metadata"].get("managedFields", [])
        new["metadata"]["managedFields"] = copy.deepcopy(managers)
        apipatch.note_update(self.resource.kind, old, new, self.manager(), self.api.now())
        return 200, self.keep(old, new)

    def apply(self):
        body, query = self.body(dict), self.request.query
        if not query.get("fieldManager"):
            raise Refusal(422, 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for '
                               'apply patch')
        if not body.get("kind") or not body.get("apiVersion"):
            raise Refusal(400, "invalid object type: /, Kind=")
        meta = body.setdefault("metadata", {})
        if meta.get("managedFields"):
            raise Refusal(400, "metadata.managedFields must be nil")
        old = self.api.objects[self.resource.plural].get(self.key)
        if not meta.get("name") and not old:
            raise Refusal(400, f"the name of the object ({self.name} based on URL) was undeterminable: name must be provided")
        if meta.setdefault("name", self.name) != self.name:
            raise Refusal(400, f"the name of the object ({meta['name']}) does not match the name on the URL ({self.name})")
        if self.resource.namespaced and meta.setdefault("namespace", self.space) != self.space:
            raise Refusal(400, "the namespace of the provided object does not match the namespace sent on the request")
        if not old and (self.sub or meta.get("uid")):
            self.found()
        if not old:
            self.authorize("create")
            self.check_namespace() if self.resource.namespaced else None
        kept = {key: value for key, value in body.items()
                if key in ("apiVersion", "kind", "metadata") or self.is_mine(key)}
        new = apipatch.apply(self.resource.kind, old, kept, self.manager("Apply"), query.get("force") in ("1", "true"),
                             self.api.now())
        if old:
            return 200, self.keep(old, self.settle(old, new))
        self.validate(new)
        return 201, self.api.store(self.resource, new)

    def is_mine(self, key):
        """Whether this resource or subresource writes the top member."""
        if not self.resource.status:
            return True
        return (key == "status") == (self.sub == "status")

    def settle(self, old, new):
        """What a write may not change stays as it was, or is refused."""
        if new["metadata"].get("uid") not in (old["metadata"]["uid"], None):
            raise Refusal(422, f'{self.resource.kind} "{self.name}" is invalid: metadata.uid: Invalid value: '
                               f'"{new["metadata"]["uid"]}": field is immutable')
        if new["metadata"].get("resourceVersion") not in (old["metadata"]["resourceVersion"], None):
            raise Refusal(409, f'Operation cannot be fulfilled on {self.label()} "{self.name}": the object has been '
                               f'modified; please apply your changes to the latest version and try again')
        for key in ("name", "namespace", "creationTimestamp", "uid", "resourceVersion", "generation", "deletionTimestamp"):
            if key in old["metadata"]:
                if key in ("name", "namespace") and new["metadata"].get(key) != old["metadata"][key]:
                    raise Refusal(400, f"the {key} of the object does not match the {key} on the URL")
                new["metadata"][key] = old["metadata"][key]
            else:
                new["metadata"].pop(key, None)
        for key in set(old) | set(new):
            if key in ("apiVersion", "kind") or (key not in ("metadata",) and not self.is_mine(key)):
                new.pop(key, None)
                new |= {key: old[key]} if key in old else {}
        if self.sub == "status" and not self.resource.typed:
            new["metadata"] = old["metadata"]
        self.validate(new)
        return new

    def keep(self, old, new):
        """A write of which only the bookkeeping's time would change changes nothing."""
        def bare(obj):
            meta = {k: v for k, v in obj["metadata"].items() if k != "managedFields"}
            owners = [{k: v for k, v in m.items() if k != "time"} for m in obj["metadata"].get("managedFields", [])]
            return {**obj, "metadata": meta}, sorted(json.dumps(m, sort_keys=True) for m in owners)

        if bare(old) == bare(new):
            return old
        stored = self.api.store(self.resource, new)
        if stored["metadata"].get("deletionTimestamp") and not stored["metadata"].get("finalizers"):
            self.api.drop(self.resource, self.key)
        return stored

    def validate(self, obj):
        meta, kind = obj["metadata"], self.resource.kind
        wrong = []
        if not NAME.match(meta.get("name") or "") or len(meta["name"]) > 253:
            wrong.append(f'metadata.name: Invalid value: "{meta.get("name")}": a lowercase RFC 1123 subdomain must consist of '
                         'lower case alphanumeric characters, \'-\' or \'.\'')
        for key, value in (meta.get("labels") or {}).items():
            if not KEY.match(key) or len(key.rpartition("/")[2]) > 63 or not isinstance(value, str) or len(
                    value) > 63 or not LABEL.match(value):
                wrong.append(f'metadata.labels: Invalid value: "{value if KEY.match(key) else key}": a valid label must be an '
                             'empty string or consist of alphanumeric characters, \'-\', \'_\' or \'.\', at most 63')
        notes = meta.get("annotations") or {}
        if any(not isinstance(v, str) for v in notes.values()):
            raise Refusal(422, "json: cannot unmarshal into Go struct field ObjectMeta.metadata.annotations of type string")
        wrong += [f'metadata.annotations: Invalid value: "{key}"' for key in notes if not KEY.match(key.lower())]
        if sum(len(k) + len(v) for k, v in notes.items()) > DETAILS_MAX_BYTES:
            wrong.append("metadata.annotations: Too long: may not be more than 262144 bytes")
        taints = (obj.get("spec") or {}).get("taints") or [] if kind == "Node" else []
        for taint in taints:
            if not KEY.match(taint.get("key", "")) or taint.get("effect") not in ("NoSchedule", "PreferNoSchedule", "NoExecute"):
                wrong.append(f'metadata.taints: Unsupported value: "{taint.get("effect", "")}"')
        if len({(t.get("key"), t.get("effect")) for t in taints}) < len(taints):
            wrong.append('metadata.taints[1]: Duplicate value: taints must be unique by key and effect pair')
        if kind == "Event":
            wrong += self.wrong_event(obj)
        if wrong:
            raise Refusal(422, f'{kind} "{meta.get("name")}" is invalid: {", ".join(wrong)}')

    def wrong_event(self, obj):
        about, space = obj.get("involvedObject", {}).get("namespace", ""), obj["metadata"].get("namespace")
        if (about or "default") != space:
            return [f'involvedObject.namespace: Invalid value: "{about}": does not match event.namespace']
        if obj.get("eventTime"):
            return [f"{need}: Required value" for need in ("reportingComponent", "reportingInstance", "action", "reason")
                    if not obj.get(need)]
        return []

    def delete(self):
        if not self.name:
            raise Refusal(405, "the server does not allow this method on the requested resource")
        body, old = self.request.body or {}, self.found()
        self.check_conditions(body, old)
        grace = body.get("gracePeriodSeconds", self.request.query.get("gracePeriodSeconds"))
        policy = body.get("propagationPolicy", self.request.query.get("propagationPolicy"))
        finalizer = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}.get(policy)
        gone = self.api.begin_end(self.resource, self.key, None if grace is None else int(grace), finalizer)
        if not gone or self.resource.kind == "Pod":
            return 200, self.api.objects[self.resource.plural].get(self.key, old)
        return 200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                     "details": {"name": self.name, "kind": self.resource.plural, "uid": old["metadata"]["uid"]}}

    def check_conditions(self, options, old):
        for key, value in (options.get("preconditions") or {}).items():
            if old["metadata"].get(key) != value:
                raise Refusal(409, f'Operation cannot be fulfilled on {self.label()} "{self.name}": Precondition failed: '
                                   f'{"UID" if key == "uid" else key} in precondition: {value}, '
                                   f'{"UID" if key == "uid" else key} in object meta: {old["metadata"].get(key)}')

    def evict(self, body):
        if body.get("kind") != "Eviction" or body.get("apiVersion") not in ("policy/v1", "policy/v1beta1"):
            raise Refusal(400, "the body of an eviction is an Eviction of policy/v1")
        if body.get("metadata", {}).get("name", self.name) != self.name:
            raise Refusal(400, "name in URL does not match name in Eviction object")
        old, options = self.found(), body.get("deleteOptions") or {}
        self.check_conditions(options, old)
        left = self.api.budgets.get(self.key, 0)
        if left and old.get("status", {}).get("phase") not in ("Succeeded", "Failed") and (
                "deletionTimestamp" not in old["metadata"]):
            self.api.budgets[self.key] = left - 1 if left > 0 else left
            raise Refusal(429, "Cannot evict pod as it would violate the pod's disruption budget.", causes=[
                {"reason": "DisruptionBudget", "message": "The disruption budget budget needs 1 healthy pods and has 1 "
                                                          "currently"}])
        self.api.begin_end(self.resource, self.key, options.get("gracePeriodSeconds"))
        return 201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def not_served():
    """A path that is not there is answered in plain text."""
    refusal = Refusal(404, "404 page not found")
    refusal.plain = b"404 page not found\n"
    return refusal


def field(obj, path):
    """As a selector sees it: always a text."""
    at = obj
    for part in path.split("."):
        at = at.get(part) if isinstance(at, dict) else None
    return "" if at is None else str(at).lower() if isinstance(at, bool) else str(at)


def label_tests(text):
    tests = []
    for term in filter(None, (part.strip() for part in re.split(r",(?![^(]*\))", text))):
        if among := re.match(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)$", term):
            key, operator, values = among[1], among[2], {v.strip() for v in among[3].split(",")}
            tests.append(lambda l, k=key, o=operator, v=values: (l.get(k) in v) == (o == "in"))
        elif equal := re.match(r"([^=!\s]+)\s*(==|!=|=)\s*(\S*)$", term):
            key, operator, value = equal.groups()
            tests.append(lambda l, k=key, o=operator, v=value: (l.get(k) == v) != (o == "!="))
        elif re.match(r"!?[^=!\s]+$", term):
            tests.append(lambda l, k=term.lstrip("!"), w=not term.startswith("!"): (k in l) == w)
        else:
            raise Refusal(400, f"unable to parse requirement: {term}")
    return tests


def told(change, matches):
    """How a change shows to a watch with a selector: objects come into it and leave it."""
    before = change.old is not None and matches(change.old)
    after = change.type != "DELETED" and matches(change.new)
    if after:
        return [{"type": "MODIFIED" if before else "ADDED", "object": change.new}]
    if not before:
        return []
    last = copy.deepcopy(change.old)
    last["metadata"]["resourceVersion"] = str(change.version)
    return [{"type": "DELETED", "object": last}]
