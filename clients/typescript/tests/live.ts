// What a client sees of a real server, as JSON: node live.js <scenario> <url> [flow]

import { TRPCClientError } from "@trpc/client";

import {
  createChainGraphClient,
  follow,
  followTree,
  type ChainGraphEvent,
  type ChainGraphRouter,
} from "@chaingraph/client";

const [scenario = "", url = "", flowId = ""] = process.argv.slice(2);
const client = createChainGraphClient({ url, token: () => "admin" });

async function begun(): Promise<string> {
  const { executionId } = await client.create.mutate({ flowId });
  await client.start.mutate({ executionId });
  return executionId;
}

async function all<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const found: Value[] = [];
  for await (const value of values) found.push(value);
  return found;
}

async function refusal(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof TRPCClientError)) throw error;
    return (error as TRPCClientError<ChainGraphRouter>).data;
  }
}

function results(events: ChainGraphEvent[]): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const event of events) {
    if (event.type !== "node:completed") continue;
    const { id, ports = [] } = event.data.node;
    found[id] = ports.find(({ config }) => config["id"] === "result")?.value;
  }
  return found;
}

const scenarios: Record<string, () => Promise<unknown>> = {
  async run() {
    const executionId = await begun();
    const events = await all(follow(client, executionId));
    const { status, createdAt } = await client.getExecutionDetails.query({ executionId });
    return {
      executionId,
      status,
      indexes: events.map(({ index }) => index),
      types: events.map(({ type }) => type),
      results: results(events),
      datesAreDates: [createdAt, ...events.map(({ timestamp }) => timestamp)].every(
        (time) => time instanceof Date,
      ),
    };
  },

  async parts() {
    const executionId = await begun();
    const compact = await all(follow(client, executionId, { view: "compact" }));
    const last = await all(follow(client, executionId, { from: -2, types: ["flow:completed"] }));
    const none = await all(follow(client, executionId, { from: -2, types: ["flow:started"] }));
    return {
      opened: compact[0]?.type,
      values: compact.flatMap((each) => (each.type === "node:completed" ? [each.data.values] : [])),
      last: last.map(({ type }) => type),
      none,
    };
  },

  async tree() {
    const executionId = await begun();
    const batches = await all(followTree(client, executionId));
    const rest = await all(followTree(client, executionId, { cursor: batches.at(-1)?.cursor }));
    return {
      executionId,
      ended: batches
        .flatMap(({ events }) => events)
        .filter(({ event }) => event.type === "flow:completed")
        .map((each) => each.executionId),
      rest: rest.flatMap(({ events }) => events),
    };
  },

  async refused() {
    const executionId = await begun();
    await all(follow(client, executionId));
    const stranger = createChainGraphClient({ url });
    return {
      again: await refusal(() => client.start.mutate({ executionId })),
      invalid: await refusal(() => client.create.mutate({} as { flowId: string })),
      unknown: await refusal(() => all(follow(client, "EXnothing"))),
      stranger: await refusal(() => all(follow(stranger, executionId))),
    };
  },

  async nowhere() {
    const hasty = createChainGraphClient({ url, timeout: 200 });
    const abort = new AbortController();
    const gone = all(follow(hasty, "EX", { signal: abort.signal })).catch((reason) => reason);
    abort.abort("enough");
    return {
      call: await refusal(() => hasty.create.mutate({ flowId })),
      stream: await refusal(() => all(follow(hasty, "EX", { timeout: 200 }))),
      aborted: await gone,
    };
  },
};

const seen = (await scenarios[scenario]?.()) ?? null;
console.log(JSON.stringify(seen));
