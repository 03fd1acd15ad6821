// A WebSocket whose frames are written down, and the client over it.

import { createTRPCClient, createWSClient, wsLink } from '@trpc/client';
import { WebSocket } from 'ws';
import { superjson } from './transformers.mjs';

/** `sent`, `received` and `closed` are of all connections together, in order. */
export function connect({ url, transformer = superjson, ...options }) {
  const log = { opened: 0, sent: [], received: [], closed: [] };
  let wake = () => {};
  const noting = (note) => (event) => {
    note(event);
    wake();
  };

  class Watched extends WebSocket {
    constructor(...given) {
      super(...given);
      this.addEventListener('open', noting(() => log.opened++));
      this.addEventListener('message', noting(({ data }) => log.received.push(read(data))));
      this.addEventListener('close', noting(({ code }) => log.closed.push(code)));
    }

    send(data, ...given) {
      log.sent.push(read(data));
      super.send(data, ...given);
    }
  }

  async function until(isSo) {
    while (!isSo(log)) await new Promise((resolve) => (wake = resolve));
  }

  const socket = createWSClient({ url, WebSocket: Watched, ...options });
  const client = createTRPCClient({ links: [wsLink({ client: socket, transformer })] });
  return { client, socket, log, until, close: () => socket.close() };
}

const read = (text) => (text === 'PING' || text === 'PONG' ? text : JSON.parse(text));
