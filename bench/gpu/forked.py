# SPDX-License-Identifier: Apache-2.0
"""Processes that a program starts: a pool by spawn, and a DataLoader whose workers are forks."""
import json
import multiprocessing
import sys

import torch


def work(number):
    """A sum on the GPU, in a process of its own."""
    return torch.full((1 << 20,), number, device="cuda").sum().item()


def main():
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        sums = pool.map(work, [1, 2, 3])
    loader = torch.utils.data.DataLoader(list(range(64)), batch_size=8, num_workers=2)
    total = sum(batch.cuda().sum().item() for batch in loader)
    print(json.dumps({"sums": sums, "total": total}), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
