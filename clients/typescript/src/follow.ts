import type { TRPCClient } from "@trpc/client";

import type { ChainGraphClient } from "./client.js";
import { Patience } from "./patience.js";
import type { ChainGraphEvent, ChainGraphRouter, TreeBatch, View } from "./router.js";
import { overAndOver } from "./subscription.js";

const TERMINAL: readonly string[] = ["flow:completed", "flow:failed", "flow:cancelled"];

export type EventType<V extends View = "full"> = ChainGraphEvent<V>["type"];

export interface FollowOptions<V extends View, Type> {
  view?: V;
  /** Only events of these types. */
  types?: readonly Type[];
  /** For how many milliseconds a lost server is looked for. Default 30 000. */
  timeout?: number;
  /** When it is aborted, the stream throws its reason. */
  signal?: AbortSignal;
}

/**
 * The events of an execution, until the last one: each once and in order, however often the
 * connection is lost.
 *
 * They begin at position `from`, which is one more than the `index` of an event; -3 is the last
 * three. `{ from: event.index + 2 }` goes on after an event.
 */
export async function* follow<V extends View = "full", Type extends EventType<V> = EventType<V>>(
  client: ChainGraphClient,
  executionId: string,
  options: FollowOptions<V, Type> & { from?: number } = {},
): AsyncGenerator<Extract<ChainGraphEvent<V>, { type: Type }>, void> {
  const { types = [], signal } = options;
  const view: View = options.view ?? "full";
  let next = options.from ?? 0;
  // Of which events these are the last is decided once, and not by the ones that are shown.
  if (next < 0 && types.length > 0) next = await positionOf(client, executionId, next, options);
  let hasSnapshot = false;
  const batches = overAndOver<ChainGraphEvent<View>[]>(
    (observer) => {
      const input = { executionId, fromIndex: next, eventTypes: [...types], view };
      return anyView(client).subscribeToExecutionEvents.subscribe(input, observer);
    },
    patienceOf(options),
    signal,
  );
  for await (const event of flat(batches)) {
    if (event.index !== null) next = event.index + 2;
    else if (hasSnapshot) continue;
    else hasSnapshot = true;
    yield event as Extract<ChainGraphEvent<V>, { type: Type }>;
    if (TERMINAL.includes(event.type)) return;
  }
}

/**
 * As `follow`, of an execution and all its descendants, until all of them have ended.
 *
 * With the cursor of a batch another stream goes on after it.
 */
export async function* followTree<V extends View = "full">(
  client: ChainGraphClient,
  executionId: string,
  options: FollowOptions<V, EventType<V>> & { cursor?: string } = {},
): AsyncGenerator<TreeBatch<V>, void> {
  const { types = [], signal } = options;
  const view: View = options.view ?? "full";
  let cursor = options.cursor;
  const batches = overAndOver<{ data: TreeBatch<View> }>(
    (observer) => {
      const input = { executionId, cursor, eventTypes: [...types], view };
      return anyView(client).subscribeToTreeEvents.subscribe(input, observer);
    },
    patienceOf(options),
    signal,
  );
  for await (const { data } of batches) {
    cursor = data.cursor;
    yield data as TreeBatch<V>;
  }
}

/** The position of the event that is the first of the last so many. */
async function positionOf(
  client: ChainGraphClient,
  executionId: string,
  from: number,
  { timeout, signal }: { timeout?: number; signal?: AbortSignal },
): Promise<number> {
  const events = follow(client, executionId, { from, timeout, signal });
  for await (const event of events) return event.index + 1;
  return 0;
}

function patienceOf({ timeout = 30_000 }: { timeout?: number }): Patience {
  return new Patience(timeout);
}

/** The client, for whoever says which view they ask for. */
function anyView(client: ChainGraphClient): TRPCClient<ChainGraphRouter<View>> {
  return client as unknown as TRPCClient<ChainGraphRouter<View>>;
}

async function* flat<Value>(batches: AsyncIterable<Value[]>): AsyncGenerator<Value, void> {
  for await (const batch of batches) yield* batch;
}
