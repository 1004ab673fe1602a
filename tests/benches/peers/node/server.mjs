// The rule of by-model as a server in plain Node: one process, nothing between one tenant's code and another's.
//
//     node server.mjs MODELS.json

import { createServer } from "node:http";
import { readFileSync } from "node:fs";

const models = new Map(
  Object.entries(JSON.parse(readFileSync(process.argv[2], "utf8"))).map(([id, { hub, tags, desired, settings }]) => [
    id,
    { start: hub.toLowerCase(), initialTwin: { tags, properties: { desired } }, payload: settings },
  ]),
);

class Rejection extends Error {}

function allocate({ deviceRuntimeContext: { payload }, linkedHubs }) {
  if (payload === undefined || payload === null) throw new Rejection("the device sent no payload");
  // Some devices send a string that holds the object.
  const sent = typeof payload === "string" ? JSON.parse(payload) : payload;
  const id = sent.modelId ?? sent.iotcModelId;
  const model = models.get(id);
  if (model === undefined) throw new Rejection(`unknown model \`${id}\``);
  // The bodies of the benchmark leave one hub; how an SDK chooses among several is no part of it.
  const iotHubHostName = linkedHubs.find((hub) => hub.toLowerCase().startsWith(model.start));
  if (iotHubHostName === undefined) throw new Rejection("no linked hub will do");
  return { iotHubHostName, initialTwin: model.initialTwin, payload: model.payload };
}

function reply(response, status, type, text) {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) });
  response.end(text);
}

const server = createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    try {
      const body = JSON.parse(Buffer.concat(pieces).toString("utf8"));
      reply(response, 200, "application/json", JSON.stringify(allocate(body)));
    } catch (error) {
      reply(response, error instanceof Rejection ? 403 : 400, "text/plain", error.message);
    }
  });
});

server.listen(0, "127.0.0.1", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
