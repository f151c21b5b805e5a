// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/samber/lo"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// expand adds the pods that a controller would make of the template; one if replicas is unset.
func (s *scenario) expand(from string, owner metav1.ObjectMeta, template *corev1.PodTemplateSpec, replicas *int32) error {
	s.expanded = true
	count := ptr.Deref(replicas, 1)
	if err := s.checkRoom(int(count)); err != nil {
		return err
	}
	for i := range count {
		pod := &corev1.Pod{ObjectMeta: *template.ObjectMeta.DeepCopy(), Spec: *template.Spec.DeepCopy()}
		pod.Name = fmt.Sprintf("%s-%d", owner.Name, i)
		pod.Namespace = owner.Namespace
		pod.CreationTimestamp = owner.CreationTimestamp
		if err := s.addPod(from, pod); err != nil {
			return err
		}
	}
	return nil
}

func (s *scenario) checkRoom(more int) error {
	if len(s.pods)+more > maxPods {
		return fmt.Errorf("more than %d pods: ask for fewer at a time", maxPods)
	}
	return nil
}

func (s *scenario) addPod(from string, pod *corev1.Pod) error {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return nil
	}
	if err := s.checkRoom(1); err != nil {
		return err
	}
	defaultNamespace(&pod.ObjectMeta)
	defaultRequests(&pod.Spec)
	if err := checkContainers(&pod.Spec); err != nil {
		return err
	}
	s.pods = append(s.pods, sourced[*corev1.Pod]{pod, from})
	return nil
}

// finish checks what can be checked only when everything is read, and brings each pod into the state
// in which Karpenter meets it: bound, or marked by kube-scheduler as one that fits no node.
func (s *scenario) finish() error {
	seen := map[string]string{}
	running := map[string]bool{}
	for _, node := range s.nodes {
		running[node.Name] = true
	}
	kept := s.pods[:0]
	for _, p := range s.pods {
		pod, name := p.object, podName(p.object)
		if before, twice := seen[name]; twice {
			return fmt.Errorf("%s: pod '%s' is there already, from %s: give pods or the workloads that make them, not both", p.from, name, before)
		}
		seen[name] = p.from
		if err := errors.Join(s.checkOwner(pod), s.setPriority(pod)); err != nil {
			return fmt.Errorf("%s: pod '%s': %w", p.from, name, err)
		}
		switch {
		case pod.Spec.NodeName != "" && !running[pod.Spec.NodeName]:
			s.note("%s: pod '%s' is bound to node '%s', which is not in the input: left out", p.from, name, pod.Spec.NodeName)
			continue
		case len(pod.Spec.SchedulingGates) > 0:
			s.note("%s: pod '%s' waits for its scheduling gates: left out", p.from, name)
			continue
		case pod.Spec.NodeName == "":
			markUnschedulable(pod)
		}
		kept = append(kept, p)
	}
	s.pods = kept
	if len(s.pods) == 0 {
		s.note("no pods in the input")
	}
	return nil
}

// checkOwner refuses a pod of a live cluster beside workloads: what made it may be among them.
func (s *scenario) checkOwner(pod *corev1.Pod) error {
	owner := metav1.GetControllerOf(pod)
	if s.expanded && owner != nil && slices.Contains([]string{"ReplicaSet", "StatefulSet", "Job"}, owner.Kind) {
		return fmt.Errorf("owned by %s '%s': give pods or the workloads that make them, not both", owner.Kind, owner.Name)
	}
	return nil
}

func (s *scenario) setPriority(pod *corev1.Pod) error {
	class := pod.Spec.PriorityClassName
	if class == "" || pod.Spec.Priority != nil {
		return nil
	}
	priority, ok := s.priorities[class]
	if !ok {
		return fmt.Errorf("no PriorityClass '%s': add it to the input", class)
	}
	pod.Spec.Priority = &priority
	return nil
}

// markUnschedulable does what kube-scheduler does with a pod that fits no node; Karpenter looks for the mark.
func markUnschedulable(pod *corev1.Pod) {
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
	}}}
}

// defaultRequests sets what the API server sets: a limit without a request is also the request.
func defaultRequests(spec *corev1.PodSpec) {
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			containers[i].Resources.Requests = lo.Assign(containers[i].Resources.Limits, containers[i].Resources.Requests)
		}
	}
}

// checkContainers refuses what the API server refuses of resources: a request above its limit, and an
// extended resource in parts, or with a request that its limit does not equal.
func checkContainers(spec *corev1.PodSpec) error {
	if len(spec.Containers) == 0 {
		return errors.New("no containers: give it one")
	}
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		for name, request := range c.Resources.Requests {
			limit, limited := c.Resources.Limits[name]
			switch {
			case request.Sign() < 0:
				return fmt.Errorf("container '%s': %s: %s is negative: ask for 0 or more", c.Name, name, request.String())
			case extended(name) && request.MilliValue()%1000 != 0:
				return fmt.Errorf("container '%s': %s: %s is not a whole number: ask for whole ones", c.Name, name, request.String())
			case extended(name) && (!limited || limit.Cmp(request) != 0):
				return fmt.Errorf("container '%s': %s: the request needs an equal limit: set only the limit", c.Name, name)
			case limited && limit.Cmp(request) < 0:
				return fmt.Errorf("container '%s': %s: the request is above the limit: raise the limit", c.Name, name)
			}
		}
	}
	return nil
}

// extended resources are those of device plugins.
func extended(name corev1.ResourceName) bool {
	return strings.Contains(string(name), "/") && !strings.Contains(string(name), "kubernetes.io/")
}

func podName(pod *corev1.Pod) string { return pod.Namespace + "/" + pod.Name }

func podNames(pods []*corev1.Pod) []string {
	return lo.Map(pods, func(pod *corev1.Pod, _ int) string { return podName(pod) })
}
