// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"
)

// Bounds on what can be asked.
const (
	maxOrders = 1000
	maxPods   = 100000
	maxBytes  = 64 << 20 // of one manifest file, or of standard input
)

// question is what the oracle is asked: these manifests, this market, pods that arrive in these orders.
type question struct {
	paths       []string
	market      market
	batches     batchSizes
	shuffle     int64
	orders      int
	consolidate bool
	shows       shown
}

// order is one way in which the pods arrive.
type order struct {
	Shuffle int64 `json:"shuffle"` // seed, 0 for the order of the input
	Batch   int   `json:"batch"`   // pods that arrive together, 0 for all
}

func (q *question) check() error {
	if len(q.paths) == 0 {
		return errors.New("no input: name files or folders, or - for standard input")
	}
	if q.orders < 0 || q.orders > maxOrders {
		return fmt.Errorf("--orders %d: want 0 to %d", q.orders, maxOrders)
	}
	if len(q.market.capacityTypes) == 0 {
		q.market.capacityTypes = capacityTypes{karpv1.CapacityTypeOnDemand}
	}
	if len(q.batches) == 0 {
		q.batches = batchSizes{0}
	}
	if len(q.batches) > q.orders+1 {
		return fmt.Errorf("--batch %s: %d sizes for %d order(s): give one, or more --orders", q.batches, len(q.batches), q.orders+1)
	}
	return nil
}

// ask reads the manifests once and lets Karpenter answer once for each order.
func (q *question) ask(ctx context.Context, stdin io.Reader, note func(string)) (*answer, error) {
	ctx, err := withOptions(ctx)
	if err != nil {
		return nil, err
	}
	catalog, err := loadCatalog(q.market.catalog)
	if err != nil {
		return nil, err
	}
	s, err := readScenario(ctx, q.paths, stdin)
	if err != nil {
		return nil, err
	}
	for _, n := range s.notes {
		note(n)
	}
	if err := errors.Join(s.checkInstanceTypes(catalog), q.shows.check(s)); err != nil {
		return nil, err
	}
	s.sellOnly(q.market.capacityTypes)
	a := &answer{}
	for i := range q.orders + 1 {
		o := order{q.shuffle + int64(i), q.batches[i%len(q.batches)]}
		r, err := q.run(ctx, catalog, s.copy(), o)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			a.report = *r
		} else {
			a.compare(o, r)
		}
	}
	return a, nil
}

// run lets Karpenter buy for pods that arrive in one order, in a cluster of its own.
func (q *question) run(ctx context.Context, catalog *catalog, s *scenario, o order) (*report, error) {
	types, err := q.market.instanceTypes(catalog)
	if err != nil {
		return nil, err
	}
	c, err := newCluster(ctx, s, types, q.shows)
	if err != nil {
		return nil, err
	}
	if err := c.provision(ctx, s, o); err != nil {
		return nil, err
	}
	if q.consolidate {
		if err := c.consolidate(ctx); err != nil {
			return nil, err
		}
	}
	return c.report(ctx, s)
}

// capacityTypes is the value of --capacity-type.
type capacityTypes []string

func (t *capacityTypes) String() string { return strings.Join(*t, ",") }

// Set takes the place of an earlier value.
func (t *capacityTypes) Set(value string) error {
	*t = nil
	for word := range strings.SplitSeq(value, ",") {
		if word != karpv1.CapacityTypeOnDemand && word != karpv1.CapacityTypeSpot {
			return errors.New("want on-demand, spot, or both with a comma")
		}
		if !slices.Contains(*t, word) {
			*t = append(*t, word)
		}
	}
	return nil
}

// batchSizes is the value of --batch.
type batchSizes []int

func (b batchSizes) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint([]int(b)), " ", ","), "[]")
}

// Set takes the place of an earlier value.
func (b *batchSizes) Set(value string) error {
	*b = nil
	for word := range strings.SplitSeq(value, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 0 {
			return errors.New("want numbers of pods with commas, 0 for all at once")
		}
		*b = append(*b, n)
	}
	return nil
}

// shown is the value of --shows: by NodePool, what its nodes show where Karpenter believes otherwise.
type shown map[string]corev1.ResourceList

func (s *shown) String() string { return "" }

// Set adds to earlier values.
func (s *shown) Set(value string) error {
	pool, list, ok := strings.Cut(value, ":")
	if !ok || pool == "" {
		return errors.New("want POOL:RESOURCE=N[,RESOURCE=N...]")
	}
	if *s == nil {
		*s = shown{}
	}
	if (*s)[pool] == nil {
		(*s)[pool] = corev1.ResourceList{}
	}
	for word := range strings.SplitSeq(list, ",") {
		name, amount, _ := strings.Cut(word, "=")
		n, err := strconv.ParseInt(amount, 10, 64)
		if err != nil || n < 0 || n > math.MaxInt32 {
			return fmt.Errorf("'%s': want RESOURCE=N, N a whole number", word)
		}
		if !extended(corev1.ResourceName(name)) || len(validation.IsQualifiedName(name)) > 0 {
			return fmt.Errorf("'%s': want a resource of a device plugin, such as nvidia.com/gpu", name)
		}
		if _, twice := (*s)[pool][corev1.ResourceName(name)]; twice {
			return fmt.Errorf("'%s' is given twice for pool '%s'", name, pool)
		}
		(*s)[pool][corev1.ResourceName(name)] = *resource.NewQuantity(n, resource.DecimalSI)
	}
	return nil
}

// check refuses pools that the scenario lacks: the amounts would have no effect.
func (s shown) check(sc *scenario) error {
	var errs []error
	for pool := range s {
		if !slices.ContainsFunc(sc.pools, func(p sourced[*karpv1.NodePool]) bool { return p.object.Name == pool }) {
			errs = append(errs, fmt.Errorf("--shows %s:...: no NodePool '%s' in the input: name one that is", pool, pool))
		}
	}
	return errors.Join(errs...)
}
