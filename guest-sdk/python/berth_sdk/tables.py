"""Read-only reference data beside the policy: `tables/NAME.csv` and `tables/NAME.json`. For look-ups by key only."""

import json
from typing import Any

from ._host import LookupFailed, host
from .error import SdkError

_PROBLEMS = {
    "no-such-table": "the policy has no such table: put it at tables/{table}.csv or tables/{table}.json",
    "too-many-lookups": "the decision has used up its look-ups",
}


def lookup(table: str, key: str) -> Any:
    """Looks up a key in a table. None if the table has no such key.

    A row of a CSV file is a dictionary of strings, keyed by the row's first column. A row of a JSON file is the member
    of that name. Without such a table, DPS is asked to come again.
    """
    try:
        row = host().lookup(table, key)
    except LookupFailed as failure:
        problem = _PROBLEMS[str(failure)].format(table=table)
        raise SdkError("table", f"table `{table}`: {problem}") from None
    return None if row is None else json.loads(row)
