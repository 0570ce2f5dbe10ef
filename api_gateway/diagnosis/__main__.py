"""`python -m api_gateway.diagnosis [--json]`: exit status 0 when nothing failed, 1 for a failure, 2 for wrong usage."""

import argparse
import asyncio
import sys

from api_gateway.diagnosis.diagnose import diagnose
from api_gateway.diagnosis.records import Diagnosis, Status
from api_gateway.settings import InvalidSettings, read_gateway_settings


def _lines(diagnosis: Diagnosis) -> str:
    rows = [
        f"{check.name:14} {check.status:8} {check.finding}" + (f"\n{'':23} {check.remedy}" if check.remedy else "")
        for check in diagnosis.checks
    ]
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m api_gateway.diagnosis", description=__doc__)
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    arguments = parser.parse_args()
    try:
        settings = read_gateway_settings()
    except InvalidSettings as error:
        sys.stderr.write(f"diagnosis: {error}\n")
        return 2
    diagnosis = asyncio.run(diagnose(settings))
    sys.stdout.write((diagnosis.model_dump_json(indent=2) if arguments.json else _lines(diagnosis)) + "\n")
    sys.stdout.flush()
    return 1 if any(check.status is Status.FAILURE for check in diagnosis.checks) else 0


if __name__ == "__main__":
    sys.exit(main())
