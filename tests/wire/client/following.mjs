// A subscription and all that it told.

import { failure } from './scenario.mjs';

export const ENDS = ['flow:completed', 'flow:failed', 'flow:cancelled'];
export const hasEnded = ({ events }) => events.some((event) => ENDS.includes(event.type));
export const hasCompleted = ({ completed }) => completed;

/** Subscribes; `seen` fills up, and `until` waits for it to be as wanted. An error ends the wait. */
export function follow(procedure, input) {
  const seen = { events: [], batches: 0, ids: [], started: 0, stopped: 0, completed: false, error: null, states: [] };
  let wake = () => {};
  const noting = (note) => (value) => {
    note(value);
    wake();
  };
  const subscription = procedure.subscribe(input, {
    onStarted: noting(() => seen.started++),
    onData: noting((data) => take(seen, data)),
    onStopped: noting(() => seen.stopped++),
    onComplete: noting(() => (seen.completed = true)),
    onError: noting((error) => (seen.error = failure(error))),
    onConnectionStateChange: noting(({ state }) => seen.states.push(state)),
  });
  async function until(isSo) {
    while (!isSo(seen) && !seen.error) await new Promise((resolve) => (wake = resolve));
    return seen;
  }
  return { seen, until, unsubscribe: () => subscription.unsubscribe() };
}

/** A batch is an array of events; one of a tree comes under its cursor. */
function take(seen, data) {
  seen.batches++;
  if (Array.isArray(data)) {
    seen.events.push(...data);
    return;
  }
  seen.ids.push(data.id);
  seen.events.push(...data.data.events.map(({ executionId, event }) => ({ executionId, ...event })));
}

/** The events in short, as a report shows them. */
export const shown = (events) => ({
  types: events.map((event) => event.type),
  indexes: events.map((event) => event.index),
  timesAreDates: events.every((event) => event.timestamp instanceof Date),
});
