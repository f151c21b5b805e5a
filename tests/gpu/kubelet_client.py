# SPDX-License-Identifier: Apache-2.0
"""A kubelet as a device plugin sees it, over Google's grpcio: takes the registration, asks for the
options, watches the device list, allocates."""
import concurrent.futures
import threading
import time

import grpc

import messages as m

PLUGIN = "/v1beta1.DevicePlugin/"


class Plugin:
    """The client's side of one device plugin socket."""

    def __init__(self, path):
        self.channel = grpc.insecure_channel(f"unix:{path}", [
            ("grpc.max_receive_message_length", 4 << 20), ("grpc.use_local_subchannel_pool", 1)])

    def close(self):
        self.channel.close()

    def call(self, method, kind, message, answer):
        data = self.channel.unary_unary(PLUGIN + method)(m.encode(kind, message), timeout=10)
        return m.decode(answer, data)

    def options(self):
        return self.call("GetDevicePluginOptions", m.EMPTY, {}, m.OPTIONS)

    def allocate(self, *ids):
        """The answer for one container that gets these ids."""
        answers = self.call("Allocate", m.ALLOCATE, {"container_requests": [{"devices_ids": ids}]},
                            m.ALLOCATED)["container_responses"]
        if len(answers) != 1:
            raise AssertionError(f"{len(answers)} answers for one container")
        return answers[0]

    def prefer(self, available, size, required=()):
        wish = {"available_deviceIDs": available, "must_include_deviceIDs": required,
                "allocation_size": size}
        return self.call("GetPreferredAllocation", m.PREFER, {"container_requests": [wish]},
                         m.PREFERRED)["container_responses"][0]["deviceIDs"]

    def watch(self):
        """The stream of device lists."""
        return self.channel.unary_stream(PLUGIN + "ListAndWatch")(b"")


class Kubelet:
    """`lists` holds every device list of every stream as (time, resource, {id: device})."""

    def __init__(self, folder):
        self.folder = folder
        self.socket = folder / "kubelet.sock"
        self.plugins = {}
        self.lists = []
        self.trouble = []
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
            "v1beta1.Registration",
            {"Register": grpc.unary_unary_rpc_method_handler(self._register)}),))
        self.server.add_insecure_port(f"unix:{self.socket}")
        self.server.start()

    def close(self):
        for plugin in self.plugins.values():
            plugin.close()
        self.server.stop(None).wait(10)

    def _register(self, data, context):
        request = m.decode(m.REGISTER, data)
        if request.get("version") != "v1beta1" or "/" in request["endpoint"]:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "bad registration")
        resource = request["resource_name"]
        plugin = Plugin(self.folder / request["endpoint"])
        if plugin.options() != request.get("options", {}):
            self.trouble.append(f"{resource} registers other options than its plugin tells")
        old = self.plugins.get(resource)
        self.plugins[resource] = plugin
        threading.Thread(target=self._read, args=(resource, plugin), daemon=True).start()
        if old:
            old.close()
        return b""

    def _read(self, resource, plugin):
        try:
            for data in plugin.watch():
                devices = m.decode(m.DEVICES, data)["devices"]
                self.lists.append((time.monotonic(), resource, {d["ID"]: d for d in devices}))
        except (grpc.RpcError, ValueError) as error:
            if not (isinstance(error, grpc.RpcError) and
                    error.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)):
                self.trouble.append(f"device list of {resource}: {error}")

    def devices(self, resource):
        """What the resource's stream said last."""
        return next((devices for _, name, devices in reversed(self.lists) if name == resource), {})

    def wait(self, resource, count, seconds=20):
        """Until the resource has so many devices: when the list came, and the list."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for at, name, devices in reversed(self.lists[-1:]):
                if name == resource and len(devices) == count:
                    return at, devices
            time.sleep(0.0005)
        raise AssertionError(f"{count} devices of {resource} expected within {seconds} s; "
                             f"the last list has {len(self.devices(resource))}")
