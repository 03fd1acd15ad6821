// The types alone, for a client with links of one's own: here a WebSocket.

import type { ChainGraphRouter } from "@chaingraph/client";
import { createTRPCClient, createWSClient, wsLink } from "@trpc/client";
import superjson from "superjson";

export function connect(url: string, token: string) {
  const socket = createWSClient({ url, connectionParams: { sessionBadAI: token } });
  return createTRPCClient<ChainGraphRouter>({
    links: [wsLink({ client: socket, transformer: superjson })],
  });
}

export const client = connect("ws://localhost:4021/trpc", "a token");
