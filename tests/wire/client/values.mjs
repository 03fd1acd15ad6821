// Every value that superjson knows, sent to the server and fetched again.

import { createTRPCClient, httpLink } from '@trpc/client';
import { inspect } from 'node:util';
import { SuperJSON } from 'superjson';
import { outcome, play } from './scenario.mjs';
import { connect } from './sockets.mjs';
import { superjson } from './transformers.mjs';

class Point {
  constructor(x) {
    this.x = x;
  }
}

const tag = Symbol('tag');
const transformer = new SuperJSON();
transformer.registerSymbol(tag, 'tag');
transformer.registerClass(Point, 'Point');
const isOdd = (value) => value instanceof Odd;
class Odd {}
transformer.registerCustom({ isApplicable: isOdd, serialize: () => 1, deserialize: () => new Odd() }, 'Odd');

const shared = { x: 1 };
const cycle = {};
cycle.self = cycle;
const at = new Date('2026-01-02T03:04:05.678Z');

const VALUES = {
  plain: { a: 1, b: 'é\u{1f600}', c: [true, null, 0.1], d: {} },
  undefined: undefined,
  'undefined inside': { a: undefined, b: [1, undefined] },
  bigint: 2n ** 70n,
  Date: at,
  'invalid Date': new Date(NaN),
  'Date far away': new Date(8.64e15),
  number: [NaN, Infinity, -Infinity, -0, Number.MAX_SAFE_INTEGER],
  RegExp: /a\/b/gi,
  Set: new Set([1, at]),
  Map: new Map([[1, at], ['k', 2n]]),
  'Map of text': new Map([['k', at]]),
  'Map by objects': new Map([[{ x: 1 }, 1]]),
  URL: new URL('https://x.y/z?q=1'),
  Error: new TypeError('bad', { cause: at }),
  Uint8Array: new Uint8Array([1, 2]),
  Float64Array: new Float64Array([1.5]),
  symbol: tag,
  class: new Point(1),
  custom: new Odd(),
  'keys with dots and backslashes': { 'a.b': at, 'a\\b': at, '': at, 1: at },
  'the same twice': { p: shared, q: [shared] },
  cycle,
  'lone surrogate': '\ud800',
};

/** Frames that cannot be read are answered without an id: no call learns of its end. */
function overSocket({ socket }) {
  const { client, log, until } = connect({ url: socket, transformer });
  const unread = () => log.received.filter(({ id }) => id === null);
  async function refusal() {
    const before = unread().length;
    await until(() => unread().length > before);
    return { refused: superjson.deserialize(unread().at(-1).error).data.code };
  }
  return { client, refusal };
}

const overHttp = ({ http }) => ({
  client: createTRPCClient({ links: [httpLink({ url: http, transformer })] }),
  refusal: () => new Promise(() => {}),
});

const LINKS = { httpLink: overHttp, wsLink: overSocket };

/** The value as it came back, or how it was refused. */
async function there(client, value, refusal) {
  const call = outcome(client.create.mutate({ flowId: 'quick', integration: { value } }));
  const created = await Promise.race([call, refusal()]);
  if (!created.value) return { refused: created.refused ?? created.error.data.code };
  const { integration } = await client.getExecutionDetails.query(created.value);
  return { received: 'value' in integration ? shown(integration.value) : 'nothing' };
}

function shown(value) {
  if (value instanceof Error) return `${value}, caused by ${shown(value.cause)}`;
  return inspect(value, { depth: 9, sorted: true, breakLength: Infinity });
}

async function echo({ link, ...places }) {
  const { client, refusal } = LINKS[link](places);
  const seen = {};
  for (const [name, value] of Object.entries(VALUES)) {
    seen[name] = { sent: shown(value), ...(await there(client, value, refusal)) };
  }
  return seen;
}

/** A node waits for a signal; its value is JSON. */
async function signal({ http, executionId }) {
  const client = createTRPCClient({ links: [httpLink({ url: http, transformer: superjson })] });
  const send = (value) => outcome(client.sendSignal.mutate({ executionId, name: 'approval', value }));
  const refused = { date: await send(at), map: await send(new Map([[1, 1]])), number: await send({ n: NaN }) };
  return { refused, sent: await send(VALUES.plain), value: VALUES.plain };
}

await play({ echo, signal });
