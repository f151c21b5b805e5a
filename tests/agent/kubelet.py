# SPDX-License-Identifier: Apache-2.0
"""A kubelet as a device plugin sees one: it serves Registration, calls the plugin back inside
Register, reads ListAndWatch for ever, and deletes all sockets of its folder when it starts."""
import concurrent.futures
import os
import pathlib
import stat
import threading

import grpc

import protos

DP = protos.load("deviceplugin")
PLUGIN = "/v1beta1.DevicePlugin/"

class Plugin:
    """Another end of one device plugin socket, for the kubelet and for tests that call by hand."""

    def __init__(self, path):
        self.channel = grpc.insecure_channel(f"unix:{path}", [
            ("grpc.max_receive_message_length", 4 << 20), ("grpc.use_local_subchannel_pool", 1)])

    def close(self):
        self.channel.close()

    def call(self, method, request, answer, timeout=10):
        bytes_ = self.channel.unary_unary(PLUGIN + method)(request.SerializeToString(),
                                                           timeout=timeout)
        return answer.FromString(bytes_)

    def options(self):
        return self.call("GetDevicePluginOptions", DP.Empty(), DP.DevicePluginOptions)

    def watch(self):
        return self.channel.unary_stream(PLUGIN + "ListAndWatch")(b"")

    def allocate(self, *containers):
        """One answer a container; each container is a list of ids."""
        request = DP.AllocateRequest()
        for ids in containers:
            request.container_requests.add(devices_ids=ids)
        return list(self.call("Allocate", request, DP.AllocateResponse).container_responses)

    def prefer(self, available, size, required=()):
        request = DP.PreferredAllocationRequest()
        request.container_requests.add(available_deviceIDs=available, allocation_size=size,
                                       must_include_deviceIDs=required)
        answer = self.call("GetPreferredAllocation", request, DP.PreferredAllocationResponse)
        return list(answer.container_responses[0].deviceIDs)


class Kubelet:
    """`devices` is what each resource's stream said last, `lists` all that it said."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.socket = self.folder / "kubelet.sock"
        self.server = None
        self.forget()

    def forget(self):
        self.registrations = []   # (resource, endpoint)
        self.devices = {}         # resource -> {id: Device}
        self.lists = []           # (resource, number of devices, number of healthy ones)
        self.plugins = {}         # resource -> Plugin
        self.lost = []            # resources whose stream has ended
        self.refuse = None        # words to answer Register with
        self.asked = 0            # Register calls, refused ones too

    def start(self):
        """As the real one: everything that is a socket goes first."""
        self.forget()
        self.folder.mkdir(parents=True, exist_ok=True)
        for entry in self.folder.iterdir():
            if stat.S_ISSOCK(entry.lstat().st_mode):
                entry.unlink()
        self.listen()
        return self

    def listen(self):
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
            "v1beta1.Registration", {"Register": grpc.unary_unary_rpc_method_handler(
                self._register, request_deserializer=DP.RegisterRequest.FromString,
                response_serializer=lambda m: m.SerializeToString())}),))
        self.server.add_insecure_port(f"unix:{self.socket}")
        self.server.start()

    def stop(self):
        """The socket's file stays, as after a crash."""
        if not self.server:
            return
        kept = self.folder / "kept"
        os.link(self.socket, kept)
        self.server.stop(None).wait(10)
        self.server = None
        for plugin in self.plugins.values():
            plugin.close()
        if self.socket.exists():
            kept.unlink()
        else:
            kept.rename(self.socket)

    def restart(self):
        self.stop()
        self.start()

    def _register(self, request, context):
        self.asked += 1
        if self.refuse:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, self.refuse)
        if request.version != "v1beta1" or "/" in request.endpoint:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "bad registration")
        plugin = Plugin(self.folder / request.endpoint)
        if not plugin.options().get_preferred_allocation_available:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "options differ")
        old = self.plugins.get(request.resource_name)
        self.plugins[request.resource_name] = plugin
        self.registrations.append((request.resource_name, request.endpoint))
        threading.Thread(target=self._read, args=(request.resource_name, plugin), daemon=True
                         ).start()
        if old:
            old.close()
        return DP.Empty()

    def _read(self, resource, plugin):
        try:
            for bytes_ in plugin.watch():
                devices = DP.ListAndWatchResponse.FromString(bytes_).devices
                self.devices[resource] = {d.ID: d for d in devices}
                self.lists.append((resource, len(devices),
                                   sum(d.health == "Healthy" for d in devices)))
        except (grpc.RpcError, ValueError):
            pass
        if self.plugins.get(resource) is plugin:
            self.devices.pop(resource, None)
            self.lost.append(resource)

    def healthy(self):
        """Resource -> number of healthy devices, as the node's allocatable would say."""
        return {name: sum(d.health == "Healthy" for d in devices.values())
                for name, devices in list(self.devices.items())}

    def ids(self, resource="nvidia.com/gpu"):
        return sorted(self.devices.get(resource, {}))
