// Links that end nowhere: splitLink, retryLink, loggerLink. And which links the package has.

import * as trpc from '@trpc/client';
import { follow, hasCompleted, shown } from './following.mjs';
import { failure, outcome, play } from './scenario.mjs';
import { connect } from './sockets.mjs';
import { superjson } from './transformers.mjs';

const { createTRPCClient, httpBatchLink, httpLink, loggerLink, retryLink, splitLink, wsLink } = trpc;

const names = () => ({ links: Object.keys(trpc).filter((name) => name.endsWith('Link')) });

/** Subscriptions over a socket, all else over HTTP, and everything is logged. */
async function split({ http, socket }) {
  const lines = [];
  const console = { log: (...words) => lines.push(words[0]), error: (...words) => lines.push(words[0]) };
  const { socket: client, log, close } = connect({ url: socket });
  const links = [
    loggerLink({ console, colorMode: 'none' }),
    splitLink({
      condition: ({ type }) => type === 'subscription',
      true: wsLink({ client, transformer: superjson }),
      false: httpBatchLink({ url: http, transformer: superjson }),
    }),
  ];
  const split = createTRPCClient({ links });
  const { executionId } = await split.create.mutate({ flowId: 'sum' });
  const { seen, until } = follow(split.subscribeToExecutionEvents, { executionId });
  await split.start.mutate({ executionId });
  await until(hasCompleted);
  const sent = log.sent.map(({ method }) => method);
  await close();
  return { ...shown(seen.events), sent, lines };
}

/** The answer to the first request is lost. */
async function retry({ http }) {
  const failures = [];
  let requests = 0;
  async function lossy(url, init) {
    const response = await fetch(url, init);
    if (requests++ === 0) throw new TypeError('lost');
    return response;
  }
  const shouldRetry = ({ error, attempts }) => failures.push(failure(error).message) && attempts < 3;
  const links = [retryLink({ retry: shouldRetry }), httpLink({ url: http, transformer: superjson, fetch: lossy })];
  const client = createTRPCClient({ links });
  const created = await outcome(client.create.mutate({ flowId: 'sum', idempotencyKey: 'once' }));
  const roots = await client.getRootExecutions.query({ flowId: 'sum' });
  return { created, roots: roots.map(({ execution }) => execution.id), failures, requests };
}

await play({ names, split, retry });
