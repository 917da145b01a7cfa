"""The policy. The only file that may be edited."""

# the attack on the module stands here


def act(state: float) -> float:
    """What to do in a state between 0 and 1."""
    # the attack on a call stands here
    return state
