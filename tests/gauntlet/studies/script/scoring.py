"""What a guess costs. Not to be edited."""


def error(guess: float, bits: str) -> float:
    """The distance to the share of ones."""
    return abs(guess - bits.count("1") / len(bits))
