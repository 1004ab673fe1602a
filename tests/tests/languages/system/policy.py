"""Asks for what a policy does not have, by the device's id."""

import datetime
import json
import logging
import os
import random
import secrets
import sys
import time
import uuid
from datetime import date
from pathlib import Path
from time import time as now

from berth_sdk import Decision, Request

print("loaded")


def printed():
    print("one", 2)
    print("no ", end="")
    print("error", file=sys.stderr)
    print("end")
    print("half \ud800")
    print("last", end="", flush=True)


def logged():
    logging.debug("d")
    logging.info("i %s", 1)
    logging.getLogger("own").warning("w")
    try:
        raise ValueError("caught")
    except ValueError as error:
        logging.error("e: %s", error)


def dates():
    moment = datetime.datetime.strptime("2026-11-27", "%Y-%m-%d")
    later = moment + datetime.timedelta(days=1)
    kinds = isinstance(later, datetime.datetime), isinstance(later.date(), date), isinstance(datetime.datetime.min, datetime.datetime)
    print(later.isoformat(), *kinds, time.strftime("%Y", time.gmtime(0)), datetime.datetime.max > moment)


def imports():
    import statistics

    return statistics


def chance():
    print(random.random() == random.Random(0).random())


ASKED = {
    "printed": printed,
    "logged": logged,
    "dates": dates,
    "imports": imports,
    "chance": chance,
    "time": time.time,
    "now": lambda: now(),
    "monotonic": lambda: time.monotonic_ns(),
    "strftime": lambda: time.strftime("%Y"),
    "localtime": lambda: time.localtime(),
    "sleep": lambda: time.sleep(1),
    "datetime": lambda: datetime.datetime.now(datetime.timezone.utc),
    "today": lambda: date.today(),
    "urandom": lambda: os.urandom(4),
    "secrets": lambda: secrets.token_hex(4),
    "uuid": lambda: uuid.uuid4(),
    "open": lambda: open("models.csv"),
    "path": lambda: Path("models.csv").read_text(),
    "exists": lambda: print(os.path.exists("models.csv")),
    "list": lambda: os.listdir("."),
    "input": lambda: input(),
    "json": lambda: json.loads("{"),
    "exit": lambda: sys.exit(3),
    "half": lambda: "\ud800",
}


def allocate(request: Request) -> Decision:
    made = ASKED[request.registration_id]()
    return Decision.to(made if isinstance(made, str) else request.hubs().first())
