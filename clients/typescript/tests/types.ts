// Checked by the compiler alone: each line below an `@ts-expect-error` must be refused.

import { createTRPCClient } from "@trpc/client";
import type { inferRouterInputs, inferRouterOutputs } from "@trpc/server";

import {
  createChainGraphClient,
  follow,
  followTree,
  type ChainGraphClient,
  type ChainGraphEvent,
  type ChainGraphRouter,
  type Execution,
} from "@chaingraph/client";

type Like<A> = <T>() => T extends A ? 1 : 2;
type Equal<A, B> = Like<A> extends Like<B> ? true : false;
function same<_Holds extends true>(): void {}

type Inputs = inferRouterInputs<ChainGraphRouter>;
type Outputs = inferRouterOutputs<ChainGraphRouter>;

same<Equal<Outputs["getExecutionDetails"], Execution>>();
same<Equal<Outputs["getExecutionDetails"]["startedAt"], Date | null>>();
same<Equal<Inputs["getRootExecutions"]["after"], Date | undefined>>();
same<Equal<Outputs["start"], { success: true }>>();
same<Equal<ReturnType<typeof createChainGraphClient>, ChainGraphClient>>();

export async function calls(client: ChainGraphClient): Promise<void> {
  const { executionId } = await client.create.mutate({
    flowId: "sum",
    options: { execution: { childFailure: "fail" }, breakpoints: ["a", { edgeId: "e" }] },
    events: [{ eventName: "begin", payload: { any: 1 } }],
  });
  const id: string = executionId;
  await client.sendSignal.mutate({ executionId: id, name: "approval", value: [1, null] });

  // @ts-expect-error: the member is missing
  await client.create.mutate({});
  // @ts-expect-error: it is no number
  await client.create.mutate({ flowId: 5 });
  // @ts-expect-error: null is not the same as absent
  await client.stop.mutate({ executionId, reason: null });
  // @ts-expect-error: a word that is not known
  await client.create.mutate({ flowId: "sum", options: { execution: { childFailure: "retry" } } });
  // @ts-expect-error: a time is a Date
  await client.getRootExecutions.query({ flowId: "sum", after: "2026-01-01" });
  // @ts-expect-error: there is no such procedure
  await client.destroy.mutate({ executionId });
  // @ts-expect-error: it is a mutation
  await client.start.query({ executionId });
  // @ts-expect-error: it is a query
  await client.getExecutionDetails.mutate({ executionId });

  const execution = await client.getExecutionDetails.query({ executionId });
  execution.createdAt.getTime();
  // @ts-expect-error: it may be null
  execution.startedAt.getTime();
  // @ts-expect-error: there is no such status
  execution.status === "done";
  // @ts-expect-error: nothing is known of what is in it
  execution.integration?.["archai"].agentId;
}

export async function streams(client: ChainGraphClient): Promise<void> {
  for await (const event of follow(client, "EX")) {
    same<Equal<typeof event, ChainGraphEvent>>();
    if (event.type === "node:completed") {
      const title: unknown = event.data.node.metadata["title"];
      void title;
      // @ts-expect-error: this is a member of the compact view
      event.data.values;
    }
    if (event.type === "node:failed") event.data.error.message.trim();
    if (event.type === "node:waiting") {
      const { wait } = event.data;
      if (wait.kind === "signal") wait.assignees.join();
      // @ts-expect-error: a sleep has a name as little as a child
      else wait.name;
    }
    // @ts-expect-error: no view has such events
    if (event.type === "node:exploded") return;
    // @ts-expect-error: only the compact view has it
    if (event.type === "flow:snapshot") return;
  }
  for await (const event of follow(client, "EX", { view: "compact", types: ["node:completed"] })) {
    same<Equal<typeof event.type, "node:completed">>();
    Object.keys(event.data.values);
    // @ts-expect-error: this is a member of the full view
    event.data.node;
  }
  // @ts-expect-error: a type that is not known
  follow(client, "EX", { types: ["node:exploded"] });
  for await (const batch of followTree(client, "EX", { cursor: "c" })) {
    const last: string = batch.cursor;
    batch.events.map(({ executionId, event }) => [last, executionId, event.index + 1]);
  }
}

export function subscriptions(client: ChainGraphClient): void {
  const { unsubscribe } = client.subscribeToExecutionEvents.subscribe(
    { executionId: "EX", fromIndex: -3 },
    {
      onData: (events) => same<Equal<typeof events, ChainGraphEvent[]>>(),
      onError: (error) => error.data?.zodError?.fieldErrors["flowId"]?.join(),
    },
  );
  unsubscribe();
  client.subscribeToTreeEvents.subscribe(
    { executionId: "EX", lastEventId: "c" },
    { onData: ({ id, data }) => id === data.cursor && data.events[0]?.event.timestamp.getTime() },
  );
  // @ts-expect-error: its events would be of another form
  client.subscribeToExecutionEvents.subscribe({ executionId: "EX", view: "compact" }, {});
  // @ts-expect-error: it is subscribed to
  client.subscribeToTreeEvents.query({ executionId: "EX" });
}

const compact = createTRPCClient<ChainGraphRouter<"compact">>({ links: [] });

export function compactSubscriptions(): void {
  compact.subscribeToExecutionEvents.subscribe(
    { executionId: "EX", view: "compact" },
    { onData: (events) => same<Equal<typeof events, ChainGraphEvent<"compact">[]>>() },
  );
  // @ts-expect-error: the view has to be said
  compact.subscribeToExecutionEvents.subscribe({ executionId: "EX" }, {});
}
