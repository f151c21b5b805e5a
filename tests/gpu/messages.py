# SPDX-License-Identifier: Apache-2.0
"""The kubelet's device plugin messages (v1beta1) as dictionaries. Written against the protobuf wire
format alone, so that it runs wherever grpcio does, and shares no code with carve."""

STRING, INTEGER = "string", "integer"

# Message: field number -> (name, kind, repeated). A kind that is a dictionary is a message.
NUMA_NODE = {1: ("ID", INTEGER, False)}
TOPOLOGY = {1: ("nodes", NUMA_NODE, True)}
DEVICE = {1: ("ID", STRING, False), 2: ("health", STRING, False), 3: ("topology", TOPOLOGY, False)}
PAIR = {1: ("key", STRING, False), 2: ("value", STRING, False)}
MOUNT = {1: ("container_path", STRING, False), 2: ("host_path", STRING, False),
         3: ("read_only", INTEGER, False)}
DEVICE_SPEC = {1: ("container_path", STRING, False), 2: ("host_path", STRING, False),
               3: ("permissions", STRING, False)}
CDI_DEVICE = {1: ("name", STRING, False)}
ANSWER = {1: ("envs", PAIR, True), 2: ("mounts", MOUNT, True), 3: ("devices", DEVICE_SPEC, True),
          4: ("annotations", PAIR, True), 5: ("cdi_devices", CDI_DEVICE, True)}
WISH = {1: ("devices_ids", STRING, True)}
PREFERENCE = {1: ("available_deviceIDs", STRING, True), 2: ("must_include_deviceIDs", STRING, True),
              3: ("allocation_size", INTEGER, False)}
CHOICE = {1: ("deviceIDs", STRING, True)}

EMPTY = {}
OPTIONS = {1: ("pre_start_required", INTEGER, False),
           2: ("get_preferred_allocation_available", INTEGER, False)}
REGISTER = {1: ("version", STRING, False), 2: ("endpoint", STRING, False),
            3: ("resource_name", STRING, False), 4: ("options", OPTIONS, False)}
DEVICES = {1: ("devices", DEVICE, True)}
ALLOCATE = {1: ("container_requests", WISH, True)}
ALLOCATED = {1: ("container_responses", ANSWER, True)}
PREFER = {1: ("container_requests", PREFERENCE, True)}
PREFERRED = {1: ("container_responses", CHOICE, True)}


def _put_number(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _take_number(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number too long")


def encode(kind, message):
    out = bytearray()
    for number, (name, field, repeated) in kind.items():
        values = message.get(name, []) if repeated else [message[name]] if name in message else []
        for value in values:
            if field == INTEGER:
                out += _put_number(number << 3) + _put_number(value)
                continue
            body = value.encode() if field == STRING else encode(field, value)
            out += _put_number(number << 3 | 2) + _put_number(len(body)) + body
    return bytes(out)


def decode(kind, data):
    """Lists are there even when empty; what else was not sent is not."""
    message = {name: [] for name, _, repeated in kind.values() if repeated}
    at = 0
    while at < len(data):
        tag, at = _take_number(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _take_number(data, at)
        elif wire == 2:
            size, at = _take_number(data, at)
            if size > len(data) - at:
                raise ValueError("a message that is cut")
            value = data[at:at + size]
            at += size
        else:
            raise ValueError(f"wire type {wire}, which no field here has")
        if number not in kind:
            raise ValueError(f"field {number}, which the protocol does not have")
        name, field, repeated = kind[number]
        if (wire == 0) != (field == INTEGER):
            raise ValueError(f"field {name} has the wrong wire type")
        if field == STRING:
            value = value.decode()
        elif field != INTEGER:
            value = decode(field, value)
        if repeated:
            message[name].append(value)
        else:
            message[name] = value
    return message


def pairs(entries):
    return {entry.get("key", ""): entry.get("value", "") for entry in entries}
