import {
  createTRPCClient,
  httpBatchLink,
  httpSubscriptionLink,
  splitLink,
  type TRPCClient,
} from "@trpc/client";
import { EventSource } from "eventsource";
import superjson from "superjson";

import { repeatedCalls } from "./calls.js";
import type { ChainGraphRouter } from "./router.js";

/** The procedures of a server, as tRPC calls them. */
export type ChainGraphClient = TRPCClient<ChainGraphRouter>;

export interface ClientOptions {
  /** The address of the server, like `http://localhost:4021`. */
  url: string;
  /** Who calls. A function is asked before each request. */
  token?: string | (() => string | Promise<string>);
  /** For how many milliseconds a call that is not answered is made again. Default 30 000. */
  timeout?: number;
}

/**
 * A client of the server at `url`, over HTTP: calls in batches, subscriptions as server-sent
 * events. A call is made again until it is answered, and happens once.
 */
export function createChainGraphClient(options: ClientOptions): ChainGraphClient {
  const { timeout = 30_000, token } = options;
  const url = `${options.url.replace(/\/+$/, "")}/trpc`;
  const fetch = authorized(token);
  return createTRPCClient<ChainGraphRouter>({
    links: [
      splitLink({
        condition: ({ type }) => type === "subscription",
        true: httpSubscriptionLink({
          url,
          transformer: superjson,
          EventSource,
          eventSourceOptions: { fetch },
        }),
        false: [
          ...repeatedCalls(timeout),
          httpBatchLink({ url, transformer: superjson, fetch, maxItems: 100 }),
        ],
      }),
    ],
  });
}

function authorized(token: ClientOptions["token"]): typeof fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    const bearer = typeof token === "function" ? await token() : token;
    if (bearer !== undefined) headers.set("authorization", `Bearer ${bearer}`);
    return fetch(input, { ...init, headers });
  };
}
