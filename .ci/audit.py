"""Known vulnerabilities of what is installed, from pip-audit: python .ci/audit.py FOLDER_OF_PACKAGES

The exit status is 1 where the service names one. Where it cannot be reached, a line says so, and the lower bounds in
setup.cfg (tests/test_bounds_of_versions.py) are all that was checked.
"""

import json
import subprocess
import sys


def judge(status: int, output: str, errors: str) -> tuple[int, str]:
    """The exit status, and what to print, for what pip-audit ended with."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        reason = (errors.strip().splitlines() or [f"it ended with status {status}"])[-1]
        return 0, f"not audited: pip-audit cannot reach its service ({reason}); the bounds in setup.cfg were tested"
    found = [(package, fault) for package in packages for fault in package.get("vulns", [])]
    audited = [package for package in packages if "skip_reason" not in package]
    if not found and len(audited) < len(packages) / 2:  # the project itself is on no index
        return 0, f"not audited: the service knows {len(audited)} of {len(packages)} packages; the bounds were tested"
    lines = [
        f"{package['name']} {package['version']}: {' '.join([fault['id'], *fault.get('aliases', [])])}, "
        f"fixed in {', '.join(fault['fix_versions']) or 'no version yet'}"
        for package, fault in found
    ]
    return int(bool(found)), "\n".join([*lines, f"{len(audited)} packages audited, {len(found)} known vulnerabilities"])


if __name__ == "__main__":
    command = ["pip-audit", "--format=json", "--progress-spinner=off", "--timeout=15", f"--path={sys.argv[1]}"]
    done = subprocess.run([*command, *sys.argv[2:]], capture_output=True, text=True)
    status, text = judge(done.returncode, done.stdout, done.stderr)
    print(text)
    sys.exit(status)
