"""Does the cost grow linearly? A small network's training step over three doublings of batch, depth and number of pixels.

    python examples/benchmarks/scaling.py [--rounds 20]

Each line doubles one of the three; the last column is what a doubling costs, which is 2 where cost is linear.
"""

import argparse
import time

import numpy as np

import minicnn

START = {"batch": 16, "depth": 4, "pixels": 1024}


def step(batch, depth, pixels):
    """A function that does one training step on `batch` images of about `pixels` pixels with `depth` middle layers."""
    nn, side = minicnn.nn, (32, pixels // 32)
    layers = [nn.Conv2d(3, 32, 3, padding=1)]
    for _ in range(depth):
        layers += [nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
    optimizer = minicnn.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    rng = np.random.default_rng(0)
    x, y = minicnn.tensor(rng.normal(size=(batch, 3, *side)).astype(np.float32)), minicnn.tensor(rng.integers(0, 10, batch))

    def train():
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return train


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    print(f"{'':8}{'batch':>7}{'depth':>7}{'pixels':>8}{'ms':>10}{'x':>7}")
    for name in ("batch", "depth", "pixels"):
        sizes = [{**START, name: START[name] * 2**k} for k in range(4)]
        functions, best = [step(**size) for size in sizes], [float("inf")] * 4
        for _ in range(rounds + 1):  # turn by turn, so that a disturbance meets all sizes alike; the least time counts
            for k, function in enumerate(functions):
                start = time.perf_counter()
                function()
                best[k] = min(best[k], time.perf_counter() - start)
        for k, size in enumerate(sizes):
            factor = f"{best[k] / best[k - 1]:7.2f}" if k else " " * 7
            numbers = f"{size['batch']:7}{size['depth']:7}{size['pixels']:8}{1e3 * best[k]:10.2f}{factor}"
            print(f"{name if not k else '':8}{numbers}", flush=True)


if __name__ == "__main__":
    main()
