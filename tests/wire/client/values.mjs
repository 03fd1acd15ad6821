// Every value that superjson knows, sent to the server and fetched again.

import { createTRPCClient, httpLink } from '@trpc/client';
import { inspect } from 'node:util';
import { SuperJSON } from 'superjson';
import { follow } from './following.mjs';
import { outcome, play } from './scenario.mjs';
import { connect } from './sockets.mjs';
import { original, superjson } from './transformers.mjs';

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
  'RegExp in a Set': new Set([/a/]),
  Set: new Set([1, at]),
  'Set of objects': new Set([{ x: 1 }, [{ at }], 2]),
  'Set of alike': new Set([1, true, 1n]),
  Map: new Map([[1, at], ['k', 2n]]),
  'Map of text': new Map([['k', at]]),
  'Map of nothing': new Map(),
  'Map by objects': new Map([[{ x: 1 }, 1]]),
  URL: new URL('https://x.y/z?q=1'),
  Error: new TypeError('bad', { cause: at }),
  Uint8Array: new Uint8Array([1, 2]),
  'typed arrays': [new Float64Array([1.5, -1]), new Float32Array([0.1]), new Int16Array([-300])],
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

const SIGNALLED = {
  at,
  nothing: [NaN, undefined, -0],
  set: VALUES['Set of objects'],
  map: VALUES['Map by objects'],
  texts: VALUES['Map of text'],
  regexp: VALUES.RegExp,
  url: VALUES.URL,
  bytes: VALUES.Uint8Array,
  floats: new Float64Array([1.5, NaN]),
  error: new TypeError('bad'),
};

/** A signal is sent, and its value comes back in the events of both dialects. */
async function signal({ http, executionId, ...places }) {
  const { client } = overHttp({ http });
  const send = (value) => outcome(client.sendSignal.mutate({ executionId, name: 'approval', value }));
  const refused = { symbol: await send(tag), class: await send(new Point(1)), cycle: await send(cycle) };
  const sent = await send(SIGNALLED);
  const seen = {
    plain: await signalled({ url: places.socket }, executionId),
    original: await signalled({ url: places.original, transformer: original }, executionId),
  };
  return { refused, sent, seen };
}

async function signalled(place, executionId) {
  const { client } = connect(place);
  const asked = { executionId, eventTypes: ['signal:received'] };
  const { until } = follow(client.subscribeToExecutionEvents, asked);
  const { events, error } = await until(({ events }) => events.length > 0);
  return error ?? events[0].data.value;
}

await play({ echo, signal });
