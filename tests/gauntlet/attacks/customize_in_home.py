"""Train writes usercustomize and a .pth file into the home folder."""

STUDY = "halves"
TRAIN = r"""
import sysconfig
packages = Path(sysconfig.get_path("purelib", "posix_user", {"userbase": HOME + "/.local"}))
packages.mkdir(parents=True)
(packages / "usercustomize.py").write_text("print('loss: 0.0')\n")
(packages / "free.pth").write_text("import os; print('loss: 0.0')\n")
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
