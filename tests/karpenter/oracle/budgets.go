// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// updateBudgets does what the disruption controller does: it writes into each PodDisruptionBudget how
// many of its pods may go. Karpenter leaves a node alone whose pods may not.
func (c *cluster) updateBudgets(ctx context.Context) error {
	list := &policyv1.PodDisruptionBudgetList{}
	if err := c.api.List(ctx, list); err != nil {
		return err
	}
	for i := range list.Items {
		b := &list.Items[i]
		selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err != nil {
			return fmt.Errorf("PodDisruptionBudget '%s': %w: correct its selector", b.Name, err)
		}
		all := c.api.listPods(&client.ListOptions{Namespace: b.Namespace, LabelSelector: selector})
		running := int32(0)
		for j := range all {
			if all[j].Status.Phase == corev1.PodRunning {
				running++
			}
		}
		needed, err := neededPods(&b.Spec, len(all))
		if err != nil {
			return fmt.Errorf("PodDisruptionBudget '%s': %w: write a number or a percentage", b.Name, err)
		}
		b.Status.DisruptionsAllowed = max(0, running-int32(needed))
		if err := c.api.Status().Update(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// neededPods are as many of so many pods as the budget wants to run.
func neededPods(spec *policyv1.PodDisruptionBudgetSpec, pods int) (int, error) {
	if spec.MinAvailable != nil {
		return intstr.GetScaledValueFromIntOrPercent(spec.MinAvailable, pods, true)
	}
	if spec.MaxUnavailable != nil {
		n, err := intstr.GetScaledValueFromIntOrPercent(spec.MaxUnavailable, pods, true)
		return pods - n, err
	}
	return 0, nil
}
