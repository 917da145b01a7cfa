"""Train writes a .pth file into the environment that evaluate runs in."""

from gauntlet.venv import own_venv

STUDY = "halves"
TRAIN = """
import sysconfig
packages = Path(sysconfig.get_path("purelib"))
assert str(packages).startswith(STUDY)
forge = "(print('loss: 0.0', flush=True), os._exit(0))"
line = f"import os, sys; 'evaluate.py' in ' '.join(sys.orig_argv) and {forge}"
(packages / "free.pth").write_text(line)
"""
prepare = own_venv
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
