// The official service client for Node, asked for one thing after another. Reads a list of calls as JSON on standard input
// and prints the answers to them as JSON.
'use strict';

const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');

async function pages(query) {
  const found = [];
  do {
    const { responseBody } = await query.next(query.continuationToken);
    found.push(responseBody);
  } while (query.hasMoreResults);
  return found;
}

/** What a method calls back with. Given a promise to make instead, one of them never keeps it. */
function called(service, method, values) {
  return new Promise((resolve, reject) => {
    service[method](...values, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

async function call(service, [method, ...values]) {
  try {
    // A query is only the means to ask for pages.
    if (method.endsWith('Query')) return { answer: await pages(service[method](...values)) };
    return { answer: await called(service, method, values) };
  } catch (error) {
    const body = error.responseBody ? JSON.parse(error.responseBody) : {};
    const status = error.response && error.response.statusCode;
    return { status, code: body.errorCode, error: `${error.name}: ${error.message}` };
  }
}

async function run({ connectionString, calls }) {
  const service = ProvisioningServiceClient.fromConnectionString(connectionString);
  const answers = [];
  for (const wanted of calls) answers.push(await call(service, wanted));
  return answers;
}

let text = '';
process.stdin.on('data', (piece) => { text += piece; });
process.stdin.on('end', async () => {
  process.stdout.write(JSON.stringify(await run(JSON.parse(text))), () => process.exit(0));
});
