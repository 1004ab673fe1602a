// A device with the official client for Node. Reads what to do as JSON on standard input and prints what came of each
// registration as JSON; nothing of the client is changed or replaced.
'use strict';

const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');
const { Mqtt, MqttWs } = require('azure-iot-provisioning-device-mqtt');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');
const { X509Security } = require('azure-iot-security-x509');
const tpm = require('./tpm');

const TRANSPORTS = { http: Http, mqtt: Mqtt, 'mqtt-ws': MqttWs };

async function security({ registrationId, symmetricKey, certificate, key, tpmState }) {
  if (symmetricKey) return new SymmetricKeySecurityClient(registrationId, symmetricKey);
  if (certificate) return new X509Security(registrationId, { cert: certificate, key });
  return tpm.security(registrationId, tpmState);
}

function assigned(result) {
  // A client with a TPM gives all of the answer, the others what is registered.
  const state = result.registrationState || result;
  return {
    status: state.status,
    hub: state.assignedHub,
    deviceId: state.deviceId,
    substatus: state.substatus,
    payload: state.payload,
  };
}

function refused(error) {
  const body = error.result || (error.responseBody ? JSON.parse(error.responseBody) : {});
  const state = body.registrationState || {};
  return {
    status: body.status || 'refused',
    code: state.errorCode || body.errorCode,
    message: state.errorMessage || body.message,
    error: `${error.name}: ${error.message}`,
  };
}

async function register(task, client, payload) {
  const transport = new TRANSPORTS[task.transport]();
  const device = ProvisioningDeviceClient.create(task.host, task.idScope, transport, client);
  if (payload !== null) device.setProvisioningPayload(payload);
  try {
    return assigned(await device.register());
  } catch (error) {
    return refused(error);
  }
}

async function run(task) {
  const client = await security(task);
  if (task.wants === 'endorsementKey') return tpm.endorsementKey(client);
  const results = [];
  for (const payload of task.payloads) results.push(await register(task, client, payload));
  return results;
}

let text = '';
process.stdin.on('data', (piece) => { text += piece; });
process.stdin.on('end', async () => {
  const done = await run(JSON.parse(text));
  process.stdout.write(JSON.stringify(done), () => process.exit(0));
});
