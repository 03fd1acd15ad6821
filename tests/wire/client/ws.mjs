// wsLink and createWSClient, in both dialects.

import { follow, hasCompleted, hasEnded, shown } from './following.mjs';
import { ask, outcome, play } from './scenario.mjs';
import { connect } from './sockets.mjs';
import { original } from './transformers.mjs';

const isPing = (frame) => frame === 'PING';
const isPong = (frame) => frame === 'PONG';

async function followToTheEnd(client, isOver) {
  const { executionId } = await client.create.mutate({ flowId: 'sum', options: { debug: true } });
  const { seen, until, unsubscribe } = follow(client.subscribeToExecutionEvents, { executionId });
  const started = await client.start.mutate({ executionId });
  await until(isOver);
  const row = await client.getExecutionDetails.query({ executionId });
  const completedByItself = seen.completed;
  unsubscribe();
  const { events, ...rest } = seen;
  const { data } = events.find(({ type }) => type === 'node:started');
  return {
    ...rest,
    ...shown(events),
    begun: started,
    completedByItself,
    node: data.node && { id: data.node.id, type: data.node.metadata.type },
    flowCreatedAtIsDate: events[0].data.flowMetadata?.createdAt instanceof Date,
    row: { status: row.status, options: row.options, createdAtIsDate: row.createdAt instanceof Date },
  };
}

async function plainLife({ socket }) {
  const { client, close } = connect({ url: socket });
  const seen = await followToTheEnd(client, hasCompleted);
  await close();
  return seen;
}

/** As the editor of the original sets its client up. */
async function originalLife({ original: url }) {
  const { client, close } = connect({
    url,
    transformer: original,
    connectionParams: { sessionBadAI: undefined },
    keepAlive: { enabled: true, intervalMs: 5000, pongTimeoutMs: 3000 },
  });
  const seen = await followToTheEnd(client, hasEnded);
  await close();
  return seen;
}

async function refused({ socket, token }) {
  const { client, log, close } = connect({ url: socket, connectionParams: { sessionBadAI: token } });
  const nobody = connect({ url: socket });
  const { executionId } = await client.create.mutate({ flowId: 'sum' });
  const ending = async ({ until }) => ({ error: (await until(() => false)).error });
  const seen = {
    gone: await ending(follow(client.subscribeToExecutionEvents, { executionId: 'gone' })),
    wrong: await ending(follow(client.subscribeToExecutionEvents, { executionId, batchSize: 0 })),
    otherKind: await outcome(client.getExecutionDetails.mutate({ executionId })),
    unknown: await outcome(client.constructor.query()),
    empty: await outcome(client.create.mutate({})),
    nobody: await outcome(nobody.client.create.mutate({ flowId: 'sum' })),
    nobodyAgain: await outcome(nobody.client.create.mutate({ flowId: 'sum' })),
  };
  const sockets = [log.opened, nobody.log.opened];
  await Promise.all([close(), nobody.close()]);
  return { ...seen, sockets };
}

/** Calls of one tick go in one frame. */
async function batch({ socket }) {
  const { client, log, close } = connect({ url: socket });
  const { executionId } = await client.create.mutate({ flowId: 'sum' });
  const before = [log.sent.length, log.received.length];
  const [good, gone, tree] = await Promise.all([
    outcome(client.getExecutionDetails.query({ executionId })),
    outcome(client.getExecutionDetails.query({ executionId: 'gone' })),
    outcome(client.getExecutionsTree.query({ executionId })),
  ]);
  const sent = log.sent.slice(before[0]);
  const received = log.received.slice(before[1]);
  await close();
  return { executionId, good: good.value.id, gone: gone.error.data, tree: tree.value.length, sent, received };
}

/** Several subscriptions on one socket, of which one is left. */
async function several({ socket, first, second }) {
  const { client, log, close } = connect({ url: socket });
  const followed = [first, first, second].map((executionId) =>
    follow(client.subscribeToExecutionEvents, { executionId }),
  );
  for (const { until } of followed) await until(({ events }) => events.length > 0);
  await ask('following');
  followed[0].unsubscribe();
  await ask('left one');
  await client.stop.mutate({ executionId: first });
  await followed[1].until(hasCompleted);
  const ended = followed.map(({ seen }) => [seen.completed, hasEnded(seen)]);
  await close();
  await ask('closed');
  return { ended, opened: log.opened, stops: log.sent.filter(({ method }) => method === 'subscription.stop').length };
}

/** A message over the server's limit costs the connection, and the client comes back. */
async function tooLarge({ socket, size }) {
  const { client, log, until, close } = connect({ url: socket, retryDelayMs: () => 0 });
  const create = (integration) => outcome(client.create.mutate({ flowId: 'sum', integration }));
  const large = await create({ text: 'x'.repeat(size) });
  await until(({ opened }) => opened === 2);
  const small = await create({});
  const { closed } = log;
  await close();
  return { large: large.error.data, small: Object.keys(small.value), closed };
}

async function lazy({ socket }) {
  const { client, log, until, close } = connect({ url: socket, lazy: { enabled: true, closeMs: 100 } });
  const before = log.opened;
  const call = () => outcome(client.getExecutionDetails.query({ executionId: 'gone' }));
  const first = await call();
  await until(({ closed }) => closed.length === 1);
  const again = await call();
  await close();
  return { before, first: first.error.data.code, again: again.error.data.code, opened: log.opened };
}

async function clientPings({ socket }) {
  const keepAlive = { enabled: true, intervalMs: 20, pongTimeoutMs: 5000 };
  const { log, until, close } = connect({ url: socket, keepAlive });
  await until(({ received }) => received.filter(isPong).length >= 3);
  const seen = { pings: log.sent.filter(isPing).length, pongs: log.received.filter(isPong).length };
  await close();
  return { ...seen, opened: log.opened };
}

async function serverPings({ socket }) {
  const { client, log, until, close } = connect({ url: socket });
  await until(({ received }) => received.filter(isPing).length >= 3);
  const call = await outcome(client.getExecutionDetails.query({ executionId: 'gone' }));
  const seen = { pongs: log.sent.filter(isPong).length, opened: log.opened, call: call.error.data.code };
  await close();
  return seen;
}

await play({
  plainLife,
  originalLife,
  refused,
  batch,
  several,
  tooLarge,
  lazy,
  clientPings,
  serverPings,
});
