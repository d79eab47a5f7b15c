import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Portico, Problem, body, pages, seen } from "../src/index.js";

interface State {
  gateway: string;
  logins: { role: string; email: string; password: string }[];
}

const state = JSON.parse(readFileSync(process.env["PORTICO_STATE"] ?? "", "utf8")) as State;

function account(role: string): [string, string] {
  const found = state.logins.find((login) => login.role === role);
  assert.ok(found);
  return [found.email, found.password];
}

async function editor(): Promise<Portico> {
  const portico = new Portico(state.gateway);
  await portico.login(...account("editor"));
  return portico;
}

function product() {
  const slug = `cup-${randomUUID()}`;
  return { slug, title: "Tin cup", variants: [{ sku: slug.toUpperCase().slice(0, 40), prices: [{ amount_minor: 900, currency: "EUR" }] }] };
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) {
    found.push(item);
  }
  return found;
}

const list = (portico: Portico, limit: number) =>
  all(pages((cursor) => portico.api.GET("/v1/products", { params: { query: { limit, ...cursor } } })));

test("everybody can read the catalogue page by page", async () => {
  const portico = new Portico(state.gateway);

  const inPages = await list(portico, 7);

  assert.ok(inPages.length >= 20);
  const known = (await list(portico, 100)).map((item) => item.id);
  assert.deepEqual(inPages.map((item) => item.id), known);
});

test("a product is made, changed and deleted", async () => {
  const portico = await editor();
  const key = { header: { "Idempotency-Key": randomUUID() } };
  const made = await body(portico.api.POST("/v1/products", { params: key, body: product() }));
  const path = { id: made.id };
  const headers = { "content-type": "application/merge-patch+json" };

  const changed = await body(
    portico.api.PATCH("/v1/products/{id}", { params: { path, header: seen(made) }, headers, body: { title: "Tin mug" } }),
  );

  assert.deepEqual([changed.title, changed.version], ["Tin mug", made.version + 1]);
  await assert.rejects(
    body(portico.api.PATCH("/v1/products/{id}", { params: { path, header: seen(made) }, headers, body: { title: "Tin pot" } })),
    (problem) => problem instanceof Problem && problem.status === 412 && problem.code === "version_mismatch",
  );
  await body(portico.api.DELETE("/v1/products/{id}", { params: { path, header: seen(changed) } }));
  await assert.rejects(
    body(portico.api.GET("/v1/products/{id}", { params: { path } })),
    (problem) => problem instanceof Problem && problem.status === 410,
  );
});

test("all that is wrong is told, with the id of the request", async () => {
  const portico = await editor();

  const refused = await body(portico.api.POST("/v1/products", { body: { slug: "Not A Slug", title: "" } })).catch(
    (problem: unknown) => problem,
  );

  assert.ok(refused instanceof Problem);
  assert.deepEqual([refused.status, refused.code], [422, "validation_failed"]);
  assert.deepEqual(refused.errors.map((error) => error.pointer).sort(), ["/slug", "/title"]);
  assert.ok(refused.requestId);
});

test("nobody is logged in without a login, or with a wrong password", async () => {
  const portico = new Portico(state.gateway);

  await assert.rejects(body(portico.api.GET("/v1/users/me")), (problem) => problem instanceof Problem && problem.status === 401);
  await assert.rejects(
    portico.login(account("editor")[0], "not the password of anybody"),
    (problem) => problem instanceof Problem && problem.code === "invalid_credentials",
  );
});

test("an expired token is refreshed once for all who wait", async () => {
  const asked: string[] = [];
  const counted = (request: Request) => {
    asked.push(new URL(request.url).pathname);
    return fetch(request);
  };
  const portico = new Portico(state.gateway, { fetch: counted });
  const tokens = await portico.login(...account("editor"));
  portico.tokens = { ...tokens, access_token: `${tokens.access_token.slice(0, -8)}AAAAAAAA` };

  const found = await Promise.all(Array.from({ length: 8 }, () => body(portico.api.GET("/v1/users/me"))));

  assert.equal(new Set(found.map((me) => me.id)).size, 1);
  assert.equal(asked.filter((path) => path === "/v1/auth/refresh").length, 1);
  // Nothing was sent twice, or the session would have ended.
  await body(portico.api.GET("/v1/users/me"));
});

test("what was refused for now is tried again after the pause that was asked for, and no more often than is allowed", async () => {
  const answers = [503, 429, 503];
  let sent = 0;
  const faulty = (request: Request) => {
    sent += 1;
    const status = answers.shift();
    return status === undefined ? fetch(request) : Promise.resolve(new Response("{}", { status, headers: { "retry-after": "0" } }));
  };
  const portico = new Portico(state.gateway, { fetch: faulty });

  const page = await body(portico.api.GET("/v1/products", { params: { query: { limit: 1 } } }));

  assert.equal(page.items.length, 1);
  assert.equal(sent, 4);
  const refusing = new Portico(state.gateway, { attempts: 2, fetch: () => Promise.resolve(new Response("{}", { status: 503 })) });
  await assert.rejects(body(refusing.api.GET("/v1/products")), (problem) => problem instanceof Problem && problem.status === 503);
});
