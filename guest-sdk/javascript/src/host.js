// The one seam between the SDK and what Berth gives a policy: its settings, tables and log.
//
// In a component Berth answers; in a unit test the Host that runs the policy does; without either, a host that has nothing.

const nobody = {
  write: (level, message) => globalThis.console?.log(`${level}: ${message}`),
  settings: () => "{}",
  lookup: () => {
    throw "no-such-table";
  },
};

let current = nobody;

export function host() {
  return current;
}

// Puts another host in place, and returns the one before it.
export function exchangeHost(next) {
  const before = current;
  current = next;
  return before;
}
