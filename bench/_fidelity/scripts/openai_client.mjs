// The official client of Node.

import OpenAI from "openai";

const [url, model, kind] = process.argv.slice(-3);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
const greedy = { model, temperature: 0, max_tokens: 8, seed: 7 };
const chat = { ...greedy, messages: [{ role: "user", content: "Name three colours of the rainbow." }] };
const parameters = {
  type: "object",
  properties: { city: { type: "string", enum: ["Rome", "Oslo"] } },
  required: ["city"],
  additionalProperties: false,
};
const tools = [{ type: "function", function: { name: "weather", parameters } }];
const tool = { tools, tool_choice: { type: "function", function: { name: "weather" } }, max_tokens: 16 };
const response_format = { type: "json_schema", json_schema: { name: "city", strict: true, schema: parameters } };

// What a stream says; where it was cut is chance.
function joined(chunks) {
  const text = {}, ends = {}, calls = {};
  let usage = null;
  for (const chunk of chunks) {
    usage = chunk.usage ?? usage;
    for (const choice of chunk.choices) {
      text[choice.index] = (text[choice.index] ?? "") + (choice.delta?.content ?? choice.text ?? "");
      if (choice.delta?.tool_calls) calls[choice.index] = true;
      ends[choice.index] = choice.finish_reason ?? ends[choice.index];
    }
  }
  return { text, ends, calls, usage, tail: chunks.at(-1)?.system_fingerprint };
}

async function stream(more = {}) {
  const chunks = [];
  for await (const chunk of await client.chat.completions.create({ ...chat, ...more, stream: true })) chunks.push(chunk);
  return joined(chunks);
}

async function refused(more) {
  try {
    await client.chat.completions.create({ ...chat, ...more });
  } catch (error) {
    return [error.constructor.name, error.status, error.error];
  }
  throw new Error("it was answered");
}

const generating = {
  "chat": () => client.chat.completions.create(chat),
  "n=2": () => client.chat.completions.create({ ...chat, n: 2, temperature: 0.9 }),
  "logprobs": () => client.chat.completions.create({ ...chat, logprobs: true, top_logprobs: 2 }),
  "named tool": () => client.chat.completions.create({ ...chat, ...tool }),
  "JSON schema": () => client.chat.completions.create({ ...chat, response_format, max_tokens: 16 }),
  "stream": () => stream(),
  "stream with usage": () => stream({ stream_options: { include_usage: true } }),
  "stream n=2": () => stream({ n: 2, temperature: 0.9 }),
  "stream of a tool": () => stream(tool),
  "stream helper": async () => (await client.chat.completions.stream({ ...chat, stop: ["rainbow"] }).finalChatCompletion()).choices,
  "raw": async () => {
    const { data, response } = await client.chat.completions.create(chat).withResponse();
    return [response.status, response.headers.get("content-type"), data];
  },
  "completion": () => client.completions.create({ ...greedy, prompt: "One, two," }),
  "responses": async () => {
    const found = await client.responses.create({ model, input: "Name a colour.", max_output_tokens: 6, temperature: 0 });
    return [found.output_text, found.usage, found.status];
  },
  "models": async () => (await client.models.list()).data,
  "unknown model": () => refused({ model: "nobody" }),
  "too long": () => refused({ messages: [{ role: "user", content: "word ".repeat(3000) }] }),
};
const embedding = {
  "embeddings": () => client.embeddings.create({ model, input: ["red", "blue"] }),
  "embeddings as floats": () => client.embeddings.create({ model, input: "red", encoding_format: "float" }),
};

const found = {};
for (const [name, mode] of Object.entries(kind === "generating" ? generating : embedding)) {
  try {
    found[name] = { ok: true, value: await mode() };
  } catch (error) {
    found[name] = { ok: false, value: `${error.constructor.name}: ${error.message}` };
  }
}
console.log(JSON.stringify(found));
