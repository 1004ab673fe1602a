// A software TPM for the official client. Debian's swtpm takes plain commands on a socket; the client's TPM library speaks
// to simulators with a few words around each command and a second connection for the switches of the machine. What is here
// says those words. The commands themselves pass as they are.
'use strict';

const { execFileSync } = require('child_process');
const net = require('net');
const path = require('path');
const { once } = require('events');
const { Tpm } = require('tss.js');
const { TpmSecurityClient } = require('azure-iot-security-tpm');

const SEND_COMMAND = 8;
const HANDSHAKE = 15;

function number(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Starts the TPM whose state is in this folder. It listens once this returns, and ends with its one connection. */
function start(state) {
  const socket = path.join(state, 'socket');
  execFileSync('swtpm', ['socket', '--tpm2', '--tpmstate', `dir=${state}`, '--server', `type=unixio,path=${socket}`,
    '--flags', 'not-need-init,startup-clear', '--terminate', '--daemon'], { stdio: ['ignore', 'ignore', 'inherit'] });
  return net.connect(socket);
}

/** Answers one connection of the library with the commands that it sends to the TPM. */
function converse(library, chip) {
  let asked = Buffer.alloc(0);
  let answered = Buffer.alloc(0);
  library.on('data', (piece) => {
    asked = Buffer.concat([asked, piece]);
    for (;;) {
      const word = asked.length >= 8 ? asked.readUInt32BE(0) : 0;
      if (word === HANDSHAKE) {
        asked = asked.subarray(8);
        library.write(Buffer.concat([number(1), number(0), number(0)]));
      } else if (word === SEND_COMMAND && asked.length >= 9 && asked.length >= 9 + asked.readUInt32BE(5)) {
        const end = 9 + asked.readUInt32BE(5);
        chip.write(asked.subarray(9, end));
        asked = asked.subarray(end);
      } else {
        return;
      }
    }
  });
  chip.on('data', (piece) => {
    answered = Buffer.concat([answered, piece]);
    while (answered.length >= 6 && answered.length >= answered.readUInt32BE(2)) {
      const length = answered.readUInt32BE(2);
      library.write(Buffer.concat([number(length), answered.subarray(0, length), number(0)]));
      answered = answered.subarray(length);
    }
  });
}

/** An address that only this process has, so that the ports a simulator has are free: commands, and switches above. */
const ADDRESS = `127.77.${(process.pid >> 8) & 255}.${(process.pid & 255) || 255}`;
const COMMANDS = 2321;
const SWITCHES = 2322;

async function listen(port, answer) {
  await once(net.createServer(answer).listen(port, ADDRESS), 'listening');
}

async function security(registrationId, state) {
  const chip = start(state);
  await listen(COMMANDS, (library) => converse(library, chip));
  await listen(SWITCHES, (library) => library.on('data', () => library.write(number(0))));
  return new TpmSecurityClient(registrationId, new Tpm(true, ADDRESS, COMMANDS));
}

function endorsementKey(client) {
  return new Promise((resolve, reject) => {
    client.getEndorsementKey((error, key) => (error ? reject(error) : resolve(key.toString('base64'))));
  });
}

module.exports = { security, endorsementKey };
