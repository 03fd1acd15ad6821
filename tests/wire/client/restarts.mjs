// Subscriptions over a server that goes away and comes back.

import { createTRPCClient, httpSubscriptionLink } from '@trpc/client';
import { EventSource } from 'eventsource';
import { follow, hasCompleted } from './following.mjs';
import { ask, play } from './scenario.mjs';
import { connect } from './sockets.mjs';
import { superjson } from './transformers.mjs';

const inShort = ({ events, ids, completed, error }) => ({
  events: events.map(({ executionId, index, type }) => [executionId ?? null, index, type]),
  ids,
  completed,
  error,
});

const isRunning = ({ events }) => events.some(({ type }) => type === 'node:started');

function overSocket(places, procedure) {
  const { client, log } = connect({ url: places.socket, retryDelayMs: () => 200 });
  const followed = follow(client[procedure], { executionId: places.executionId });
  function report() {
    const sent = log.sent.flat().filter(({ method }) => method === 'subscription');
    const notices = log.received.filter(({ method }) => method === 'reconnect').length;
    const resumedFrom = sent.map(({ params }) => params.lastEventId ?? null);
    return { resumedFrom, notices, opened: log.opened, closed: log.closed };
  }
  return { ...followed, report };
}

function overEventSource({ http, executionId }) {
  const resumedFrom = [];
  function watched(url, init) {
    resumedFrom.push(init.headers['Last-Event-ID'] ?? null);
    return fetch(url, init);
  }
  const eventSourceOptions = { fetch: watched };
  const links = [httpSubscriptionLink({ url: http, transformer: superjson, EventSource, eventSourceOptions })];
  const client = createTRPCClient({ links });
  return { ...follow(client.subscribeToTreeEvents, { executionId }), report: () => ({ resumedFrom }) };
}

async function through(places) {
  const followed = {
    socketTree: overSocket(places, 'subscribeToTreeEvents'),
    socketEvents: overSocket(places, 'subscribeToExecutionEvents'),
    eventSourceTree: overEventSource(places),
  };
  const all = Object.values(followed);
  for (const { until } of all) await until(isRunning);
  await ask('in the middle');
  for (const { until } of all) await until(hasCompleted);
  const reports = Object.entries(followed).map(([name, { seen, report }]) => [name, { ...inShort(seen), ...report() }]);
  return Object.fromEntries(reports);
}

await play({ through });
