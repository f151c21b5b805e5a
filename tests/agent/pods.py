# SPDX-License-Identifier: Apache-2.0
"""The kubelet's pod resources: who holds what, as a test says."""
import concurrent.futures
import threading

import grpc

import protos

PODS = protos.load("podresources")


class Pods:
    """The kubelet's pod resources: `held` is [(namespace, pod, container, resource, [id])]."""

    def __init__(self, socket):
        self.held = []
        self.broken = False
        self.knows_pods = True    # a kubelet knows none yet right after its start
        self.asked = self.told = 0
        self.hangs = threading.Event()   # no answer until may_go
        self.may_go = threading.Event()
        self.may_end = threading.Event()  # between the answer's message and its end
        self.may_end.set()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
            "v1.PodResourcesLister", {"List": grpc.unary_stream_rpc_method_handler(
                self._list, response_serializer=lambda m: m.SerializeToString())}),))
        self.server.add_insecure_port(f"unix:{socket}")
        self.server.start()

    def _list(self, _request, context):
        self.asked += 1
        if self.hangs.is_set():
            self.may_go.wait(20)
        if self.broken:
            context.abort(grpc.StatusCode.INTERNAL, "checkpoint is broken")
        answer = PODS.ListPodResourcesResponse()
        if self.knows_pods:
            answer.pod_resources.add(name="carve-7xkzw", namespace="carve").containers.add(
                name="carved")
        for namespace, pod, container, resource, ids in self.held:
            entry = answer.pod_resources.add(name=pod, namespace=namespace)
            entry.containers.add(name=container).devices.add(resource_name=resource,
                                                             device_ids=ids)
        yield answer
        self.told += 1
        self.may_end.wait(20)
