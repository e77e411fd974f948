"""What measuring every picture's latency costs a client: pairs of runs with and without, at the same time.

    python -m benches.latency_cost [--rounds 9] [--seconds 10] [--delay-ms 0]

A delay of 20 s keeps 600 markers in flight. Both clients of a pair share a service, and what else the machine does.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from benches.turns import serving, turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    given = parser.parse_args()
    costs = []
    print("| without, ms a picture | with | more |\n|--:|--:|--:|")
    with serving("--delay-ms", f"{given.delay_ms:g}") as url, ThreadPoolExecutor(2) as pool:
        for _ in range(given.rounds):
            pair = [pool.submit(turn, who, url, given.seconds) for who in ("ours", "marked")]
            without, with_markers = (each.result()["cpu"] * 1000 for each in pair)
            costs.append(with_markers / without - 1)
            print(f"| {without:.2f} | {with_markers:.2f} | {costs[-1]:+.1%} |", flush=True)
    print(f"median {median(costs):+.1%}")


if __name__ == "__main__":
    main()
