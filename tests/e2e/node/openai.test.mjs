// What programs written with the real `openai` package for Node see.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import OpenAI from "openai";

import { startServer } from "./server.mjs";

const messages = [{ role: "user", content: "Name the capital of France in one short sentence." }];
let server, client, model;

before(async () => {
  server = await startServer();
  client = new OpenAI({ baseURL: server.baseURL, apiKey: "none", maxRetries: 0 });
  model = (await client.models.list()).data[0].id;
});
after(async () => {
  assert.equal(await server.stop(), 0);
});

test("models are listed and shown", async () => {
  assert.equal((await client.models.retrieve(model)).id, model);
  await assert.rejects(client.models.retrieve("no-such-model"), (error) => error.status === 404 && error.code === "model_not_found");
});

test("a chat is answered", async () => {
  const answer = await client.chat.completions.create({ model, messages, max_completion_tokens: 24, temperature: 0 });
  assert.ok(answer.choices[0].message.content.trim().length > 0);
  assert.ok(["stop", "length"].includes(answer.choices[0].finish_reason));
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test("a stream equals the whole answer", async () => {
  const request = { model, messages, max_tokens: 24, seed: 7, temperature: 0.8 };
  const whole = await client.chat.completions.create(request);
  const stream = await client.chat.completions.create({ ...request, stream: true, stream_options: { include_usage: true } });
  let text = "", usage = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
});

test("the stream helper gathers the same message", async () => {
  const runner = client.chat.completions.stream({ model, messages, max_tokens: 8, temperature: 0 });
  const final = await runner.finalChatCompletion();
  assert.equal(final.choices[0].message.role, "assistant");
  assert.ok(final.choices[0].message.content.length > 0);
});

test("an aborted stream ends, and the server serves on", async () => {
  const stream = await client.chat.completions.create({ model, messages, max_tokens: 2000, stream: true });
  for await (const chunk of stream) {
    assert.ok(chunk.id);
    stream.controller.abort();
  }
  assert.ok((await client.chat.completions.create({ model, messages, max_tokens: 4 })).choices.length);
});

test("completions stream with logprobs", async () => {
  const request = { model, prompt: "Once upon a time", max_tokens: 8, temperature: 0, logprobs: 1 };
  const whole = await client.completions.create(request);
  let text = "";
  const tokens = [];
  for await (const chunk of await client.completions.create({ ...request, stream: true })) {
    text += chunk.choices[0].text;
    tokens.push(...(chunk.choices[0].logprobs?.tokens ?? []));
  }
  assert.equal(text, whole.choices[0].text);
  assert.deepEqual(tokens, whole.choices[0].logprobs.tokens);
});

test("embeddings have length one and the same numbers each time", async () => {
  const [first, again] = await Promise.all([0, 1].map(() => client.embeddings.create({ model, input: ["The cat sits on the mat."] })));
  assert.deepEqual(first.data[0].embedding, again.data[0].embedding);
  assert.ok(first.data[0].embedding.length > 0);
});

test("refusals are OpenAI's", async () => {
  const refused = async (fields, param, code) =>
    assert.rejects(client.chat.completions.create({ model, messages, ...fields }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.param, param);
      assert.equal(error.code, code);
      return true;
    });
  await refused({ temperature: 3 }, "temperature", "decimal_above_max_value");
  await refused({ messages: [] }, "messages", "empty_array");
  await refused({ response_format: { type: "json_object" } }, "response_format", "not_supported");
  await refused({ tools: [{ type: "function", function: { name: "f" } }] }, "tools", "not_supported");
});
