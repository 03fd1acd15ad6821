// Drives the real npm clients through the life of an execution and prints what they saw as JSON.
//   node drive.mjs <scenario> <http base> <websocket base>

import { createTRPCClient, createWSClient, httpBatchLink, httpBatchStreamLink, splitLink, wsLink } from '@trpc/client';
import { SuperJSON } from 'superjson';
import { WebSocket } from 'ws';

const [scenario, http, websocket] = process.argv.slice(2);

const superjson = new SuperJSON();
const plain = (value) => value;
const register = (name, deserialize) =>
  superjson.registerCustom({ isApplicable: () => false, serialize: plain, deserialize }, name);

// Only clients of the original know these types; for the others meeting one is an error.
if (scenario === 'original') {
  register('BaseNode', plain);
  register('ExecutionEventImpl', (event) => ({
    ...event,
    timestamp: new Date(event.timestamp),
    data: superjson.deserialize(event.data),
  }));
}

function websocketClient() {
  return createWSClient({
    url: websocket,
    WebSocket,
    connectionParams: { sessionBadAI: undefined },
    keepAlive: { enabled: true, intervalMs: 50, pongTimeoutMs: 5000 },
  });
}

function follow(client, input, isDone) {
  const seen = { batches: [], started: 0, completed: false, error: null };
  const done = new Promise((resolve) => {
    const subscription = client.subscribeToExecutionEvents.subscribe(input, {
      onStarted: () => seen.started++,
      onData: (batch) => {
        seen.batches.push(batch);
        if (isDone(batch)) resolve(subscription);
      },
      onComplete: () => {
        seen.completed = true;
        resolve(subscription);
      },
      onError: (error) => {
        seen.error = error.data;
        resolve(subscription);
      },
    });
  });
  return { seen, done };
}

const hasEnded = (batch) => batch.some((event) => event.type === 'flow:completed');

async function live(client, { waitForCompletion }) {
  const { executionId } = await client.create.mutate({ flowId: 'quick', options: { debug: true } });
  const { seen, done } = follow(client, { executionId }, waitForCompletion ? () => false : hasEnded);
  const started = await client.start.mutate({ executionId });
  const subscription = await done;
  const completedByItself = seen.completed;
  subscription.unsubscribe();
  const details = await client.getExecutionDetails.query({ executionId });
  const [tree, roots, refused, invalid] = await Promise.allSettled([
    client.getExecutionsTree.query({ executionId }),
    client.getRootExecutions.query({ flowId: 'quick', after: new Date(details.createdAt.getTime() + 1) }),
    client.start.mutate({ executionId }),
    client.create.mutate({}),
  ]);
  const events = seen.batches.flat();
  return {
    executionId,
    success: started.success,
    started: seen.started,
    completedByItself,
    error: seen.error,
    types: events.map((event) => event.type),
    indexes: events.map((event) => event.index),
    timesAreDates: events.every((event) => event.timestamp instanceof Date),
    flowCreatedAt: events[0].data.flowMetadata.createdAt,
    node: events.find((event) => event.type === 'node:started').data.node,
    status: details.status,
    createdAtIsDate: details.createdAt instanceof Date,
    options: details.options,
    tree: tree.value.map((node) => [node.id, node.level]),
    roots: roots.value.map((root) => root.execution.id),
    refused: refused.reason.data,
    invalid: invalid.reason.data,
  };
}

async function overWebsocket(options) {
  const socket = websocketClient();
  try {
    return await live(createTRPCClient({ links: [wsLink({ client: socket, transformer: superjson })] }), options);
  } finally {
    await socket.close();
  }
}

async function split(link) {
  const socket = websocketClient();
  const links = [
    splitLink({
      condition: (operation) => operation.type === 'subscription',
      true: wsLink({ client: socket, transformer: superjson }),
      false: link({ url: http, transformer: superjson }),
    }),
  ];
  try {
    return await live(createTRPCClient({ links }), { waitForCompletion: true });
  } finally {
    await socket.close();
  }
}

const scenarios = {
  original: () => overWebsocket({ waitForCompletion: false }),
  plain: () => overWebsocket({ waitForCompletion: true }),
  batches: () => split(httpBatchLink),
  lines: () => split(httpBatchStreamLink),
};

console.log(JSON.stringify(await scenarios[scenario]()));
