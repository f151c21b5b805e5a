// SPDX-License-Identifier: Apache-2.0

// Command karpenter-oracle lets Karpenter's own code decide which nodes it would buy for the pods,
// NodePools and NodeOverlays of some manifests. It needs no cluster, no cloud and no network.
//
// This file has the command line and the exit codes; question.go has what happens in between.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/go-logr/logr"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// Exit codes.
const (
	exitPlaced  = 0 // every pod has a node, in every order
	exitPending = 1 // some pods have none
	exitFailed  = 2 // wrong input, or the oracle could not run
	exitDiffers = 3 // every pod has a node, but another order of arrival buys other nodes
)

const usage = `usage: karpenter-oracle [flags] FILE|DIR|- ...

Prints the nodes that Karpenter would buy for the pods in the manifests. Of a folder it reads
the .yaml, .yml and .json files, not those of folders inside it.
Exit code: 0 every pod has a node, 1 some have none, 2 wrong input, 3 with --orders: another order
of arrival buys other nodes.

`

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// settings is the command line.
type settings struct {
	question question
	output   string
	verbose  bool
}

func readFlags(args []string, help io.Writer) (*settings, error) {
	s := &settings{}
	q := &s.question
	flags := flag.NewFlagSet("karpenter-oracle", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are ours to print
	flags.StringVar(&q.market.catalog, "catalog", "", "types, sizes and prices: `FILE` (default data/ec2-gpu-instances.json, sought upwards from here and from the program)")
	flags.StringVar(&q.market.region, "region", "us-east-1", "AWS region to buy in, `REGION`")
	flags.Var(&q.market.capacityTypes, "capacity-type", "what is for sale, `LIST` of on-demand, spot (default on-demand)")
	flags.Var(&q.batches, "batch", "pods that arrive together, `N[,N...]`, 0 for all: each batch finds the nodes of the earlier ones; with --orders the orders take the sizes in turn (default 0)")
	flags.Int64Var(&q.shuffle, "shuffle", 0, "`SEED` for the order of arrival (default 0: the order of the input)")
	flags.IntVar(&q.orders, "orders", 0, "ask again in `N` more orders of arrival, with the seeds after --shuffle's, and compare")
	flags.BoolVar(&q.consolidate, "consolidate", false, "then let Karpenter consolidate until it finds nothing more to save")
	flags.Var(&q.shows, "shows", "what a pool's nodes really show once they run, `POOL:RESOURCE=N[,RESOURCE=N...]`, where that is not what Karpenter believes; repeatable")
	flags.StringVar(&s.output, "o", "table", "`FORMAT` of the answer, table or json")
	flags.BoolVar(&s.verbose, "v", false, "show Karpenter's log on standard error")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(help, usage)
			flags.SetOutput(help)
			flags.PrintDefaults()
			return nil, err
		}
		return nil, fmt.Errorf("%w: see karpenter-oracle -h", err)
	}
	q.paths = flags.Args()
	if s.output != "json" && s.output != "table" {
		return nil, fmt.Errorf("-o '%s': want json or table", s.output)
	}
	return s, q.check()
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fail := func(err error) int {
		fmt.Fprintf(stderr, "karpenter-oracle: %v\n", err)
		return exitFailed
	}
	s, err := readFlags(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return exitPlaced
	}
	if err != nil {
		return fail(err)
	}
	ctrllog.SetLogger(logr.Discard())
	if s.verbose {
		ctrllog.SetLogger(zap.New(zap.WriteTo(stderr), zap.UseDevMode(true)))
	}
	a, err := s.question.ask(context.Background(), stdin, func(note string) {
		fmt.Fprintf(stderr, "note: %s\n", note)
	})
	if err != nil {
		return fail(err)
	}
	if s.output == "table" {
		a.table(stdout)
		return a.exitCode()
	}
	encoder := json.NewEncoder(stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(a); err != nil {
		return fail(err)
	}
	return a.exitCode()
}
