// What AsyncAPI's own parser says of documents: node asyncapi_parser.mjs FOLDER FILE..., one JSON list a file in turn.
// FOLDER is where npm put the parser.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, ...files] = process.argv.slice(2);
const { Parser } = createRequire(`${folder}/`)("@asyncapi/parser");
const parser = new Parser();
for (const file of files) {
  const { document, diagnostics } = await parser.parse(readFileSync(file, "utf8"));
  const told = diagnostics.map((one) => ({ code: one.code, severity: one.severity, at: one.path.join("/"), says: one.message }));
  const messages = document === undefined ? null : document.messages().all().map((one) => one.name());
  console.log(JSON.stringify({ messages, told }));
}
