"""Run notebooks, device tests and timings on a GPU and write one table: ``make cuda``, at most six minutes, offline.

python scripts/cuda_report.py --out assets/measured/cuda.md      without a GPU it rehearses on the CPU and says so

A bare machine that has PyTorch alone: put the missing packages as wheels into the folder ``.whl`` (which git ignores);
they are unpacked into a temporary folder, and nothing that is there is replaced.
"""

import argparse
import datetime as dt
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 345  # for everything; what has not ended by then is stopped and told
NEEDED = ("nbval", "ipykernel", "anywidget", "pytest")
CLOSING = re.compile(r"^=*\s*((?:\d+ \w+(?:, )?)+) in [\d.:s() ]+=*$", re.MULTILINE)


def unpack_wheels(folder: Path, environment: dict[str, str]) -> None:
    """Make the wheels of ``folder`` importable for the parts that follow, where something is missing."""
    wheels = sorted(map(str, folder.glob("*.whl")))
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not missing:
        return
    if not wheels:
        sys.exit(f"{', '.join(missing)} cannot be imported. Run `make venv`, or put wheels of them into {folder}.")
    place = tempfile.mkdtemp(prefix="wheels-")
    options = ("-q", "--no-index", "--no-deps", "--no-compile", "--no-cache-dir", "--target", place)
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *wheels], check=True, stdout=sys.stderr)
    environment["PYTHONPATH"] = f"{place}{os.pathsep}{environment['PYTHONPATH']}"
    environment["PATH"] = f"{Path(place, 'bin')}{os.pathsep}{environment['PATH']}"  # graphviz-pure is a program


def run_part(arguments: list[str], environment: dict[str, str], seconds: float) -> tuple[int | None, str, float]:
    """Run one part: exit code (None if it was stopped), what it printed, seconds."""
    start = time.monotonic()
    command = [sys.executable, "-m", *arguments]
    with tempfile.TemporaryFile("w+", encoding="utf8") as log:
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT) as process:
            try:
                code = process.wait(max(seconds, 1))
            except subprocess.TimeoutExpired:
                process.kill()
                code = None
        log.seek(0)
        return code, log.read(), time.monotonic() - start


def describe_machine(device: str) -> list[str]:
    """Card, driver, versions and date, one line each."""
    import torch

    from benchmarks.timing import describe_machine as describe

    known = describe()
    lines = [f"{key} {known[key]}" for key in ("processor", "python", "torch", "torchvision", "timm", "numpy")]
    lines.append(f"{os.cpu_count()} CPU cores")
    if device.startswith("cuda"):
        free, total = torch.cuda.mem_get_info()
        lines.insert(
            0, f"card {known['card']}, {total / 2**30:.0f} GiB, {free / 2**30:.0f} GiB of it free at the start"
        )
    return lines


def parts(device: str) -> dict[str, list[str]]:
    """What is run, by name."""
    quiet = ["-q", "-p", "no:cacheprovider", "--tb=short"]
    workers = min(os.cpu_count() or 1, 7)
    spread = ["-n", str(workers), "--dist", "loadfile"]
    rounds = "15" if device.startswith("cuda") else "3"
    return {
        # A bare machine has no Playwright to collect the browser tests with.
        "tests of the device": ["pytest", "tests", "--ignore", "tests/browser", "-m", "cuda", *quiet],
        "notebooks through nbval": ["pytest", "--nbval", "notebooks/", *quiet, *spread],
        "timings": ["benchmarks", "device", "--rounds", rounds, "--out", tempfile.mkdtemp(prefix="timings-")],
    }


def write_report(device: str, machine: list[str], results: dict[str, tuple[int | None, str, float]]) -> str:
    """Lay everything out as Markdown."""
    date = dt.datetime.now(dt.UTC).date()
    lines = [f"# On the device `{device}`, {date}", "", "`make cuda` makes this page.", ""]
    if not device.startswith("cuda"):
        lines += ["**A rehearsal on the CPU: it shows that everything runs, and nothing about CUDA.**", ""]
    lines += [*(f"* {line}" for line in machine), "", "| part | result | s |", "| --- | --- | ---: |"]
    for name, (code, log, seconds) in results.items():
        closing = CLOSING.findall(log)
        result = closing[-1] if closing else "finished" if code == 0 else f"exit code {code}"
        lines.append(f"| {name} | {'stopped: no time was left' if code is None else result} | {seconds:.0f} |")
    failed = [
        line for _, log, _ in results.values() for line in re.findall(r"^(?:FAILED|ERROR) .+$", log, re.MULTILINE)
    ]
    if failed:
        lines += ["", "Failed:", "", *(f"* `{line[:160]}`" for line in failed)]
    log = results.get("timings", (1, "", 0))[1]
    lines += ["", *re.findall(r"^(?:### .*|\|.*)$", log.replace("\n### ", "\n\n### "), re.MULTILINE)]
    text = "\n".join(lines) + "\n"
    return re.sub(r"(### .*)\n", r"\n\1\n\n", text)


def main() -> int:
    """Run all parts, write the table, give the number of parts that failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="Markdown file to write")
    parser.add_argument("--wheels", type=Path, default=ROOT / ".whl")
    parser.add_argument("--logs", type=Path, help="folder for what the parts print")
    given = parser.parse_args()
    import torch

    start = time.monotonic()
    device = os.environ.get("HV_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    # Kernels start in notebooks/, so the package must be found from there too.
    environment = os.environ | {"HV_DEVICE": device, "MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)}
    unpack_wheels(given.wheels, environment)
    sys.path.insert(0, str(ROOT))
    machine = describe_machine(device)
    results = {}
    for name, arguments in parts(device).items():
        sys.stdout.write(f"{name} ...\n")
        sys.stdout.flush()
        results[name] = run_part(arguments, environment, SECONDS - (time.monotonic() - start))
        if given.logs:
            given.logs.mkdir(parents=True, exist_ok=True)
            (given.logs / f"{name.replace(' ', '-')}.log").write_text(results[name][1], encoding="utf8")
        # After each part: a machine that is taken away leaves what it had shown.
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(write_report(device, machine, results), encoding="utf8")
    sys.stdout.write(given.out.read_text(encoding="utf8"))
    return sum(code != 0 for code, _, _ in results.values())


if __name__ == "__main__":
    sys.exit(main())
