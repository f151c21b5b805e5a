// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/awslabs/operatorpkg/status"
	"github.com/samber/lo"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/cloudprovider/overlay"
	"sigs.k8s.io/karpenter/pkg/controllers/nodeclaim/lifecycle"
	"sigs.k8s.io/karpenter/pkg/controllers/nodeoverlay"
	"sigs.k8s.io/karpenter/pkg/controllers/provisioning"
	"sigs.k8s.io/karpenter/pkg/controllers/state"
	static "sigs.k8s.io/karpenter/pkg/controllers/static/provisioning"
	"sigs.k8s.io/karpenter/pkg/events"
	"sigs.k8s.io/karpenter/pkg/operator/options"
	"sigs.k8s.io/karpenter/pkg/state/virtualpods"
	nodepoolutils "sigs.k8s.io/karpenter/pkg/utils/nodepool"
)

// cluster is a cluster in memory with the part of Karpenter in it that buys and sells nodes.
type cluster struct {
	api         *server
	scheduler   *kubeScheduler
	cloud       *paperCloud                 // without overlays
	provider    cloudprovider.CloudProvider // with overlays
	state       *state.Cluster
	clock       hastyClock
	provisioner *provisioning.Provisioner
	static      *static.Controller
	shows       shown
	dynamic     bool // some NodePool buys on demand
	refusals    refusals
	bought      []*boughtNode
	existing    map[string][]string // pods placed on nodes of the input
	round       int

	consolidations int // commands carried out
}

// boughtNode is a machine that Karpenter bought.
type boughtNode struct {
	claim *karpv1.NodeClaim           // as launched
	types cloudprovider.InstanceTypes // that the claim allows, cheapest first; none if the pool is static
	round int                         // 0 if the pool is static
}

// hastyClock lets each wait be over at once, at the time at which it would have been.
type hastyClock struct{ *clocktesting.FakeClock }

func (c hastyClock) After(d time.Duration) <-chan time.Time {
	c.Step(d)
	over := make(chan time.Time, 1)
	over <- c.Now()
	return over
}

// refusals is Karpenter's last word on each pod that it could not place.
type refusals map[types.UID]string

// Publish takes Karpenter's events; some pods it refuses before scheduling, and says so only there.
func (r refusals) Publish(published ...events.Event) {
	for _, e := range published {
		if pod, ok := e.InvolvedObject.(*corev1.Pod); ok && e.Reason == events.FailedScheduling {
			r[pod.UID] = strings.TrimPrefix(e.Message, "Failed to schedule pod, ")
		}
	}
}

// withOptions puts Karpenter's options into the context: its defaults, with overlays and static pools on.
func withOptions(ctx context.Context) (context.Context, error) {
	opts := &options.Options{}
	flags := &options.FlagSet{FlagSet: flag.NewFlagSet("karpenter", flag.ContinueOnError)}
	opts.AddFlags(flags)
	if err := opts.Parse(flags, "--feature-gates=NodeOverlay=true,StaticCapacity=true"); err != nil {
		return nil, err
	}
	return opts.ToContext(ctx), nil
}

func newCluster(ctx context.Context, s *scenario, instanceTypes []*cloudprovider.InstanceType, shows shown) (*cluster, error) {
	c := &cluster{shows: shows, refusals: refusals{}, existing: map[string][]string{}}
	c.api = newServer(c.objects(ctx, s))
	store := nodeoverlay.NewInstanceTypeStore()
	c.cloud = &paperCloud{types: instanceTypes, overlays: store}
	c.provider = overlay.Decorate(c.cloud, c.api, store)
	c.clock = hastyClock{clocktesting.NewFakeClock(time.Now())}
	c.state = state.NewCluster(c.clock, c.api, c.provider)
	virtual := virtualpods.NewVirtualPodCache(c.api)
	c.provisioner = provisioning.NewProvisioner(c.api, c.refusals, c.provider, c.state, c.clock, nil, virtual)
	c.static = static.NewController(c.api, c.state, c.refusals, c.provider, c.provisioner, c.clock, nil, virtual)
	c.scheduler = newKubeScheduler(s)
	for _, p := range s.pods {
		if p.object.Spec.NodeName != "" {
			c.api.addPod(p.object)
		}
	}
	for _, node := range s.nodes {
		if err := c.state.UpdateNode(ctx, node); err != nil {
			return nil, err
		}
		c.scheduler.join(node, c.api.pods[node.Name])
		for _, pod := range c.api.pods[node.Name] {
			if err := c.state.UpdatePod(ctx, pod); err != nil { // which tells the state whom the pod keeps away
				return nil, err
			}
		}
	}
	if _, err := nodeoverlay.NewController(c.clock, c.api, c.cloud, store, c.state).Reconcile(ctx, reconcile.Request{}); err != nil {
		return nil, fmt.Errorf("evaluating overlays: %w", err)
	}
	return c, nil
}

// objects are what the API server has before the first pod comes.
func (c *cluster) objects(ctx context.Context, s *scenario) []client.Object {
	objects := append([]client.Object{}, s.others...)
	for _, pool := range s.pools {
		setPoolStatus(ctx, pool.object)
		objects = append(objects, pool.object)
		c.dynamic = c.dynamic || !nodepoolutils.IsStatic(pool.object) && pool.object.StatusConditions().IsTrue(status.ConditionReady)
	}
	if !c.dynamic {
		objects = append(objects, poolOfNothing(ctx))
	}
	for _, overlay := range s.overlays {
		objects = append(objects, overlay.object)
	}
	for _, daemon := range s.daemons {
		objects = append(objects, daemon)
	}
	for _, node := range s.nodes {
		objects = append(objects, node)
	}
	return objects
}

// poolOfNothing is a dynamic NodePool that can buy nothing. Without a dynamic pool Karpenter leaves all
// pods to kube-scheduler; with this one it also places those that only Karpenter's code can judge here.
func poolOfNothing(ctx context.Context) *karpv1.NodePool {
	pool := &karpv1.NodePool{ObjectMeta: metav1.ObjectMeta{Name: "oracle-buys-nothing"}}
	pool.Spec.Template.Spec.NodeClassRef = &karpv1.NodeClassReference{Group: awsGroup, Kind: "EC2NodeClass", Name: "none"}
	pool.Spec.Template.Spec.Requirements = []karpv1.NodeSelectorRequirementWithMinValues{
		{Key: corev1.LabelInstanceTypeStable, Operator: corev1.NodeSelectorOpIn, Values: []string{"none"}},
	}
	setPoolStatus(ctx, pool)
	return pool
}

// setPoolStatus does what Karpenter's NodePool controllers do, for a class that is ready.
func setPoolStatus(ctx context.Context, pool *karpv1.NodePool) {
	conditions := pool.StatusConditions()
	conditions.SetTrue(karpv1.ConditionTypeNodeClassReady)
	if err := pool.RuntimeValidate(ctx); err != nil {
		conditions.SetFalse(karpv1.ConditionTypeValidationSucceeded, "NodePoolValidationFailed", err.Error())
	} else {
		conditions.SetTrue(karpv1.ConditionTypeValidationSucceeded)
	}
}

// launch turns a NodeClaim into a node that runs and shows what its device plugins really show.
func (c *cluster) launch(ctx context.Context, name string, allowed cloudprovider.InstanceTypes) error {
	claim := &karpv1.NodeClaim{}
	if err := c.api.Get(ctx, client.ObjectKey{Name: name}, claim); err != nil {
		return err
	}
	launched, err := c.cloud.Create(ctx, claim)
	if err != nil {
		return errors.Join(err, c.api.Delete(ctx, claim))
	}
	launched.Status.NodeName = name
	node := c.nodeOf(launched)
	reached := []string{karpv1.ConditionTypeLaunched, karpv1.ConditionTypeRegistered}
	if _, ready := lifecycle.RequestedResourcesRegistered(node, launched); ready {
		reached = append(reached, karpv1.ConditionTypeInitialized, karpv1.ConditionTypeConsolidatable)
		node.Labels[karpv1.NodeInitializedLabelKey] = "true"
	} else {
		node.Spec.Taints = append(node.Spec.Taints, launched.Spec.StartupTaints...)
	}
	for _, condition := range reached {
		launched.StatusConditions().SetTrue(condition)
	}
	claimStatus := launched.Status
	if err := c.api.Update(ctx, launched); err != nil {
		return err
	}
	launched.Status = claimStatus // which Update took from the server
	if err := c.api.Status().Update(ctx, launched); err != nil {
		return err
	}
	if err := c.api.Create(ctx, node); err != nil {
		return err
	}
	c.state.UpdateNodeClaim(launched)
	if err := c.state.UpdateNode(ctx, node); err != nil {
		return err
	}
	c.scheduler.join(node, nil)
	c.bought = append(c.bought, &boughtNode{claim: launched, types: allowed, round: c.round})
	return nil
}

// nodeOf is the node that joins for the claim.
func (c *cluster) nodeOf(claim *karpv1.NodeClaim) *corev1.Node {
	really := c.shows[claim.Labels[karpv1.NodePoolLabelKey]]
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: claim.Name, Labels: lo.Assign(claim.Labels, map[string]string{
			corev1.LabelHostname:          claim.Name,
			karpv1.NodeRegisteredLabelKey: "true",
		})},
		Spec: corev1.NodeSpec{ProviderID: claim.Status.ProviderID, Taints: claim.Spec.Taints},
		Status: corev1.NodeStatus{
			Capacity:    withoutZeros(lo.Assign(claim.Status.Capacity, really)),
			Allocatable: withoutZeros(lo.Assign(claim.Status.Allocatable, really)),
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
}

// retire removes a node; its pods wait again.
func (c *cluster) retire(ctx context.Context, node *corev1.Node, claim *karpv1.NodeClaim) error {
	c.api.evict(node.Name)
	if err := errors.Join(c.api.Delete(ctx, node), c.api.Delete(ctx, claim)); err != nil {
		return err
	}
	c.state.DeleteNode(node.Name)
	c.state.DeleteNodeClaim(claim.Name)
	c.scheduler.leave(node.Name)
	c.bought = lo.Reject(c.bought, func(b *boughtNode, _ int) bool { return b.claim.Name == claim.Name })
	return nil
}
