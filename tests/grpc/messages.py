# SPDX-License-Identifier: Apache-2.0
"""Google's protobuf for the few messages that the tests look into, described here by hand."""
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

F = descriptor_pb2.FieldDescriptorProto


def _file():
    f = descriptor_pb2.FileDescriptorProto(name="t.proto", package="t", syntax="proto3")

    def message(name, *fields):
        m = f.message_type.add(name=name)
        for number, (field, kind, repeated) in enumerate(fields, 1):
            d = m.field.add(name=field, number=number,
                            label=F.LABEL_REPEATED if repeated else F.LABEL_OPTIONAL)
            if isinstance(kind, str):
                d.type, d.type_name = F.TYPE_MESSAGE, kind
            else:
                d.type = kind
        return m

    def add_map(m, entry):
        e = m.nested_type.add(name=entry)
        e.options.map_entry = True
        for number, name in ((1, "key"), (2, "value")):
            e.field.add(name=name, number=number, type=F.TYPE_STRING, label=F.LABEL_OPTIONAL)

    message("NUMANode", ("ID", F.TYPE_INT64, False))
    message("TopologyInfo", ("nodes", ".t.NUMANode", True))
    message("Device", ("ID", F.TYPE_STRING, False), ("health", F.TYPE_STRING, False),
            ("topology", ".t.TopologyInfo", False))
    message("ListAndWatchResponse", ("devices", ".t.Device", True))
    message("ContainerAllocateRequest", ("devices_ids", F.TYPE_STRING, True))
    message("AllocateRequest", ("container_requests", ".t.ContainerAllocateRequest", True))
    message("Mount", ("container_path", F.TYPE_STRING, False), ("host_path", F.TYPE_STRING, False),
            ("read_only", F.TYPE_BOOL, False))
    message("DeviceSpec", ("container_path", F.TYPE_STRING, False),
            ("host_path", F.TYPE_STRING, False), ("permissions", F.TYPE_STRING, False))
    message("CDIDevice", ("name", F.TYPE_STRING, False))
    m = message("ContainerAllocateResponse",
                ("envs", ".t.ContainerAllocateResponse.EnvsEntry", True),
                ("mounts", ".t.Mount", True), ("devices", ".t.DeviceSpec", True),
                ("annotations", ".t.ContainerAllocateResponse.AnnotationsEntry", True),
                ("cdi_devices", ".t.CDIDevice", True))
    add_map(m, "EnvsEntry")
    add_map(m, "AnnotationsEntry")
    message("AllocateResponse", ("container_responses", ".t.ContainerAllocateResponse", True))
    return f


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_file())
_factory = message_factory.MessageFactory(_pool)


def message(name):
    return _factory.GetPrototype(_pool.FindMessageTypeByName("t." + name))
