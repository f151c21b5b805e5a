// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/awslabs/operatorpkg/status"
	"github.com/samber/lo"
	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/controllers/nodeoverlay"
	"sigs.k8s.io/karpenter/pkg/scheduling"
	"sigs.k8s.io/karpenter/pkg/utils/resources"
)

// paperCloud is a cloud provider whose machines exist on paper: it offers the catalogue's types and
// launches what AWS would if everything were in stock.
type paperCloud struct {
	cloudprovider.CloudProvider // nil: the methods that are never called here

	types    []*cloudprovider.InstanceType
	overlays *nodeoverlay.InstanceTypeStore
	launched int
}

func (p *paperCloud) Name() string { return "paper" }

func (p *paperCloud) GetSupportedNodeClasses() []status.Object {
	return []status.Object{&EC2NodeClass{}}
}

// GetInstanceTypes is without overlays; Karpenter's own decorator puts those on.
func (p *paperCloud) GetInstanceTypes(context.Context, *karpv1.NodePool) ([]*cloudprovider.InstanceType, error) {
	return p.types, nil
}

// Create launches a machine for the claim: the type, zone and price are put into its labels and status.
func (p *paperCloud) Create(_ context.Context, claim *karpv1.NodeClaim) (*karpv1.NodeClaim, error) {
	types, err := p.overlays.ApplyAll(claim.Labels[karpv1.NodePoolLabelKey], p.types)
	if err != nil {
		return nil, err
	}
	offers := offersFor(types, claim)
	if len(offers) == 0 {
		return nil, cloudprovider.NewInsufficientCapacityError(errors.New("no instance type that the claim allows is for sale"))
	}
	best := slices.MinFunc(offers, func(a, b offer) int {
		return cmp.Or(cmp.Compare(a.offering.Price, b.offering.Price), strings.Compare(a.instance.Name, b.instance.Name),
			strings.Compare(a.offering.Zone(), b.offering.Zone()))
	})
	p.launched++
	claim = claim.DeepCopy()
	claim.Status.ProviderID = fmt.Sprintf("aws:///%s/i-%017x", best.offering.Zone(), p.launched)
	claim.Status.Capacity = withoutZeros(best.instance.Capacity)
	claim.Status.Allocatable = withoutZeros(best.instance.Allocatable())
	for label, r := range best.instance.Requirements {
		if r.Operator() == corev1.NodeSelectorOpIn && r.Len() == 1 {
			claim.Labels[label] = r.Any()
		}
	}
	claim.Labels[corev1.LabelTopologyZone] = best.offering.Zone()
	claim.Labels[karpv1.CapacityTypeLabelKey] = best.offering.CapacityType()
	return claim, nil
}

// offer is one line of EC2's price list.
type offer struct {
	instance *cloudprovider.InstanceType
	offering *cloudprovider.Offering
}

// offersFor is what the AWS provider would ask EC2 for: of all that the claim allows plain types before
// exotic ones, no spot dearer than the cheapest on demand, and spot alone if there is any.
func offersFor(types []*cloudprovider.InstanceType, claim *karpv1.NodeClaim) []offer {
	requirements := scheduling.NewNodeSelectorRequirementsWithMinValues(claim.Spec.Requirements...)
	var offers []offer
	for _, t := range types {
		if !requirements.IsCompatible(t.Requirements, scheduling.AllowUndefinedWellKnownLabels) ||
			!resources.Fits(claim.Spec.Resources.Requests, t.Allocatable()) {
			continue
		}
		for _, o := range t.Offerings.Available().Compatible(requirements) {
			offers = append(offers, offer{t, o})
		}
	}
	if !requirements.HasMinValues() {
		offers = narrow(offers, func(o offer) bool { return !exotic(o.instance) })
		cheapest := math.Inf(1)
		for _, o := range offers {
			if o.offering.CapacityType() == karpv1.CapacityTypeOnDemand {
				cheapest = min(cheapest, o.offering.Price)
			}
		}
		offers = narrow(offers, func(o offer) bool { return o.offering.Price <= cheapest || !spot(o) })
	}
	return narrow(offers, spot)
}

func spot(o offer) bool { return o.offering.CapacityType() == karpv1.CapacityTypeSpot }

// narrow keeps the offers that pass the test, or all of them if none does.
func narrow(offers []offer, test func(offer) bool) []offer {
	if kept := lo.Filter(offers, func(o offer, _ int) bool { return test(o) }); len(kept) > 0 {
		return kept
	}
	return offers
}

// exotic types are bare metal or have accelerators; the catalogue has no other accelerator than GPUs.
func exotic(t *cloudprovider.InstanceType) bool {
	return strings.Contains(t.Requirements.Get(awsInstance+"size").Any(), "metal") || !resources.IsZero(t.Capacity[gpuResource])
}

// withoutZeros drops what a kubelet would not report: overlays can set a resource to 0.
func withoutZeros(list corev1.ResourceList) corev1.ResourceList {
	return lo.OmitBy(list, func(_ corev1.ResourceName, q apiresource.Quantity) bool { return q.IsZero() })
}

// EC2NodeClass stands for the AWS provider's class. Karpenter's core looks at its group and kind only,
// to tell its own NodePools from those of other providers.
type EC2NodeClass struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	conditions        []status.Condition
}

func init() {
	scheme.Scheme.AddKnownTypes(schema.GroupVersion{Group: awsGroup, Version: "v1"}, &EC2NodeClass{})
}

func (c *EC2NodeClass) GetConditions() []status.Condition           { return c.conditions }
func (c *EC2NodeClass) SetConditions(conditions []status.Condition) { c.conditions = conditions }

func (c *EC2NodeClass) StatusConditions(opts ...status.ForOption) status.ConditionSet {
	return status.NewReadyConditions().For(c, opts...)
}

// DeepCopyObject makes it a runtime.Object.
func (c *EC2NodeClass) DeepCopyObject() runtime.Object {
	return &EC2NodeClass{TypeMeta: c.TypeMeta, ObjectMeta: *c.ObjectMeta.DeepCopy(), conditions: slices.Clone(c.conditions)}
}
