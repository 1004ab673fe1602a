// Asks for what a policy does not have, by the device's id.

import { Decision, settings } from "berth-sdk";

console.log("loaded");

const asked = {
  print() {
    console.log("%s has %d of", "a", 2, { b: [1] }, null);
    console.info(new TypeError("not thrown"));
    console.debug("d");
    console.warn("w");
    console.error("e");
    console.assert(1 > 2, "sums");
  },
  now: () => Date.now(),
  date: () => new Date(),
  dateText: () => Date(),
  ofDate: () => new (new Date(0).constructor)(),
  performance: () => performance.now(),
  dates: () => console.log(new Date(86400000).toISOString(), new Date(2026, 0) instanceof Date, Date.UTC(1970, 0)),
  chance: () => console.log(Math.random(), Math.random() < 1),
  halfALetter: () => console.log("half \ud800"),
  halfAHub: () => "\ud800",
  halfAReason: (request) => Decision.to(request.hubs().first()).because("\ud800"),
  setTimeout: () => setTimeout(() => {}, 1),
  settings: () => console.log(settings()),
};

export function allocate(request) {
  const made = asked[request.registrationId](request);
  if (made instanceof Decision) return made;
  return Decision.to(typeof made === "string" ? made : request.hubs().first());
}
