import { isPassing, LONGEST_PAUSE, type Patience } from "./patience.js";

interface Observer<Value> {
  onData(value: Value): void;
  onError(error: unknown): void;
  onComplete(): void;
  onConnectionStateChange(state: { error?: unknown }): void;
}

/** Begins a subscription. */
export type Subscribe<Value> = (observer: Observer<Value>) => { unsubscribe(): void };

/** The values of one connection after the other, until one ends as it should. */
export async function* overAndOver<Value>(
  subscribe: Subscribe<Value>,
  patience: Patience,
  signal?: AbortSignal,
): AsyncGenerator<Value, void> {
  for (;;) {
    const began = Date.now();
    try {
      for await (const value of valuesOf(subscribe, signal)) {
        patience.renew();
        yield value;
      }
      return;
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (Date.now() - began > LONGEST_PAUSE) patience.renew();
      await patience.spend(error);
    }
  }
}

/** The values of one connection. Throws when it is lost or refused, or aborted by `signal`. */
async function* valuesOf<Value>(
  subscribe: Subscribe<Value>,
  signal?: AbortSignal,
): AsyncGenerator<Value, void> {
  signal?.throwIfAborted();
  const inbox = new Inbox<Value>();
  const abort = () => inbox.end({ error: signal?.reason });
  const subscription = subscribe({
    onData: (value) => inbox.put(value),
    onError: (error) => inbox.end({ error }),
    onComplete: () => inbox.end({}),
    onConnectionStateChange: ({ error }) => error && inbox.end({ error }),
  });
  signal?.addEventListener("abort", abort);
  try {
    yield* inbox.values();
  } finally {
    signal?.removeEventListener("abort", abort);
    subscription.unsubscribe();
  }
}

type Ending = { error?: unknown };

/** What has come and was not taken yet, and how it ended. */
class Inbox<Value> {
  #waiting: Value[] = [];
  #ending: Ending | undefined;
  #wake = () => {};

  put(value: Value): void {
    this.#waiting.push(value);
    this.#wake();
  }

  /** Nothing more will come. The first ending counts. */
  end(ending: Ending): void {
    this.#ending ??= ending;
    this.#wake();
  }

  async *values(): AsyncGenerator<Value, void> {
    for (;;) {
      yield* this.#waiting.splice(0);
      if (this.#waiting.length > 0) continue;
      if (this.#ending && "error" in this.#ending) throw this.#ending.error;
      if (this.#ending) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
