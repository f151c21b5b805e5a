// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/apis/v1alpha1"
)

// server is a Kubernetes API in memory. Pods are kept beside the fake client, by node: the client
// passes every object through JSON at every list, which is too slow for thousands of pods.
type server struct {
	client.Client
	pods    map[string][]*corev1.Pod // by node, "" for pending
	created int                      // objects that were given a name
}

// index is a field by which Karpenter lists objects.
type index struct {
	object client.Object
	field  string
	value  func(client.Object) string
}

var indexes = []index{
	{&corev1.Node{}, "spec.providerID", func(o client.Object) string { return o.(*corev1.Node).Spec.ProviderID }},
	{&karpv1.NodeClaim{}, "status.providerID", func(o client.Object) string { return o.(*karpv1.NodeClaim).Status.ProviderID }},
	{&storagev1.VolumeAttachment{}, "spec.nodeName", func(o client.Object) string { return o.(*storagev1.VolumeAttachment).Spec.NodeName }},
}

func newServer(objects []client.Object) *server {
	s := &server{pods: map[string][]*corev1.Pod{}}
	builder := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(objects...).
		WithStatusSubresource(&karpv1.NodePool{}, &karpv1.NodeClaim{}, &v1alpha1.NodeOverlay{}, &policyv1.PodDisruptionBudget{}).
		WithInterceptorFuncs(interceptor.Funcs{Create: s.create, List: s.list})
	for _, i := range indexes {
		builder.WithIndex(i.object, i.field, func(o client.Object) []string { return []string{i.value(o)} })
	}
	s.Client = builder.Build()
	return s
}

// create names objects in the order of their creation, so that two runs agree: Karpenter goes by name.
func (s *server) create(ctx context.Context, c client.WithWatch, object client.Object, opts ...client.CreateOption) error {
	if object.GetName() == "" {
		s.created++
		object.SetName(fmt.Sprintf("%s%05d", object.GetGenerateName(), s.created))
	}
	return c.Create(ctx, object, opts...)
}

func (s *server) list(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
	if pods, ok := list.(*corev1.PodList); ok {
		pods.Items = s.listPods((&client.ListOptions{}).ApplyOptions(opts))
		return nil
	}
	return c.List(ctx, list, opts...)
}

func (s *server) listPods(o *client.ListOptions) []corev1.Pod {
	places := s.pods
	if o.FieldSelector != nil {
		if name, ok := o.FieldSelector.RequiresExactMatch("spec.nodeName"); ok {
			places = map[string][]*corev1.Pod{name: s.pods[name]}
		}
	}
	var items []corev1.Pod
	for _, pods := range places {
		for _, pod := range pods {
			if (o.Namespace == "" || o.Namespace == pod.Namespace) &&
				(o.LabelSelector == nil || o.LabelSelector.Matches(labels.Set(pod.Labels))) {
				items = append(items, *pod.DeepCopy())
			}
		}
	}
	return items
}

func (s *server) addPod(pod *corev1.Pod) {
	s.pods[pod.Spec.NodeName] = append(s.pods[pod.Spec.NodeName], pod)
}

// pending are the pods that wait for a node.
func (s *server) pending() []*corev1.Pod { return s.pods[""] }

// bind gives pods that wait the nodes that place has for them, and returns them.
func (s *server) bind(place func(*corev1.Pod) (node string, ok bool)) []*corev1.Pod {
	var bound, waiting []*corev1.Pod
	for _, pod := range s.pods[""] {
		node, ok := place(pod)
		if !ok {
			waiting = append(waiting, pod)
			continue
		}
		pod.Spec.NodeName = node
		pod.Status = corev1.PodStatus{Phase: corev1.PodRunning}
		s.addPod(pod)
		bound = append(bound, pod)
	}
	s.pods[""] = waiting
	return bound
}

// evict makes the pods of a node wait for another.
func (s *server) evict(node string) {
	for _, pod := range s.pods[node] {
		pod.Spec.NodeName = ""
		markUnschedulable(pod)
		s.addPod(pod)
	}
	delete(s.pods, node)
}
