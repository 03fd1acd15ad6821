// httpSubscriptionLink, beside httpBatchLink for all that is no subscription.

import { createTRPCClient, httpBatchLink, httpSubscriptionLink, splitLink } from '@trpc/client';
import { EventSource } from 'eventsource';
import { follow, hasCompleted, shown } from './following.mjs';
import { ask, play } from './scenario.mjs';
import { superjson } from './transformers.mjs';

function connect({ http, token, ...options }) {
  const requests = [];
  function watched(url, init) {
    requests.push({ lastEventId: init.headers['Last-Event-ID'] ?? null, accept: init.headers.Accept });
    return fetch(url, init);
  }
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const links = [
    splitLink({
      condition: ({ type }) => type === 'subscription',
      true: httpSubscriptionLink({
        url: http,
        transformer: superjson,
        EventSource,
        eventSourceOptions: { fetch: watched },
        connectionParams: token && { sessionBadAI: token },
        ...options,
      }),
      false: httpBatchLink({ url: http, transformer: superjson, headers }),
    }),
  ];
  return { client: createTRPCClient({ links }), requests };
}

async function life({ http, token }) {
  const { client, requests } = connect({ http, token });
  const { executionId } = await client.create.mutate({ flowId: 'sum' });
  const { seen, until } = follow(client.subscribeToExecutionEvents, { executionId });
  await until(({ events }) => events.length > 0);
  const first = seen.events[0].type;
  await client.start.mutate({ executionId });
  await until(hasCompleted);
  const later = follow(client.subscribeToExecutionEvents, { executionId, fromIndex: 2, batchSize: 1 });
  await later.until(hasCompleted);
  const { events, ...rest } = seen;
  return { ...rest, ...shown(events), first, requests, later: shown(later.seen.events), batches: later.seen.batches };
}

/** Each of these fails before its first event. */
async function refused({ http, token }) {
  const { client } = connect({ http, token });
  const { executionId } = await client.create.mutate({ flowId: 'sum' });
  const nobody = connect({ http }).client;
  const subscribed = {
    gone: follow(client.subscribeToExecutionEvents, { executionId: 'gone' }),
    wrong: follow(client.subscribeToExecutionEvents, { executionId, batchSize: 0 }),
    nothing: follow(client.subscribeToExecutionEvents),
    unknown: follow(client.noSuchProcedure, { executionId }),
    nobody: follow(nobody.subscribeToExecutionEvents, { executionId }),
  };
  const ends = Object.entries(subscribed).map(async ([name, { until }]) => [name, (await until(() => false)).error]);
  return Object.fromEntries(await Promise.all(ends));
}

/** Follows something that does not end, and leaves. */
async function leaving({ http, executionId }) {
  const { client } = connect({ http });
  const { until, unsubscribe } = follow(client.subscribeToExecutionEvents, { executionId });
  await until(({ events }) => events.length > 0);
  await ask('following');
  unsubscribe();
  await ask('left');
  return { completed: (await until(hasCompleted)).completed };
}

await play({ life, refused, leaving });
