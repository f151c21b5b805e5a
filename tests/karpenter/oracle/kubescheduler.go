// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/utils/ptr"
	karpscheduling "sigs.k8s.io/karpenter/pkg/scheduling"
	"sigs.k8s.io/karpenter/pkg/utils/resources"
)

// kubeScheduler is a small model of kube-scheduler: it binds pods to nodes that run, as far as taints,
// node selectors, required node affinity and resources decide. Of several nodes it takes, like the
// original, the one with the largest share of CPU and memory free. Pods whose place depends on other
// pods, on volumes or on claims are left to Karpenter's own code, which also judges nodes that run.
type kubeScheduler struct {
	machines []*machine // in the order in which they joined
	daemons  []*corev1.Pod
	repelled bool // some pod of the scenario keeps others away from its node
}

// machine is a node that runs.
type machine struct {
	node *corev1.Node
	free corev1.ResourceList // for pods other than daemons
}

func newKubeScheduler(s *scenario) *kubeScheduler {
	k := &kubeScheduler{}
	for _, d := range s.daemons {
		k.daemons = append(k.daemons, &corev1.Pod{ObjectMeta: d.Spec.Template.ObjectMeta, Spec: d.Spec.Template.Spec})
	}
	for _, p := range s.pods {
		affinity := p.object.Spec.Affinity
		k.repelled = k.repelled || affinity != nil && affinity.PodAntiAffinity != nil
	}
	return k
}

// join adds a node, with the pods that run on it.
func (k *kubeScheduler) join(node *corev1.Node, pods []*corev1.Pod) {
	var daemons corev1.ResourceList
	for _, d := range k.daemons {
		if admits(node, d) {
			daemons = resources.Merge(daemons, resources.RequestsForPods(d))
		}
	}
	m := &machine{node: node, free: resources.Subtract(node.Status.Allocatable, daemons)}
	for _, pod := range pods {
		if owner := metav1.GetControllerOf(pod); owner != nil && owner.Kind == "DaemonSet" && len(daemons) > 0 {
			continue // counted above
		}
		m.take(pod)
	}
	k.machines = append(k.machines, m)
}

func (k *kubeScheduler) leave(name string) {
	k.machines = slices.DeleteFunc(k.machines, func(m *machine) bool { return m.node.Name == name })
}

func (k *kubeScheduler) find(name string) *machine {
	i := slices.IndexFunc(k.machines, func(m *machine) bool { return m.node.Name == name })
	if i < 0 {
		return nil
	}
	return k.machines[i]
}

// place takes room for the pod on the best node that can take it; false if there is none, or if the
// pod is none of those that this model judges.
func (k *kubeScheduler) place(pod *corev1.Pod) (string, bool) {
	if k.repelled || dependent(&pod.Spec) {
		return "", false
	}
	requests := resources.RequestsForPods(pod)
	var best *machine
	for _, m := range k.machines {
		if resources.Fits(requests, m.free) && admits(m.node, pod) && (best == nil || m.emptiness() > best.emptiness()) {
			best = m
		}
	}
	if best == nil {
		return "", false
	}
	best.take(pod)
	return best.node.Name, true
}

func (m *machine) fits(pod *corev1.Pod) bool {
	return resources.Fits(resources.RequestsForPods(pod), m.free)
}

func (m *machine) take(pod *corev1.Pod) {
	m.free = resources.Subtract(m.free, resources.RequestsForPods(pod))
}

// emptiness is the share of CPU and memory that is free, summed.
func (m *machine) emptiness() float64 {
	share := func(free, all float64) float64 {
		if all <= 0 {
			return 0
		}
		return free / all
	}
	all := m.node.Status.Allocatable
	return share(m.free.Cpu().AsApproximateFloat64(), all.Cpu().AsApproximateFloat64()) +
		share(m.free.Memory().AsApproximateFloat64(), all.Memory().AsApproximateFloat64())
}

// admits holds the pod against the node's taints and labels.
func admits(node *corev1.Node, pod *corev1.Pod) bool {
	if node.Spec.Unschedulable || karpscheduling.Taints(node.Spec.Taints).ToleratesPod(pod) != nil {
		return false
	}
	match, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node)
	return err == nil && match
}

// dependent pods need more than a look at the node.
func dependent(spec *corev1.PodSpec) bool {
	if len(spec.TopologySpreadConstraints) > 0 || len(spec.ResourceClaims) > 0 ||
		spec.Affinity != nil && (spec.Affinity.PodAffinity != nil || spec.Affinity.PodAntiAffinity != nil) {
		return true
	}
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		if slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.HostPort != 0 }) {
			return true
		}
	}
	return slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool {
		return v.PersistentVolumeClaim != nil || v.Ephemeral != nil
	})
}

// byPriority is the order in which kube-scheduler takes pods that wait.
func byPriority(a, b *corev1.Pod) int {
	return cmp.Compare(ptr.Deref(b.Spec.Priority, 0), ptr.Deref(a.Spec.Priority, 0))
}
