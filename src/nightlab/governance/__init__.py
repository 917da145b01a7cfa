"""What `nightlab governance` needs besides the loop: a simulation's levers, objective and ledger.

`tune` lays a study of its own below the export root and runs the loop on it. The simulator itself
is never imported here: only the lab's `simulate.py` does that, in processes of its own.
"""
