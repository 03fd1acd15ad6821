// superjson as clients set it up: those of the original know its custom types, others know none.

import { SuperJSON } from 'superjson';

const plain = (value) => value;

export const superjson = new SuperJSON();

export const original = new SuperJSON();
register('BaseNode', plain);
register('ExecutionEventImpl', (event) => ({
  ...event,
  timestamp: new Date(event.timestamp),
  data: original.deserialize(event.data),
}));

function register(name, deserialize) {
  original.registerCustom({ isApplicable: () => false, serialize: plain, deserialize }, name);
}
