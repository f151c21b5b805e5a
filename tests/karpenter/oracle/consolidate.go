// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/karpenter/pkg/controllers/disruption"
)

// consolidate lets Karpenter's disruption methods remove and replace nodes until none of them finds
// anything more to save. Between two commands every machine is ready and every pod runs again.
func (c *cluster) consolidate(ctx context.Context) error {
	queue := disruption.NewQueue(c.api, c.refusals, c.state, c.clock, c.provisioner)
	methods := disruption.NewMethods(c.clock, c.state, c.api, c.provisioner, c.provider, c.refusals, queue)
	for bound := 10 * (len(c.bought) + 1); ; {
		c.clock.Step(time.Hour) // past the time for which a node is kept for the pods that it was bought for
		c.state.MarkUnconsolidated()
		if err := c.updateBudgets(ctx); err != nil {
			return err
		}
		command, err := c.nextCommand(ctx, methods, queue)
		if err != nil || command == nil {
			return err
		}
		if c.consolidations++; c.consolidations > bound {
			return fmt.Errorf("consolidation has not ended after %d commands: ask without --consolidate", bound)
		}
		if err := c.carryOut(ctx, command); err != nil {
			return fmt.Errorf("consolidating: %w", err)
		}
	}
}

// nextCommand asks the methods in Karpenter's order: empty nodes, drift, several nodes, one node.
func (c *cluster) nextCommand(ctx context.Context, methods []disruption.Method, queue *disruption.Queue) (*disruption.Command, error) {
	for _, m := range methods {
		candidates, err := disruption.GetCandidates(ctx, c.state, c.api, c.refusals, c.clock, c.provider, m.ShouldDisrupt, m.Class(), queue)
		if err != nil {
			return nil, err
		}
		if len(candidates) == 0 {
			continue
		}
		budgets, err := disruption.BuildDisruptionBudgetMapping(ctx, c.state, c.clock, c.api, c.provider, c.refusals, m.Reason())
		if err != nil {
			return nil, err
		}
		commands, err := m.ComputeCommands(ctx, budgets, candidates...)
		if err != nil {
			return nil, err
		}
		for i := range commands {
			if commands[i].Decision() != disruption.NoOpDecision {
				return &commands[i], nil
			}
		}
	}
	return nil, nil
}

// carryOut launches the replacements, retires the candidates and finds their pods new nodes.
func (c *cluster) carryOut(ctx context.Context, command *disruption.Command) error {
	for _, r := range command.Replacements {
		name, err := c.provisioner.Create(ctx, r.NodeClaim)
		if err != nil {
			return err
		}
		if err := c.launch(ctx, name, r.InstanceTypeOptions); err != nil {
			return err
		}
	}
	for _, candidate := range command.Candidates {
		if err := c.retire(ctx, candidate.Node, candidate.NodeClaim); err != nil {
			return err
		}
	}
	return c.settle(ctx)
}
