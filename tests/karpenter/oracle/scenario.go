// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/apis/v1alpha1"
)

// sourced is an object and where the user wrote it, for messages.
type sourced[T any] struct {
	object T
	from   string // file, document, kind and name
}

// scenario is what the oracle is asked to judge: a cluster at rest, and pods that come to it.
type scenario struct {
	pools      []sourced[*karpv1.NodePool]
	overlays   []sourced[*v1alpha1.NodeOverlay]
	nodes      []*corev1.Node // that run already
	daemons    []*appsv1.DaemonSet
	pods       []sourced[*corev1.Pod] // pending, or bound to one of nodes
	others     []client.Object        // that Karpenter reads as they are: namespaces, volumes, budgets
	expanded   bool                   // some pods were made of a workload
	priorities map[string]int32       // by PriorityClass
	notes      []string               // what was left out, and why
}

func newScenario() *scenario {
	return &scenario{priorities: map[string]int32{"system-cluster-critical": 2000000000, "system-node-critical": 2000001000}}
}

// copy is a scenario of its own, but for what nobody changes.
func (s *scenario) copy() *scenario {
	c := *s
	c.pools = copies(s.pools, (*karpv1.NodePool).DeepCopy)
	c.overlays = copies(s.overlays, (*v1alpha1.NodeOverlay).DeepCopy)
	c.pods = copies(s.pods, (*corev1.Pod).DeepCopy)
	c.nodes = make([]*corev1.Node, len(s.nodes))
	for i, node := range s.nodes {
		c.nodes[i] = node.DeepCopy()
	}
	return &c
}

func copies[T any](list []sourced[T], deepCopy func(T) T) []sourced[T] {
	out := make([]sourced[T], len(list))
	for i, s := range list {
		out[i] = sourced[T]{deepCopy(s.object), s.from}
	}
	return out
}

func (s *scenario) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// wants says whether add knows the kind. EC2NodeClass is not among them: any class will do.
func (s *scenario) wants(gvk schema.GroupVersionKind) bool {
	return slices.Contains([]string{"NodePool", "NodeOverlay", "Node", "PriorityClass", "DaemonSet", "Namespace",
		"PersistentVolume", "PersistentVolumeClaim", "StorageClass", "CSINode", "Pod", "Deployment", "ReplicaSet",
		"StatefulSet", "Job", "PodDisruptionBudget"}, gvk.Kind)
}

// add sorts an object into the scenario.
func (s *scenario) add(from string, object runtime.Object) error {
	switch o := object.(type) {
	case *karpv1.NodePool:
		if ref := o.Spec.Template.Spec.NodeClassRef; ref.Group != awsGroup || ref.Kind != "EC2NodeClass" {
			s.note("%s: the class is a %s: Karpenter on AWS ignores this pool", from, ref.GroupKind())
		}
		s.pools = append(s.pools, sourced[*karpv1.NodePool]{o, from})
	case *v1alpha1.NodeOverlay:
		s.overlays = append(s.overlays, sourced[*v1alpha1.NodeOverlay]{o, from})
	case *corev1.Node:
		if o.Spec.ProviderID == "" {
			o.Spec.ProviderID = "input:///" + o.Name // without one Karpenter overlooks a node of a pool
		}
		s.nodes = append(s.nodes, o)
	case *schedulingv1.PriorityClass:
		s.priorities[o.Name] = o.Value
	case *appsv1.DaemonSet:
		defaultNamespace(&o.ObjectMeta)
		defaultRequests(&o.Spec.Template.Spec)
		s.daemons = append(s.daemons, o)
	case *policyv1.PodDisruptionBudget:
		defaultNamespace(&o.ObjectMeta)
		s.others = append(s.others, o)
	case *corev1.PersistentVolumeClaim:
		defaultNamespace(&o.ObjectMeta)
		s.others = append(s.others, o)
	case *corev1.Namespace, *corev1.PersistentVolume, *storagev1.StorageClass, *storagev1.CSINode:
		s.others = append(s.others, o.(client.Object))
	case *corev1.Pod:
		return s.addPod(from, o)
	case *appsv1.Deployment:
		return s.expand(from, o.ObjectMeta, &o.Spec.Template, o.Spec.Replicas)
	case *appsv1.ReplicaSet:
		return s.expand(from, o.ObjectMeta, &o.Spec.Template, o.Spec.Replicas)
	case *appsv1.StatefulSet:
		return s.expand(from, o.ObjectMeta, &o.Spec.Template, o.Spec.Replicas)
	case *batchv1.Job:
		// As many pods at once as parallelism allows, and no more than there is work for.
		atOnce := ptr.Deref(o.Spec.Parallelism, 1)
		return s.expand(from, o.ObjectMeta, &o.Spec.Template, ptr.To(min(atOnce, ptr.Deref(o.Spec.Completions, atOnce))))
	default:
		return fmt.Errorf("%s is of an old version: write it in the newest", object.GetObjectKind().GroupVersionKind())
	}
	return nil
}

func defaultNamespace(meta *metav1.ObjectMeta) {
	if meta.Namespace == "" {
		meta.Namespace = corev1.NamespaceDefault
	}
}

// sellOnly tells the pools what is for sale. Consolidation would else ask for a spot machine wherever
// a pool does not rule one out.
func (s *scenario) sellOnly(types []string) {
	for _, pool := range s.pools {
		spec := &pool.object.Spec.Template.Spec
		spec.Requirements = append(spec.Requirements, karpv1.NodeSelectorRequirementWithMinValues{
			Key: karpv1.CapacityTypeLabelKey, Operator: corev1.NodeSelectorOpIn, Values: types,
		})
	}
}

// checkInstanceTypes refuses types that the catalogue lacks: an answer without them would be another's.
func (s *scenario) checkInstanceTypes(c *catalog) error {
	var errs []error
	check := func(from, key string, values []string) {
		for _, name := range values {
			if key == corev1.LabelInstanceTypeStable && !c.has(name) {
				errs = append(errs, fmt.Errorf("%s: instance type '%s' is not in the catalogue: correct the name, or add the type to %s", from, name, catalogPath))
			}
		}
	}
	for _, pool := range s.pools {
		for _, r := range pool.object.Spec.Template.Spec.Requirements {
			check(pool.from, r.Key, r.Values)
		}
	}
	for _, overlay := range s.overlays {
		for _, r := range overlay.object.Spec.Requirements {
			check(overlay.from, r.Key, r.Values)
		}
	}
	return errors.Join(errs...)
}
