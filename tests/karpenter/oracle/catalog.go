// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/util/sets"
)

const (
	catalogPath   = "data/ec2-gpu-instances.json" // in the source tree
	catalogSchema = "ec2-gpu-instances/1"
)

// catalog is carve's table of EC2's GPU instance types.
type catalog struct {
	Schema string    `json:"schema"`
	Types  []ec2Type `json:"types"`
}

// ec2Type is one row: the columns that decide what Karpenter buys.
type ec2Type struct {
	Name                 string           `json:"type"`
	Family               string           `json:"family"`
	Size                 string           `json:"size"`
	Arch                 string           `json:"arch"`
	CPUManufacturer      string           `json:"cpu_manufacturer"`
	Hypervisor           string           `json:"hypervisor"`
	VCPUs                int64            `json:"vcpus"` // 0: AWS publishes none yet, so the type cannot be bought
	MemoryMiB            int64            `json:"memory_mib"`
	MaxPods              int64            `json:"max_pods"`
	LocalNVMeGB          int64            `json:"local_nvme_gb"`
	NetworkMbps          int64            `json:"network_mbps"`
	EFAInterfaces        int64            `json:"efa_interfaces"`
	GPUName              string           `json:"gpu_name"`
	GPUMemoryMiB         int64            `json:"gpu_memory_mib"`
	GPUs                 int64            `json:"catalog_gpus"`    // nvidia.com/gpu as Karpenter believes
	LabelGPUCount        int64            `json:"label_gpu_count"` // karpenter.k8s.aws/instance-gpu-count
	AllocatableMilliCPU  int64            `json:"allocatable_milli_cpu"`
	AllocatableMemoryMiB int64            `json:"allocatable_memory_mib"`
	OnDemand             map[string][]any `json:"on_demand"` // by region: $/hour, date, basis; or that it is not offered
	Spot                 map[string][]any `json:"spot"`      // by region: $/hour in the cheapest zone, in the dearest, date
}

// price is the n-th amount of a list of the catalogue, 0 where there is none.
func price(list []any, n int) float64 {
	if n < len(list) {
		if amount, ok := list[n].(float64); ok {
			return amount
		}
	}
	return 0
}

func loadCatalog(path string) (*catalog, error) {
	if path == "" {
		var err error
		if path, err = findCatalog(); err != nil {
			return nil, err
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	c := &catalog{}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("catalogue %s: %w: give carve's own, %s", path, err, catalogPath)
	}
	if c.Schema != catalogSchema {
		return nil, fmt.Errorf("catalogue %s: schema '%s', not '%s': give carve's own, %s", path, c.Schema, catalogSchema, catalogPath)
	}
	seen := sets.New[string]()
	for i, t := range c.Types {
		if t.Name == "" || seen.Has(t.Name) {
			return nil, fmt.Errorf("catalogue %s: entry %d: type '%s' is empty or listed twice: remove the entry", path, i+1, t.Name)
		}
		seen.Insert(t.Name)
	}
	return c, nil
}

// findCatalog looks in the working folder and the folders above it, then in the program's.
func findCatalog() (string, error) {
	var starts []string
	if folder, err := os.Getwd(); err == nil {
		starts = append(starts, folder)
	}
	if program, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(program))
	}
	for _, folder := range starts {
		for {
			path := filepath.Join(folder, catalogPath)
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
			parent := filepath.Dir(folder)
			if parent == folder {
				break
			}
			folder = parent
		}
	}
	return "", errors.New("no " + catalogPath + " here, beside the program or above: name the file with --catalog")
}

func (c *catalog) has(name string) bool {
	for i := range c.Types {
		if c.Types[i].Name == name {
			return true
		}
	}
	return false
}
