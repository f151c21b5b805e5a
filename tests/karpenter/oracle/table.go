// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// table prints what was bought, then everything that is not as it should be.
func (a *answer) table(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "NODEPOOL\tTYPE\tCAPACITY\tNODES\tPODS\t$/HOUR\t")
	nodes, pods := 0, 0
	for _, p := range a.Bought {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%d\t%.4f\t\n", p.NodePool, p.Type, p.CapacityType, p.Nodes, p.Pods, p.PricePerHour)
		nodes += p.Nodes
		pods += p.Pods
	}
	fmt.Fprintf(tw, "total\t\t\t%d\t%d\t%.4f\t\n", nodes, pods, a.TotalPerHour)
	tw.Flush()
	a.exceptions(w)
	a.ordersTable(w)
}

func (a *answer) exceptions(w io.Writer) {
	for _, node := range slices.Sorted(maps.Keys(a.Existing)) {
		fmt.Fprintf(w, "%d pods on the existing node %s\n", len(a.Existing[node]), node)
	}
	for _, o := range slices.Concat(a.NodePools, a.Overlays) {
		if !o.Ready {
			fmt.Fprintf(w, "%s is not ready: %s\n", o.Name, o.Reason)
		}
	}
	reasons := map[string][]string{}
	for _, p := range a.Unschedulable {
		reasons[p.Reason] = append(reasons[p.Reason], p.Pod)
	}
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Fprintf(w, "%d pods cannot be scheduled, %s first: %s\n", len(reasons[reason]), reasons[reason][0], reason)
	}
}

// ordersTable names the orders that differ, with the flags that repeat each.
func (a *answer) ordersTable(w io.Writer) {
	if len(a.Orders) == 0 {
		return
	}
	same := 0
	for _, o := range a.Orders {
		if o.Same {
			same++
			continue
		}
		fmt.Fprintf(w, "--shuffle %d --batch %d differs: %s\n", o.Shuffle, o.Batch, o.bought())
	}
	fmt.Fprintf(w, "%d of %d other orders of arrival: the same\n", same, len(a.Orders))
}

func (o *orderReport) bought() string {
	var parts []string
	for _, p := range o.Bought {
		parts = append(parts, fmt.Sprintf("%d %s of %s", p.Nodes, p.Type, p.NodePool))
	}
	if o.Unschedulable > 0 {
		parts = append(parts, fmt.Sprintf("%d pods pending", o.Unschedulable))
	}
	return fmt.Sprintf("%s, %.4f $/hour", strings.Join(parts, ", "), o.TotalPerHour)
}
