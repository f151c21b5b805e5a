# SPDX-License-Identifier: Apache-2.0
"""Google's protobuf classes for the project's own .proto files, without a compiler: the files are
simple enough to be read line by line."""
import pathlib
import re

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "proto"
F = descriptor_pb2.FieldDescriptorProto
SCALARS = {"string": F.TYPE_STRING, "bytes": F.TYPE_BYTES, "bool": F.TYPE_BOOL,
           "int32": F.TYPE_INT32, "int64": F.TYPE_INT64, "uint32": F.TYPE_UINT32,
           "uint64": F.TYPE_UINT64, "sint32": F.TYPE_SINT32, "sint64": F.TYPE_SINT64}
FIELD = re.compile(r"(repeated )?(map<string, string>|[\w.]+) (\w+) = (\d+);")


def _add_field(message, match, package, enums):
    repeated, kind, name, number = match.groups()
    field = message.field.add(name=name, number=int(number))
    field.label = F.LABEL_REPEATED if repeated or kind.startswith("map") else F.LABEL_OPTIONAL
    if kind in SCALARS:
        field.type = SCALARS[kind]
    elif kind.startswith("map"):
        entry = message.nested_type.add(name=name.capitalize() + "Entry")
        entry.options.map_entry = True
        for n, key in enumerate(("key", "value"), 1):
            entry.field.add(name=key, number=n, type=F.TYPE_STRING, label=F.LABEL_OPTIONAL)
        field.type = F.TYPE_MESSAGE
        field.type_name = f".{package}.{message.name}.{entry.name}"
    else:
        field.type = F.TYPE_ENUM if kind in enums else F.TYPE_MESSAGE
        field.type_name = f".{package}.{kind}"


def load(name):
    """The messages of proto/<name>.proto, as attributes."""
    text = re.sub(r"//.*", "", (FOLDER / f"{name}.proto").read_text(encoding="utf-8"))
    package = re.search(r"package ([\w.]+);", text).group(1)
    file = descriptor_pb2.FileDescriptorProto(name=name, package=package, syntax="proto3")
    enums = set(re.findall(r"enum (\w+)", text))
    for kind, title, body in re.findall(r"(message|enum) (\w+) \{(.*?)\}", text, re.S):
        if kind == "enum":
            enum = file.enum_type.add(name=title)
            for value, number in re.findall(r"(\w+) = (\d+);", body):
                enum.value.add(name=value, number=int(number))
        else:
            message = file.message_type.add(name=title)
            for match in FIELD.finditer(body):
                _add_field(message, match, package, enums)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)

    class Messages:
        pass

    for message in file.message_type:
        found = pool.FindMessageTypeByName(f"{package}.{message.name}")
        setattr(Messages, message.name, factory.GetPrototype(found))
    return Messages
