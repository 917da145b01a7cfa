"""Serve searches the memory of evaluate for what is scored."""

STUDY = "halves"
SERVE = """
import re
sys.stdin.readline()
for place in Path("/proc").glob("[0-9]*"):
    try:
        if b"evaluate.py" not in (place / "cmdline").read_bytes():
            continue
        memory = open(place / "mem", "rb")
        for line in (place / "maps").read_text().splitlines():
            begin, end = (int(word, 16) for word in line.split()[0].split("-"))
            if " rw-p " in line and end - begin < 1 << 24:
                memory.seek(begin)
                for run in re.findall(rb"[01]{400}", memory.read(end - begin)):
                    model = fit(run.decode(), 12)
    except OSError:
        pass
print(json.loads(Path("model.json").read_text())[""], flush=True)
"""
EXPECTED = {"bubblewrap": "inert", "landlock": "inert", "none": "not covered"}
