// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/controllers/provisioning/scheduling"
	nodepoolutils "sigs.k8s.io/karpenter/pkg/utils/nodepool"
)

// provision fills static pools, then buys batch by batch what the pods need.
func (c *cluster) provision(ctx context.Context, s *scenario, o order) error {
	if err := c.provisionStatic(ctx, s.pools); err != nil {
		return err
	}
	pods := arrivals(s, o)
	size := o.Batch
	if size == 0 {
		size = max(len(pods), 1)
	}
	for batch := range slices.Chunk(pods, size) {
		for _, pod := range batch {
			c.api.addPod(pod)
		}
		if err := c.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// arrivals are the pods without a node, in the order asked for.
func arrivals(s *scenario, o order) []*corev1.Pod {
	var pods []*corev1.Pod
	for _, p := range s.pods {
		if p.object.Spec.NodeName == "" {
			pods = append(pods, p.object)
		}
	}
	if o.Shuffle != 0 {
		random := rand.New(rand.NewPCG(uint64(o.Shuffle), 0))
		random.Shuffle(len(pods), func(i, j int) { pods[i], pods[j] = pods[j], pods[i] })
	}
	for i, pod := range pods {
		// Karpenter takes pods of equal size by their creation, then by UID.
		pod.UID = types.UID(fmt.Sprintf("%08d", i))
		if o.Shuffle != 0 {
			pod.CreationTimestamp = metav1.Time{}
		}
	}
	return pods
}

// provisionStatic fills the pools that ask for a fixed number of nodes.
func (c *cluster) provisionStatic(ctx context.Context, pools []sourced[*karpv1.NodePool]) error {
	for _, pool := range pools {
		if !nodepoolutils.IsStatic(pool.object) {
			continue
		}
		if _, err := c.static.Reconcile(ctx, pool.object); err != nil {
			return fmt.Errorf("%s: buying its nodes: %w", pool.from, err)
		}
	}
	claims := &karpv1.NodeClaimList{}
	if err := c.api.List(ctx, claims); err != nil {
		return err
	}
	for i := range claims.Items {
		if err := c.launch(ctx, claims.Items[i].Name, nil); err != nil {
			return fmt.Errorf("static NodePool '%s': %w", claims.Items[i].Labels[karpv1.NodePoolLabelKey], err)
		}
	}
	return nil
}

// settle repeats what a cluster does with pods that wait, until none does or no more can be placed:
// kube-scheduler binds what nodes that run can take, Karpenter buys nodes for the rest.
func (c *cluster) settle(ctx context.Context) error {
	for {
		bound, err := c.bindToRunning(ctx)
		if err != nil || len(c.api.pending()) == 0 {
			return err
		}
		planned, err := c.buy(ctx)
		if err != nil {
			return err
		}
		n, err := c.bindAsPlanned(ctx, planned)
		if err != nil || bound+n == 0 {
			return err
		}
	}
}

// bindToRunning is kube-scheduler's part: pods that it binds never reach Karpenter.
func (c *cluster) bindToRunning(ctx context.Context) (int, error) {
	slices.SortStableFunc(c.api.pending(), byPriority)
	return c.bind(ctx, c.scheduler.place)
}

// bindAsPlanned lets kube-scheduler follow Karpenter's plan, as far as the nodes really have the room.
func (c *cluster) bindAsPlanned(ctx context.Context, planned map[types.UID]string) (int, error) {
	return c.bind(ctx, func(pod *corev1.Pod) (string, bool) {
		name, ok := planned[pod.UID]
		if !ok {
			return "", false
		}
		m := c.scheduler.find(name)
		if missing := c.waitsFor(name); missing != "" {
			c.refusals[pod.UID] = fmt.Sprintf("planned for node %s, which shows no %s: Karpenter waits for it without end", name, missing)
			return "", false
		}
		if !m.fits(pod) {
			c.refusals[pod.UID] = fmt.Sprintf("planned for node %s, which really shows too little for it", name)
			return "", false
		}
		m.take(pod)
		return name, true
	})
}

func (c *cluster) bind(ctx context.Context, place func(*corev1.Pod) (string, bool)) (int, error) {
	bound := c.api.bind(place)
	for _, pod := range bound {
		if err := c.state.UpdatePod(ctx, pod); err != nil {
			return 0, err
		}
		if node := pod.Spec.NodeName; c.boughtNode(node) == nil {
			c.existing[node] = append(c.existing[node], podName(pod))
		}
	}
	return len(bound), nil
}

// buy is one round of Karpenter: it plans for all pods that wait and launches what it planned. One
// round may not do: limits count against the largest type of a claim, and it is cut after a minute.
func (c *cluster) buy(ctx context.Context) (map[types.UID]string, error) {
	c.round++
	clear(c.refusals)
	results, err := c.provisioner.Schedule(ctx)
	if err != nil {
		return nil, fmt.Errorf("scheduling: %w", err)
	}
	planned := map[types.UID]string{}
	plan := func(pods []*corev1.Pod, node string) {
		for _, pod := range pods {
			planned[pod.UID] = node
		}
	}
	for _, node := range results.ExistingNodes {
		plan(node.Pods, node.Name())
	}
	// As in Karpenter, all claims of a round are made before the first machine counts against a limit.
	type order struct {
		name  string
		claim *scheduling.NodeClaim
	}
	var orders []order
	for _, claim := range results.NewNodeClaims {
		name, err := c.provisioner.Create(ctx, claim)
		if err != nil {
			c.refuse(claim.Pods, err)
			continue
		}
		orders = append(orders, order{name, claim})
	}
	for _, o := range orders {
		if err := c.launch(ctx, o.name, o.claim.InstanceTypeOptions); err != nil {
			c.refuse(o.claim.Pods, err)
			continue
		}
		plan(o.claim.Pods, o.name)
	}
	return planned, nil
}

func (c *cluster) refuse(pods []*corev1.Pod, err error) {
	for _, pod := range pods {
		c.refusals[pod.UID] = err.Error()
	}
}
