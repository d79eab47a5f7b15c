/**
 * Portico from TypeScript: every path and body typed by the gateway's document (`schema.d.ts`, generated), with login, token
 * refresh, retries and pages.
 */
import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./schema.js";

export type { components, operations, paths } from "./schema.js";

/** The tokens of a session. */
export type Tokens = components["schemas"]["TokensView"];
/** An error, as every process of Portico tells it (RFC 9457). */
export type ProblemBody = components["schemas"]["Problem"];

/** An answer of 400 and above. */
export class Problem extends Error {
  readonly status: number;
  /** What went wrong, for programs: `not_found`, `validation_failed`. */
  readonly code: string;
  /** What is wrong with which field. */
  readonly errors: readonly components["schemas"]["FieldError"][];
  /** By this the logs know the request. */
  readonly requestId: string | null;

  constructor(response: Response, body: Partial<ProblemBody> | undefined) {
    super(`${response.status} ${body?.code ?? ""}: ${body?.detail ?? body?.title ?? response.statusText}`);
    this.name = "Problem";
    this.status = response.status;
    this.code = body?.code ?? "";
    this.errors = body?.errors ?? [];
    this.requestId = response.headers.get("x-request-id");
  }
}

/** What the methods of openapi-fetch give. */
interface Result<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** The body of a good answer; any other is thrown as a `Problem`. */
export async function body<Data>(asked: Promise<Result<Data>>): Promise<Data> {
  const { data, error, response } = await asked;
  if (!response.ok) {
    throw new Problem(response, isProblem(error) ? error : undefined);
  }
  return data as Data;
}

function isProblem(error: unknown): error is Partial<ProblemBody> {
  return typeof error === "object" && error !== null;
}

/** A page of a list. */
interface Page<Item> {
  items: Item[];
  page: { next_cursor: string | null };
}

/** What a list holds, fetched page by page while it is read. `fetchPage` is called with the cursor of each. */
export async function* pages<Item>(
  fetchPage: (cursor: { cursor?: string }) => Promise<Result<Page<Item>>>,
): AsyncGenerator<Item, void, undefined> {
  let cursor: { cursor?: string } = {};
  for (;;) {
    const page = await body(fetchPage(cursor));
    yield* page.items;
    if (page.page.next_cursor === null) {
      return;
    }
    cursor = { cursor: page.page.next_cursor };
  }
}

/** The headers of a change: the version that was seen, and what a merge patch is called. */
export function seen(view: { version: number }): { "If-Match": string } {
  return { "If-Match": `"${view.version}"` };
}

/** Settings of a client. */
export interface Options {
  /** What sends requests; `fetch` when left out. */
  fetch?: (request: Request) => Promise<Response>;
  /** How often a request is sent at most; 5 when left out. */
  attempts?: number;
}

/** A suite, seen through its gateway. */
export class Portico {
  /** Every path of the API, by its method: `portico.api.GET("/v1/products")`. */
  readonly api: Client<paths>;
  /** The tokens of the session, if there is one. */
  tokens: Tokens | null = null;

  readonly #baseUrl: string;
  readonly #send: (request: Request) => Promise<Response>;
  readonly #attempts: number;
  #refreshing: Promise<void> | null = null;

  constructor(baseUrl: string, options: Options = {}) {
    this.#baseUrl = baseUrl.replace(/\/+$/, "");
    this.#send = options.fetch ?? ((request) => fetch(request));
    this.#attempts = options.attempts ?? 5;
    this.api = createClient<paths>({ baseUrl: this.#baseUrl, fetch: (request) => this.#authorised(request) });
  }

  /** Begins a session; its tokens go with every request from now on, and are refreshed when they expire. */
  async login(email: string, password: string): Promise<Tokens> {
    const answer = await this.#retried(this.#post("/v1/auth/login", { email, password }));
    if (!answer.ok) {
      throw new Problem(answer, (await answer.json()) as ProblemBody);
    }
    this.tokens = (await answer.json()) as Tokens;
    return this.tokens;
  }

  /** Ends the session. */
  async logout(): Promise<void> {
    await body(this.api.POST("/v1/auth/logout", {}));
    this.tokens = null;
  }

  #post(path: string, content: unknown): Request {
    const headers = { "content-type": "application/json" };
    return new Request(this.#baseUrl + path, { method: "POST", headers, body: JSON.stringify(content) });
  }

  async #authorised(request: Request): Promise<Response> {
    const tokens = this.tokens;
    const answer = await this.#retried(sign(request.clone(), tokens));
    if (tokens === null || answer.status !== 401) {
      return answer;
    }
    if (this.tokens === tokens) {
      // A refresh token is good once: whoever sends it a second time ends the session. So one refreshes, and the others wait.
      this.#refreshing ??= this.#refresh(tokens).finally(() => {
        this.#refreshing = null;
      });
      await this.#refreshing;
    }
    return this.tokens === null ? answer : this.#retried(sign(request, this.tokens));
  }

  async #refresh(tokens: Tokens): Promise<void> {
    const answer = await this.#retried(this.#post("/v1/auth/refresh", { refresh_token: tokens.refresh_token }));
    if (answer.ok) {
      this.tokens = (await answer.json()) as Tokens;
    } else if (answer.status === 400 || answer.status === 401) {
      this.tokens = null;
    }
  }

  /** Again, after the pause that `Retry-After` asks for, what was refused before anything was done. */
  async #retried(request: Request): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#send(request.clone());
      if (attempt >= this.#attempts || (answer.status !== 429 && answer.status !== 503)) {
        return answer;
      }
      const asked = Number(answer.headers.get("retry-after") ?? Number.NaN);
      const seconds = Number.isFinite(asked) ? asked : 0.25 * 2 ** (attempt - 1) * (0.5 + Math.random());
      await new Promise((resume) => setTimeout(resume, Math.min(seconds, 120) * 1000));
    }
  }
}

function sign(request: Request, tokens: Tokens | null): Request {
  if (tokens !== null) {
    request.headers.set("authorization", `Bearer ${tokens.access_token}`);
  }
  return request;
}
