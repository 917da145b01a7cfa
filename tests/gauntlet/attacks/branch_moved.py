"""Train moves the study's branches to a commit of its own."""

STUDY = "halves"
TRAIN = """
import subprocess
def git(*words):
    identity = ["-c", "user.name=x", "-c", "user.email=x@x", "-c", "safe.directory=*"]
    done = subprocess.run(["git", *identity, "-C", STUDY, *words], capture_output=True, text=True)
    return done.stdout.strip()
mine = git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "mine")
for branch in git("for-each-ref", "--format=%(refname)", "refs/heads").split():
    git("update-ref", branch, mine)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
