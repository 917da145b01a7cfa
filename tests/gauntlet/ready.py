"""What is done once, before any attack: the processes that meet one are forked off where it is."""

import gc
import os
import sys
from pathlib import Path

import numpy  # noqa: F401

import gauntlet.run
import nightlab.remember.memory  # noqa: F401
from nightlab.run.sandbox.interpreter import ask_interpreter

_, _, others = os.environ.pop("PYTHONPATH").partition(str(gauntlet.run.TESTS))
if others:
    os.environ["PYTHONPATH"] = others.lstrip(os.pathsep)
ask_interpreter(Path(sys.executable))
gc.freeze()  # what is here already is no garbage of an attack's
