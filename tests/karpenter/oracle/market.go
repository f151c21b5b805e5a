// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/scheduling"
)

// Names that the AWS provider gives to Karpenter's core.
const (
	awsGroup      = "karpenter.k8s.aws"
	awsInstance   = awsGroup + "/instance-"
	reservationID = awsGroup + "/capacity-reservation-id"

	gpuResource = "nvidia.com/gpu"
	efaResource = "vpc.amazonaws.com/efa"
)

// awsLabels are the well-known labels of the AWS provider. To the core any other label is a user's
// own, which filters no instance type.
var awsLabels = func() []string {
	labels := []string{reservationID, awsGroup + "/capacity-reservation-type",
		awsGroup + "/capacity-reservation-interruptible", awsGroup + "/placement-group-id",
		awsGroup + "/placement-group-partition", "topology.k8s.aws/zone-id", corev1.LabelWindowsBuild}
	for _, name := range []string{"hypervisor", "encryption-in-transit-supported", "category", "capability-flex",
		"family", "generation", "size", "local-nvme", "cpu", "cpu-manufacturer", "cpu-sustained-clock-speed-mhz",
		"memory", "ebs-bandwidth", "network-bandwidth", "gpu-name", "gpu-manufacturer", "gpu-count", "gpu-memory",
		"accelerator-name", "accelerator-manufacturer", "accelerator-count", "tenancy"} {
		labels = append(labels, awsInstance+name)
	}
	return labels
}()

func init() {
	karpv1.WellKnownLabels.Insert(awsLabels...)
	karpv1.RestrictedLabelDomains.Insert(awsGroup)
	karpv1.WellKnownValuesForRequirements[awsInstance+"tenancy"] = sets.New("default", "dedicated")
	// What a NodeOverlay may not set. The AWS provider leaves out nvidia.com/gpu and amd.com/gpu.
	karpv1.WellKnownResources.Insert("vpc.amazonaws.com/pod-eni", efaResource,
		"aws.amazon.com/neuron", "aws.amazon.com/neuroncore", "habana.ai/gaudi")
	cloudprovider.ReservationIDLabel = reservationID
}

// market is what EC2 has for sale.
type market struct {
	catalog       string // file
	region        string
	capacityTypes capacityTypes
}

// instanceTypes is Karpenter's view of every type that can be bought.
func (m *market) instanceTypes(c *catalog) ([]*cloudprovider.InstanceType, error) {
	var types []*cloudprovider.InstanceType
	regions := sets.New[string]()
	for i := range c.Types {
		t := &c.Types[i]
		regions.Insert(slices.Collect(maps.Keys(t.OnDemand))...)
		offerings := m.offerings(t)
		if len(offerings) == 0 || t.VCPUs == 0 {
			continue
		}
		types = append(types, &cloudprovider.InstanceType{
			Name:         t.Name,
			Requirements: t.requirements(m.region, offerings),
			Offerings:    offerings,
			Capacity:     t.capacity(),
			Overhead:     t.overhead(),
		})
	}
	if len(types) == 0 {
		return nil, fmt.Errorf("the catalogue has no %s price in region '%s': choose another --region or --capacity-type; it has prices for %s",
			strings.Join(m.capacityTypes, " or "), m.region, strings.Join(sets.List(regions), ", "))
	}
	return types, nil
}

// offerings are the pairs of zone and capacity type with their prices. The catalogue has no zones:
// on demand a zone costs as much as the next; on the spot market zone a has the lowest price seen in
// the region, and b and c the highest.
func (m *market) offerings(t *ec2Type) cloudprovider.Offerings {
	var offerings cloudprovider.Offerings
	add := func(zone, capacityType string, dollars float64) {
		if dollars <= 0 || !slices.Contains(m.capacityTypes, capacityType) {
			return
		}
		offerings = append(offerings, &cloudprovider.Offering{
			Requirements: scheduling.NewRequirements(
				scheduling.NewRequirement(corev1.LabelTopologyZone, corev1.NodeSelectorOpIn, zone),
				scheduling.NewRequirement(karpv1.CapacityTypeLabelKey, corev1.NodeSelectorOpIn, capacityType),
				scheduling.NewRequirement(reservationID, corev1.NodeSelectorOpDoesNotExist),
			),
			Price:     dollars,
			Available: true,
		})
	}
	for i, letter := range []string{"a", "b", "c"} {
		add(m.region+letter, karpv1.CapacityTypeOnDemand, price(t.OnDemand[m.region], 0))
		add(m.region+letter, karpv1.CapacityTypeSpot, price(t.Spot[m.region], min(i, 1)))
	}
	return offerings
}

var categoryAndGeneration = regexp.MustCompile(`^([a-z]+).*?([0-9]+)`)

// requirements are the labels that a node of this type will carry. Each well-known label needs an
// entry; "DoesNotExist" stands for what the type lacks or the catalogue does not know.
func (t *ec2Type) requirements(region string, offerings cloudprovider.Offerings) scheduling.Requirements {
	values := map[string][]string{
		corev1.LabelInstanceTypeStable:   {t.Name},
		corev1.LabelArchStable:           {t.Arch},
		corev1.LabelOSStable:             {string(corev1.Linux)},
		corev1.LabelTopologyRegion:       {region},
		awsInstance + "cpu":              {number(t.VCPUs)},
		awsInstance + "cpu-manufacturer": {t.CPUManufacturer},
		awsInstance + "memory":           {number(t.MemoryMiB)},
		awsInstance + "hypervisor":       {t.Hypervisor},
		awsInstance + "family":           {t.Family},
		awsInstance + "size":             {t.Size},
		awsInstance + "capability-flex":  {"false"},
		awsInstance + "tenancy":          {"default", "dedicated"},
		awsInstance + "gpu-name":         {t.GPUName},
		awsInstance + "gpu-manufacturer": {"nvidia"},
		awsInstance + "gpu-count":        {number(t.LabelGPUCount)},
		awsInstance + "gpu-memory":       {number(t.GPUMemoryMiB)},
	}
	if t.LocalNVMeGB > 0 {
		values[awsInstance+"local-nvme"] = []string{number(t.LocalNVMeGB)}
	}
	if t.NetworkMbps > 0 {
		values[awsInstance+"network-bandwidth"] = []string{number(t.NetworkMbps)}
	}
	if m := categoryAndGeneration.FindStringSubmatch(t.Family); m != nil {
		values[awsInstance+"category"] = m[1:2]
		values[awsInstance+"generation"] = m[2:3]
	}
	for _, o := range offerings {
		values[corev1.LabelTopologyZone] = append(values[corev1.LabelTopologyZone], o.Zone())
		values[karpv1.CapacityTypeLabelKey] = append(values[karpv1.CapacityTypeLabelKey], o.CapacityType())
	}
	requirements := scheduling.NewRequirements()
	for _, label := range awsLabels {
		requirements[label] = scheduling.NewRequirement(label, corev1.NodeSelectorOpDoesNotExist)
	}
	for label, v := range values {
		requirements[label] = scheduling.NewRequirement(label, corev1.NodeSelectorOpIn, v...)
	}
	return requirements
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// What the AWS provider assumes of a machine unless it is told otherwise.
const (
	vmMemoryOverhead = 0.075 // VM_MEMORY_OVERHEAD_PERCENT
	gravitonMiB      = 64    // contiguous memory that arm64 machines keep for themselves
	rootVolumeGiB    = 20
	rootReservedGiB  = 3 // kubelet 1 GiB, eviction a tenth of the volume
)

// memoryMiB is what the provider expects the kubelet to report.
func (t *ec2Type) memoryMiB() int64 {
	mib := t.MemoryMiB
	if t.Arch == karpv1.ArchitectureArm64 {
		mib -= gravitonMiB
	}
	return mib - int64(math.Ceil(float64(mib)*vmMemoryOverhead))
}

func (t *ec2Type) capacity() corev1.ResourceList {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewQuantity(t.VCPUs, resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(t.memoryMiB()<<20, resource.BinarySI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(rootVolumeGiB<<30, resource.BinarySI),
		corev1.ResourcePods:             *resource.NewQuantity(t.MaxPods, resource.DecimalSI),
	}
	for name, n := range map[corev1.ResourceName]int64{gpuResource: t.GPUs, efaResource: t.EFAInterfaces} {
		if n > 0 {
			capacity[name] = *resource.NewQuantity(n, resource.DecimalSI)
		}
	}
	return capacity
}

// overhead is what is not left for pods. The catalogue has what is, from AWS's own reference.
func (t *ec2Type) overhead() *cloudprovider.InstanceTypeOverhead {
	return &cloudprovider.InstanceTypeOverhead{KubeReserved: corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewMilliQuantity(t.VCPUs*1000-t.AllocatableMilliCPU, resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity((t.memoryMiB()-t.AllocatableMemoryMiB)<<20, resource.BinarySI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(rootReservedGiB<<30, resource.BinarySI),
	}}
}
