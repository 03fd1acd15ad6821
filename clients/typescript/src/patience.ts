import { TRPCClientError } from "@trpc/client";

const FIRST_PAUSE = 100;
export const LONGEST_PAUSE = 2_000;

/** Milliseconds before the next try, after so many. Clients do not come back all at once. */
export function pause(attempts: number): number {
  const longest = Math.min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE);
  return longest * (0.5 + Math.random() / 2);
}

/** Whether it passes by itself: the server was not reached, or its database is away. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof TRPCClientError)) return false;
  if (error.data) return error.data.code === "SERVICE_UNAVAILABLE";
  // What has no code comes from no ChainGraph server, or was cut on its way.
  const status = statusOf(error);
  return status === undefined || status < 400 || status === 429 || status >= 500;
}

function statusOf(error: TRPCClientError<never>): number | undefined {
  const response = error.meta?.["response"];
  if (response instanceof Response) return response.status;
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return typeof code === "number" ? code : undefined;
}

/** Pauses that grow, until `timeout` milliseconds have passed since the first failure. */
export class Patience {
  #attempts = 0;
  #since = 0;

  constructor(readonly timeout: number) {}

  /** The server answers; whatever comes next is a first failure. */
  renew(): void {
    this.#attempts = 0;
  }

  /** Resolves when it is time to try again. Throws the error when there is no time left. */
  async spend(error: unknown): Promise<void> {
    if (this.#attempts++ === 0) this.#since = Date.now();
    const wait = pause(this.#attempts);
    if (Date.now() + wait > this.#since + this.timeout) throw error;
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
