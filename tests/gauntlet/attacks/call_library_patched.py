"""The function under test replaces a function of the standard library."""

STUDY = "call"
MODULE = """
import json
real = json.dumps
json.dumps = lambda data, *more: real({"metrics": {"loss": 0.0}} if "metrics" in data else data)
"""
EXPECTED = {
    "bubblewrap": "not covered",
    "landlock": "not covered",
    "none": "not covered",
    "naive": "inert",
}
