// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"maps"
	"math"
	"runtime/debug"
	"slices"

	"github.com/awslabs/operatorpkg/status"
	corev1 "k8s.io/api/core/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/apis/v1alpha1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/controllers/nodeclaim/lifecycle"
)

// answer is the report on the first order, and how the others compare with it.
type answer struct {
	report
	Orders []orderReport `json:"orders,omitempty"`
}

// report is what happened in one order of arrival.
type report struct {
	KarpenterVersion string              `json:"karpenterVersion"`
	Bought           []purchase          `json:"bought"`
	Nodes            []nodeReport        `json:"nodes"`
	Existing         map[string][]string `json:"existing,omitempty"` // pods placed on nodes of the input
	Unschedulable    []podReport         `json:"unschedulable"`
	NodePools        []objectReport      `json:"nodePools"`
	Overlays         []objectReport      `json:"overlays"`
	Rounds           int                 `json:"rounds"`
	Consolidations   int                 `json:"consolidations"`
	TotalPerHour     float64             `json:"totalPerHour"`
}

// purchase sums up the nodes of one kind.
type purchase struct {
	NodePool     string  `json:"nodePool"`
	Type         string  `json:"type"`
	CapacityType string  `json:"capacityType"`
	Nodes        int     `json:"nodes"`
	Pods         int     `json:"pods"`
	PricePerHour float64 `json:"pricePerHour"` // of all together
}

type nodeReport struct {
	Name          string              `json:"name"`
	NodePool      string              `json:"nodePool"`
	InstanceTypes []string            `json:"instanceTypes,omitempty"` // that the claim allows, cheapest first
	Chosen        string              `json:"chosen"`
	CapacityType  string              `json:"capacityType"`
	Zone          string              `json:"zone"`
	PricePerHour  float64             `json:"pricePerHour"`            // EC2's
	BelievedPrice *float64            `json:"believedPrice,omitempty"` // Karpenter's, where a price overlay changed it
	Round         int                 `json:"round"`                   // 0: static pool
	Pods          []string            `json:"pods"`
	Requests      corev1.ResourceList `json:"requests"`           // that the claim was made for, daemons included
	Shows         corev1.ResourceList `json:"shows,omitempty"`    // where --shows says so
	WaitsFor      string              `json:"waitsFor,omitempty"` // a resource that the node never shows
}

type podReport struct {
	Pod    string `json:"pod"`
	Reason string `json:"reason"`
}

type objectReport struct {
	Name   string `json:"name"`
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
}

// orderReport is what another order of arrival came to.
type orderReport struct {
	order
	Same           bool       `json:"same"` // as in the first: nodes by pool and type, and pods without one
	Bought         []purchase `json:"bought"`
	Unschedulable  int        `json:"unschedulable"`
	Rounds         int        `json:"rounds"`
	Consolidations int        `json:"consolidations"`
	TotalPerHour   float64    `json:"totalPerHour"`
}

// compare adds the outcome of another order.
func (a *answer) compare(o order, r *report) {
	same := len(r.Unschedulable) == len(a.Unschedulable) && slices.EqualFunc(r.Bought, a.Bought, func(x, y purchase) bool {
		return x.NodePool == y.NodePool && x.Type == y.Type && x.CapacityType == y.CapacityType && x.Nodes == y.Nodes
	})
	a.Orders = append(a.Orders, orderReport{order: o, Same: same, Bought: r.Bought, Unschedulable: len(r.Unschedulable),
		Rounds: r.Rounds, Consolidations: r.Consolidations, TotalPerHour: r.TotalPerHour})
}

func (a *answer) exitCode() int {
	pending := func(o orderReport) bool { return o.Unschedulable > 0 }
	differs := func(o orderReport) bool { return !o.Same }
	switch {
	case len(a.Unschedulable) > 0 || slices.ContainsFunc(a.Orders, pending):
		return exitPending
	case slices.ContainsFunc(a.Orders, differs):
		return exitDiffers
	default:
		return exitPlaced
	}
}

func (c *cluster) report(ctx context.Context, s *scenario) (*report, error) {
	r := &report{KarpenterVersion: karpenterVersion(), Nodes: []nodeReport{}, Unschedulable: []podReport{},
		NodePools: []objectReport{}, Overlays: []objectReport{}, Existing: c.existing, Rounds: c.round, Consolidations: c.consolidations}
	for _, b := range c.bought {
		n := c.nodeReport(b)
		r.TotalPerHour += n.PricePerHour
		r.Nodes = append(r.Nodes, n)
	}
	r.TotalPerHour = dollars(r.TotalPerHour)
	r.Bought = purchases(r.Nodes)
	for _, pod := range c.api.pending() {
		reason := cmp.Or(c.refusals[pod.UID], "not tried: Karpenter ends a round after a minute")
		if !c.dynamic {
			reason = "no dynamic nodepools found"
		}
		r.Unschedulable = append(r.Unschedulable, podReport{podName(pod), reason})
	}
	for _, pool := range s.pools {
		r.NodePools = append(r.NodePools, readiness(pool.object.Name, pool.object))
	}
	overlays := &v1alpha1.NodeOverlayList{}
	if err := c.api.List(ctx, overlays); err != nil {
		return nil, err
	}
	for i := range overlays.Items {
		r.Overlays = append(r.Overlays, readiness(overlays.Items[i].Name, &overlays.Items[i]))
	}
	return r, nil
}

func (c *cluster) nodeReport(b *boughtNode) nodeReport {
	n := nodeReport{
		Name:         b.claim.Name,
		NodePool:     b.claim.Labels[karpv1.NodePoolLabelKey],
		Chosen:       b.claim.Labels[corev1.LabelInstanceTypeStable],
		CapacityType: b.claim.Labels[karpv1.CapacityTypeLabelKey],
		Zone:         b.claim.Labels[corev1.LabelTopologyZone],
		Round:        b.round,
		Pods:         podNames(c.api.pods[b.claim.Name]),
		Requests:     b.claim.Spec.Resources.Requests,
		WaitsFor:     string(c.waitsFor(b.claim.Name)),
	}
	n.Shows = c.shows[n.NodePool]
	for _, t := range b.types {
		n.InstanceTypes = append(n.InstanceTypes, t.Name)
	}
	n.PricePerHour = c.priceOf(c.cloud.types, n)
	if believed, err := c.cloud.overlays.ApplyAll(n.NodePool, c.cloud.types); err == nil {
		if dollars := c.priceOf(believed, n); dollars != n.PricePerHour {
			n.BelievedPrice = &dollars
		}
	}
	return n
}

func (c *cluster) priceOf(types []*cloudprovider.InstanceType, n nodeReport) float64 {
	for _, t := range types {
		if t.Name == n.Chosen {
			dollars, _ := t.OfferingPrice(n.Zone, n.CapacityType)
			return dollars
		}
	}
	return 0
}

// boughtNode is the bought node of that name, nil for a node of the input.
func (c *cluster) boughtNode(name string) *boughtNode {
	i := slices.IndexFunc(c.bought, func(b *boughtNode) bool { return b.claim.Name == name })
	if i < 0 {
		return nil
	}
	return c.bought[i]
}

// waitsFor is the resource for which Karpenter waits before it calls a bought node initialized.
func (c *cluster) waitsFor(name string) corev1.ResourceName {
	b := c.boughtNode(name)
	if b == nil {
		return ""
	}
	missing, _ := lifecycle.RequestedResourcesRegistered(c.scheduler.find(name).node, b.claim)
	return missing
}

// purchases sums up nodes by pool, type and capacity type, in that order.
func purchases(nodes []nodeReport) []purchase {
	type kind struct{ pool, chosen, capacityType string }
	sums := map[kind]purchase{}
	for _, n := range nodes {
		k := kind{n.NodePool, n.Chosen, n.CapacityType}
		s := sums[k]
		sums[k] = purchase{n.NodePool, n.Chosen, n.CapacityType, s.Nodes + 1, s.Pods + len(n.Pods), dollars(s.PricePerHour + n.PricePerHour)}
	}
	bought := slices.SortedFunc(maps.Values(sums), func(a, b purchase) int {
		return cmp.Or(cmp.Compare(a.NodePool, b.NodePool), cmp.Compare(a.Type, b.Type), cmp.Compare(a.CapacityType, b.CapacityType))
	})
	return append([]purchase{}, bought...)
}

// dollars drops what floating point adds: prices have six decimals at most.
func dollars(sum float64) float64 { return math.Round(sum*1e6) / 1e6 }

func readiness(name string, object status.Object) objectReport {
	r := objectReport{Name: name, Ready: object.StatusConditions().IsTrue(status.ConditionReady)}
	for _, condition := range object.GetConditions() {
		if condition.IsFalse() && condition.Type != status.ConditionReady { // Ready only names the one that fails
			r.Reason = condition.Reason + ": " + condition.Message
		}
	}
	return r
}

// karpenterVersion is the version of Karpenter in this program.
func karpenterVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "sigs.k8s.io/karpenter" {
				return module.Version
			}
		}
	}
	return "unknown"
}
