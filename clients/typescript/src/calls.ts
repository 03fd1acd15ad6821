import { retryLink, type TRPCLink } from "@trpc/client";

import { isPassing, pause } from "./patience.js";
import { repeatedBy, type ChainGraphRouter } from "./router.js";

/** Names each command, so that the server knows it when it comes again. */
const named: TRPCLink<ChainGraphRouter> = () => ({ op, next }) => {
  const member = repeatedBy[op.path];
  const context = { ...op.context, since: Date.now() };
  if (member === undefined) return next({ ...op, context });
  const given = op.input as Record<string, unknown>;
  return next({ ...op, context, input: { ...given, [member]: given[member] ?? newId() } });
};

/** Calls that are not answered are made again for `timeout` milliseconds; they happen once. */
export function repeatedCalls(timeout: number): TRPCLink<ChainGraphRouter>[] {
  const repeated = retryLink<ChainGraphRouter>({
    retry: ({ op, error }) =>
      isPassing(error) &&
      (op.type === "query" || op.path in repeatedBy) &&
      !op.signal?.aborted &&
      Date.now() < (op.context["since"] as number) + timeout,
    retryDelayMs: pause,
  });
  return [named, repeated];
}

function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
