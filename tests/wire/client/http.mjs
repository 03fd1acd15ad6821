// httpLink, httpBatchLink and httpBatchStreamLink.

import { createTRPCClient, httpBatchLink, httpBatchStreamLink, httpLink } from '@trpc/client';
import { ask, outcome, play } from './scenario.mjs';
import { superjson } from './transformers.mjs';

const LINKS = { httpLink, httpBatchLink, httpBatchStreamLink };

function watchedFetch() {
  const requests = [];
  async function watched(url, init) {
    const { pathname, searchParams } = new URL(url);
    const request = { method: init.method, path: pathname, isBatch: searchParams.get('batch') === '1' };
    requests.push(request);
    const response = await fetch(url, init);
    Object.assign(request, { status: response.status, type: response.headers.get('content-type') });
    return response;
  }
  return { requests, fetch: watched };
}

function connect({ http, link, ...options }) {
  const { requests, fetch } = watchedFetch();
  const links = [LINKS[link]({ url: http, transformer: superjson, fetch, ...options })];
  return { client: createTRPCClient({ links }), requests };
}

async function ended(client, executionId) {
  for (;;) {
    const row = await client.getExecutionDetails.query({ executionId });
    if (row.completedAt) return row;
  }
}

async function life({ http, link }) {
  const { client } = connect({ http, link });
  const { executionId } = await client.create.mutate({ flowId: 'sum', options: { debug: true } });
  const started = await client.start.mutate({ executionId });
  const row = await ended(client, executionId);
  const tree = await client.getExecutionsTree.query({ executionId });
  const after = new Date(row.createdAt.getTime() + 1);
  const [newer, older] = await Promise.all([
    client.getRootExecutions.query({ flowId: 'sum', after }),
    client.getRootExecutions.query({ flowId: 'sum', after: row.createdAt }),
  ]);
  return {
    executionId,
    started,
    status: row.status,
    options: row.options,
    createdAtIsDate: row.createdAt instanceof Date,
    parent: row.parentExecutionId,
    tree: tree.map((node) => [node.id, node.level]),
    newer: newer.map(({ execution }) => execution.id),
    older: older.map(({ execution }) => execution.id),
  };
}

/** Three calls of one tick, of which one succeeds. */
async function mixed({ http, link }) {
  const { client, requests } = connect({ http, link });
  const { executionId } = await client.create.mutate({ flowId: 'sum' });
  requests.length = 0;
  const [good, gone, unknown] = await Promise.all([
    outcome(client.getExecutionDetails.query({ executionId })),
    outcome(client.getExecutionDetails.query({ executionId: 'gone' })),
    outcome(client.noSuchProcedure.query()),
  ]);
  return { executionId, good, gone, unknown, requests };
}

async function refused({ http, link }) {
  const { client } = connect({ http, link });
  const { executionId } = await client.create.mutate({ flowId: 'sum' });
  await client.start.mutate({ executionId });
  return {
    again: await outcome(client.start.mutate({ executionId })),
    empty: await outcome(client.create.mutate({})),
    nothing: await outcome(client.create.mutate()),
    wrongType: await outcome(client.getRootExecutions.query({ flowId: 'sum', limit: '5', after: 'yesterday' })),
    noFlow: await outcome(client.create.mutate({ flowId: 'gone' })),
    queryOfMutation: await outcome(client.create.query({ flowId: 'sum' })),
    mutationOfQuery: await outcome(client.getExecutionDetails.mutate({ executionId })),
    unknown: await outcome(client.constructor.query()),
  };
}

/** The client asks with POST for everything, which a server has to allow. */
async function overridden({ http, link }) {
  const { client, requests } = connect({ http, link, methodOverride: 'POST' });
  const { executionId } = await client.create.mutate({ flowId: 'sum' });
  return { query: await outcome(client.getExecutionDetails.query({ executionId })), requests };
}

async function tooLarge({ http, link, size }) {
  const { client, requests } = connect({ http, link });
  const large = await outcome(client.create.mutate({ flowId: 'sum', integration: { text: 'x'.repeat(size) } }));
  return { large, requests, small: await outcome(client.create.mutate({ flowId: 'sum' })) };
}

async function tooMany({ http, link, calls, ...options }) {
  const { client, requests } = connect({ http, link, ...options });
  const ask = () => outcome(client.getExecutionDetails.query({ executionId: 'gone' }));
  return { outcomes: await Promise.all(Array.from({ length: calls }, ask)), requests };
}

/** Two calls of one tick; the second ends first. */
async function asTheyEnd({ http, link }) {
  const { client, requests } = connect({ http, link });
  const { executionId } = await client.create.mutate({ flowId: 'quick' });
  const slow = outcome(client.getExecutionsTree.query({ executionId }));
  await client.getExecutionDetails.query({ executionId });
  await ask('one has ended');
  return { slow: (await slow).value.length, requests: requests.length };
}

async function aborted({ http, link }) {
  const { client } = connect({ http, link });
  const abort = new AbortController();
  const call = outcome(client.getExecutionsTree.query({ executionId: 'gone' }, { signal: abort.signal }));
  await ask('asked');
  abort.abort();
  const left = await call;
  await ask('aborted');
  return { left, next: await outcome(client.getExecutionDetails.query({ executionId: 'gone' })) };
}

async function known({ http, link }) {
  const create = (headers) => outcome(connect({ http, link, headers }).client.create.mutate({ flowId: 'sum' }));
  return { admin: await create({ authorization: 'Bearer admin' }), nobody: await create({}) };
}

await play({ life, mixed, refused, overridden, tooLarge, tooMany, asTheyEnd, aborted, known });
