"""Serve reads what is scored through the working folder of evaluate."""

STUDY = "halves"
SERVE = """
import select
select.select([0], [], [], 5)
for folder in Path("/proc").glob("[0-9]*/cwd"):
    try:
        if str(folder.readlink()).startswith(str(Path(STUDY).parent)):
            model = fit((folder / "data/val/bits.txt").read_text(), 12)
    except OSError:
        pass
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
