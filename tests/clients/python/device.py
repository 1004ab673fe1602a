"""A device with the official client for Python.

Reads what to do as JSON on standard input and prints what came of each registration as JSON; nothing of the client is
changed or replaced.
"""

import asyncio
import inspect
import json
import logging
import pathlib
import sys
import tempfile

from azure.iot.device import ProvisioningDeviceClient, X509, aio
from azure.iot.device.exceptions import ClientError

# The words in which the client tells how a registration ended, of which it tells no more.
ENDS = {
    "failed registration status": "failed",
    "invalid registration status disabled": "disabled",
    "service error status code": "refused",
}


def written(folder, name, text):
    file = pathlib.Path(folder, name)
    file.write_text(text)
    return str(file)


def client(task, folder):
    common = {
        "provisioning_host": task["host"],
        "registration_id": task["registrationId"],
        "id_scope": task["idScope"],
        "server_verification_cert": task["authority"],
        "websockets": task["transport"] == "mqtt-ws",
    }
    kind = aio.ProvisioningDeviceClient if task["isAsynchronous"] else ProvisioningDeviceClient
    if "symmetricKey" in task:
        return kind.create_from_symmetric_key(symmetric_key=task["symmetricKey"], **common)
    certificate = written(folder, "certificate.pem", task["certificate"])
    x509 = X509(cert_file=certificate, key_file=written(folder, "key.pem", task["key"]))
    return kind.create_from_x509_certificate(x509=x509, **common)


async def register(task, payload, folder):
    device = client(task, folder)
    if payload is not None:
        device.provisioning_payload = payload
    try:
        result = device.register()
        if inspect.isawaitable(result):
            result = await result
    except ClientError as error:
        told = " ".join(str(cause) for cause in (error, error.__cause__) if cause)
        status = next((status for words, status in ENDS.items() if words in told), "unknown")
        return {"status": status, "error": f"{type(error).__name__}: {told}"}
    state = result.registration_state
    payload = state.response_payload
    return {
        "status": result.status,
        "hub": state.assigned_hub,
        "deviceId": state.device_id,
        "substatus": state.sub_status,
        "payload": json.loads(payload) if payload else None,
    }


def main():
    # The client's own account of a failure goes to standard error, for whoever reads a failed test.
    logging.basicConfig(level=logging.WARNING)
    task = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        results = [asyncio.run(register(task, payload, folder)) for payload in task["payloads"]]
    json.dump(results, sys.stdout)


main()
