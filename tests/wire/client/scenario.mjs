// One process plays one scenario: node <family>.mjs <scenario> <host:port> <options as JSON>
// What it prints is JSON, a line each; the last line is its report. A line on stdin answers `ask`.

import { createInterface } from 'node:readline';

const heard = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export const say = (value) => console.log(JSON.stringify(value));

/** Says something and waits until the other side has done what it wants to do about it. */
export async function ask(value) {
  say(value);
  return (await heard.next()).value;
}

export async function play(scenarios) {
  const [scenario, address, options] = process.argv.slice(2);
  const places = {
    http: `http://${address}/trpc`,
    socket: `ws://${address}/trpc`,
    original: `ws://${address}/`,
  };
  say(await scenarios[scenario]({ ...places, ...JSON.parse(options) }));
  process.exit();
}

/** What became of a call: its value, or what its error says. */
export const outcome = (call) =>
  call.then(
    (value) => ({ value }),
    (error) => ({ error: failure(error) }),
  );

export const failure = (error) => ({
  name: error.name,
  message: error.message,
  number: error.shape?.code ?? null,
  data: error.data ?? null,
  cause: error.cause?.name ?? null,
});
